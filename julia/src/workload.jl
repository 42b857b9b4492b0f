# What is run while the package is precompiled, so that a new process has only its own model to compile.

include_dependency("workload.json")
const WORKLOAD = JSON.parsefile(joinpath(@__DIR__, "workload.json"))

address(array::Vector{Float64}) = Int(UInt(pointer(array)))

"An objective's values and derivatives, by the functions that Python calls."
function run_objective_workload(name::String = "objective", data_name::String = "objective_data")
    objective = prepare_objective(WORKLOAD[name])
    data = Float64[x for x in WORKLOAD[data_name]]
    p, t = objective.parameters, length(objective.terms)
    theta, total, terms = fill(0.1, 2p), zeros(2), zeros(2t)
    gradient, tangent = zeros(2p * t), ones(p)
    GC.@preserve data theta total terms gradient tangent begin
        set_data!(objective, address(data), length(data))
        for members in 1:2
            value!(objective, address(theta), members, address(total), address(terms))
            for per_term in (false, true)
                value_and_gradient!(
                    objective,
                    address(theta),
                    members,
                    address(total),
                    address(terms),
                    address(gradient),
                    per_term,
                )
            end
        end
        jacobian_vector!(objective, address(theta), 1, address(tangent), address(total))
    end
    all(isfinite, gradient) || error("the gradient of the workload isn't finite")
    return objective
end

"A gradient through a Rosenbrock method, whose package is loaded."
run_stiff_objective_workload() = run_objective_workload("stiff_objective")

"Short solves by the solvers of a package, which is loaded."
run_integration_workload(package::Symbol) = foreach(run_integration_workload, solvers_of(String(package)))

"A short solve by the solver of that name, whose package is loaded."
function run_integration_workload(solver::String)
    stiff = method(solver).implicit
    program = JSON.parse(WORKLOAD[stiff ? "stiff" : "integration"])
    program["solver"]["name"] = solver
    data = Float64[x for x in WORKLOAD["integration_data"]]
    data[11] = 0.05             # the step, after 2 starts and 2 × 4 times
    run_source_workload(JSON.json(program), data, solver)
    return nothing
end

"A batch of solves, by the functions that Python calls."
function run_source_workload(program::AbstractString, data::Vector{Float64}, what::String)
    prepared = prepare_source(program)
    p = prepared.problem
    theta, arrays = fill(0.1, prepared.parameters), zeros(arrays_length(p))
    status, counts = ones(p.trajectories), zeros(counts_each(p) * p.trajectories)
    GC.@preserve data theta arrays status counts begin
        where = address(theta), 1, address(arrays), address(status), address(counts)
        solve_source!(prepared, address(data), length(data), where...)
    end
    all(==(SUCCESS), status) || error("the workload's $what failed: status $status")
    return nothing
end

"A short rollout, and training through it with fresh data."
function run_rollout_workload()
    data = Float64[x for x in WORKLOAD["rollout_objective_data"]]
    run_minimise_workload(run_objective_workload("rollout_objective", "rollout_objective_data"), data)
    run_source_workload(WORKLOAD["rollout"], Float64[x for x in WORKLOAD["rollout_data"]], "rollout")
    return nothing
end

function run_evaluation_workload()
    evaluation = prepare_evaluation(WORKLOAD["evaluation"])
    inputs, outputs = fill(0.1, sum(evaluation.inputs.sizes .* ifelse.(evaluation.mapped, 3, 1))), zeros(6)
    GC.@preserve inputs outputs evaluate!(evaluation, address(inputs), 3, address(outputs))
    return nothing
end

"Forget the kernels of the workload: they don't belong in the package image."
forget_kernels!() = (empty!(KERNELS); nothing)

@compile_workload begin
    codegen_workload()
    run_minimise_workload(run_objective_workload())
    foreach(run_integration_workload, ("tsit5", "vern7", "rk4", "euler"))
    run_rollout_workload()
    run_objective_workload("points_objective", "points_objective_data")
    run_evaluation_workload()
    package_versions()
    forget_kernels!()
end
