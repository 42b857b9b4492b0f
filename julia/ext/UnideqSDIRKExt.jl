# Singly diagonally implicit Runge–Kutta methods.

module UnideqSDIRKExt

using LinearSolve: KLUFactorization
using OrdinaryDiffEqSDIRK: KenCarp4, Kvaerno5, TRBDF2
using PrecompileTools: @compile_workload
using Unideq: forget_kernels!, linear_solver, register_method!, run_integration_workload

solver(sparse) = linear_solver(sparse, KLUFactorization)

function register()
    register_method!("trbdf2", :sdirk, 2, true, sparse -> TRBDF2(; linsolve = solver(sparse)))
    register_method!("kencarp4", :sdirk, 4, true, sparse -> KenCarp4(; linsolve = solver(sparse)))
    register_method!("kvaerno5", :sdirk, 5, true, sparse -> Kvaerno5(; linsolve = solver(sparse)))
    return nothing
end

__init__() = register()

@compile_workload begin
    register()
    foreach(run_integration_workload, ("trbdf2", "kencarp4", "kvaerno5"))
    forget_kernels!()
end

end
