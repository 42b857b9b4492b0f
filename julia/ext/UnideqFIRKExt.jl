# Fully implicit Runge–Kutta methods.

module UnideqFIRKExt

using LinearSolve: LinearSolve
using OrdinaryDiffEqFIRK: OrdinaryDiffEqFIRK
using PrecompileTools: @compile_workload
using Unideq: forget_kernels!, run_integration_workload

@compile_workload begin
    run_integration_workload(:OrdinaryDiffEqFIRK)
    forget_kernels!()
end

end
