# Rosenbrock methods: one factorisation a step, no Newton iteration.

module UnideqRosenbrockExt

using LinearSolve: KLUFactorization
using OrdinaryDiffEqRosenbrock: OrdinaryDiffEqRosenbrock, Rodas4, Rodas5P, Rosenbrock23
using PrecompileTools: @compile_workload
using Unideq:
    RosenbrockTableau,
    forget_kernels!,
    linear_solver,
    register_method!,
    run_integration_workload,
    run_stiff_objective_workload

solver(sparse) = linear_solver(sparse, KLUFactorization)

tableau(table) = RosenbrockTableau(table(Float64, Float64))

function register()
    register_method!(
        "rodas5p", :rosenbrock, 5, true, sparse -> Rodas5P(; linsolve = solver(sparse)),
        tableau(OrdinaryDiffEqRosenbrock.Rodas5PTableau),
    )
    register_method!(
        "rodas4", :rosenbrock, 4, true, sparse -> Rodas4(; linsolve = solver(sparse)),
        tableau(OrdinaryDiffEqRosenbrock.Rodas4Tableau),
    )
    register_method!("rosenbrock23", :rosenbrock, 2, true, sparse -> Rosenbrock23(; linsolve = solver(sparse)))
    return nothing
end

__init__() = register()

@compile_workload begin
    register()
    foreach(run_integration_workload, ("rodas5p", "rodas4", "rosenbrock23"))
    run_stiff_objective_workload()
    forget_kernels!()
end

end
