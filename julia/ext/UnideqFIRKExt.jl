# Fully implicit Runge–Kutta methods.

module UnideqFIRKExt

using LinearSolve: KLUFactorization
using OrdinaryDiffEqFIRK: RadauIIA5
using PrecompileTools: @compile_workload
using Unideq: forget_kernels!, linear_solver, register_method!, run_integration_workload

solver(sparse) = linear_solver(sparse, KLUFactorization)

function register()
    register_method!("radauiia5", :firk, 5, true, sparse -> RadauIIA5(; linsolve = solver(sparse)))
    return nothing
end

__init__() = register()

@compile_workload begin
    register()
    foreach(run_integration_workload, ("radauiia5",))
    forget_kernels!()
end

end
