# Multistep methods for large stiff systems.

module UnideqBDFExt

using LinearSolve: KLUFactorization
using OrdinaryDiffEqBDF: FBDF, QNDF
using PrecompileTools: @compile_workload
using Unideq: forget_kernels!, linear_solver, register_method!, run_integration_workload

solver(sparse) = linear_solver(sparse, KLUFactorization)

function register()
    register_method!("fbdf", :bdf, 5, true, sparse -> FBDF(; linsolve = solver(sparse)))
    register_method!("qndf", :bdf, 5, true, sparse -> QNDF(; linsolve = solver(sparse)))
    return nothing
end

__init__() = register()

@compile_workload begin
    register()
    foreach(run_integration_workload, ("fbdf", "qndf"))
    forget_kernels!()
end

end
