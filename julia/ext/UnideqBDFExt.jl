# Multistep methods for large stiff systems.

module UnideqBDFExt

using LinearSolve: LinearSolve
using OrdinaryDiffEqBDF: OrdinaryDiffEqBDF
using PrecompileTools: @compile_workload
using Unideq: forget_kernels!, run_integration_workload

@compile_workload begin
    run_integration_workload(:OrdinaryDiffEqBDF)
    forget_kernels!()
end

end
