# Problems that the tests share: the workload's programs, with any solver.

using Unideq: JSON, Unideq

const PROGRAMS = Unideq.WORKLOAD
const WORKLOAD_DATA = Float64[x for x in PROGRAMS["objective_data"]]

"A fresh copy of a program with another solver."
function program_with(which, solver; settings...)
    program = JSON.parse(PROGRAMS[which])
    sources = which == "objective" ? [s for s in program["sources"] if s["kind"] == "integration"] : [program]
    for source in sources
        source["solver"]["name"] = solver
        for (name, value) in settings
            source["solver"][String(name)] = value
        end
    end
    return JSON.json(program)
end

objective_with(solver; dt = 0.02, settings...) = objective_of(program_with("objective", solver; settings...); dt)

function objective_of(program; dt = 0.02)
    objective = Unideq.prepare_objective(program)
    data = copy(WORKLOAD_DATA)
    data[11] = dt               # after 2 starts and 2 × 4 times
    GC.@preserve data Unideq.set_data!(objective, Unideq.address(data), length(data))
    return objective
end

const THETA = [0.3 * sin(2.0 * i) for i in 1:18]

"A batch solved once, and its problem."
function solved_batch(solver; theta = THETA, threads = 1, dt = 0.02, settings...)
    objective = objective_with(solver; dt, settings...)
    worker = Unideq.make_worker(objective; threads)
    total, failed = Unideq.loss!(worker, theta, zeros(2))
    @assert !failed
    return worker.sources[1], objective.sources[1]
end
