# Singly diagonally implicit Runge–Kutta methods.

module UnideqSDIRKExt

using LinearSolve: LinearSolve
using OrdinaryDiffEqSDIRK: OrdinaryDiffEqSDIRK
using PrecompileTools: @compile_workload
using Unideq: forget_kernels!, run_integration_workload

@compile_workload begin
    run_integration_workload(:OrdinaryDiffEqSDIRK)
    forget_kernels!()
end

end
