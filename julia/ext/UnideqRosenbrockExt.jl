# Rosenbrock methods: one factorisation a step, no Newton iteration.

module UnideqRosenbrockExt

using LinearSolve: LinearSolve
using OrdinaryDiffEqRosenbrock: OrdinaryDiffEqRosenbrock
using PrecompileTools: @compile_workload
using Unideq: forget_kernels!, run_integration_workload, run_stiff_objective_workload

@compile_workload begin
    run_integration_workload(:OrdinaryDiffEqRosenbrock)
    run_stiff_objective_workload()
    forget_kernels!()
end

end
