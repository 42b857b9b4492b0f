# Solutions and rollouts, with status and statistics.

"A batch of trajectories with the workers that solve it."
struct Prepared{P,B}
    problem::P
    parameters::Int
    workers::Vector{B}
    lock::ReentrantLock
end

const PreparedIntegration = Prepared{CompiledIntegration,Batch}
const PreparedRollout = Prepared{CompiledRollout,RolloutBatch}

"""
    prepare_integration(json) -> PreparedIntegration

Compile what `unideq.engine.julia.program.integration_json` wrote.
"""
function prepare_integration(json::AbstractString)
    data = JSON.parse(json)
    graph = read_graph(data["initial"])
    theta = only(graph.nodes[i] for i in graph.inputs if graph.nodes[i].name == "theta")
    return PreparedIntegration(CompiledIntegration(data), length(theta), Batch[], ReentrantLock())
end

"""
    prepare_rollout(json) -> PreparedRollout

Compile what `unideq.engine.julia.program.rollout_json` wrote.
"""
function prepare_rollout(json::AbstractString)
    data = JSON.parse(json)
    return PreparedRollout(CompiledRollout(data), Int(data["parameters"]), RolloutBatch[], ReentrantLock())
end

"""
    integrate!(integration, data, n, theta, S, arrays, status, statistics)

Solve all problems (B) at every θ (S, P). `data` is what `integration_data` made; `arrays` takes the outputs one after
the other, each (S, B, K, …), NaN from a failure on; `status` (S, B); `statistics` (S, B, 4): steps, accepted, rejected,
evaluations.
"""
function integrate!(
    prepared::PreparedIntegration,
    data::Integer,
    n::Integer,
    theta::Integer,
    members::Integer,
    arrays::Integer,
    status::Integer,
    statistics::Integer,
)
    b = prepared.problem.trajectories
    codes, counts = numbers(status, members * b), numbers(statistics, members * b * 4)
    solve_members!(prepared, numbers(data, n), theta, members, arrays) do batch::Batch, s::Int
        for i in 1:b
            codes[b*(s-1)+i] = batch.status[i]
            c = batch.statistics[i]
            counts[4*(b*(s-1)+i-1).+(1:4)] .= (c.steps, c.accepted, c.rejected, c.evaluations)
        end
    end
    return nothing
end

"""
    rollout!(rollout, data, n, theta, S, arrays, status, steps)

Roll out all trajectories (B) at every θ (S, P). `data` is what `rollout_data` made; `arrays` takes the outputs one
after the other, each (S, B, K, …), NaN after a failure; `status` and `steps` (S, B).
"""
function rollout!(
    prepared::PreparedRollout,
    data::Integer,
    n::Integer,
    theta::Integer,
    members::Integer,
    arrays::Integer,
    status::Integer,
    steps::Integer,
)
    b = prepared.problem.trajectories
    codes, counts = numbers(status, members * b), numbers(steps, members * b)
    solve_members!(prepared, numbers(data, n), theta, members, arrays) do batch::RolloutBatch, s::Int
        copyto!(codes, b * (s - 1) + 1, batch.status, 1, b)
        copyto!(counts, b * (s - 1) + 1, batch.steps, 1, b)
    end
    return nothing
end

"Solve at every θ, write the arrays, NaN where nothing was recorded, and call `report(batch, s)` for each member s."
function solve_members!(report, prepared::Prepared, data::Vector{Float64}, theta, members, arrays)
    p, size = prepared.problem, prepared.parameters
    length(data) == data_length(p) ||
        throw(ArgumentError("this program has $(data_length(p)) numbers of data, not $(length(data))"))
    total = arrays_length(p)
    thetas, out = numbers(theta, members * size), numbers(arrays, members * total)
    lock(prepared.lock) do
        set_data!(p, data)
        over_batches(prepared, members) do batch, s::Int
            found = fill(NaN, total)
            solve_batch!(batch, thetas[size*(s-1)+1:size*s], found, 0)
            at = 0
            for each in p.outputs.sizes
                length = each * points(p)
                copyto!(out, members * at + length * (s - 1) + 1, found, at + 1, length)
                at += length
            end
            report(batch, s)
        end
    end
    return nothing
end

"Run `f(batch, s)` for all members: one has all threads, several share them."
function over_batches(f, prepared::Prepared, members::Integer)
    count = min(Int(members), Threads.nthreads())
    threads = members == 1 ? Threads.nthreads() : 1
    if isempty(prepared.workers) || length(prepared.workers[1].lanes) != min(threads, prepared.problem.trajectories)
        empty!(prepared.workers)
    end
    while length(prepared.workers) < count
        push!(prepared.workers, evaluator(prepared.problem, threads))
    end
    count == 1 && return foreach(s -> f(prepared.workers[1], s), 1:members)
    next = Threads.Atomic{Int}(1)
    @sync for batch in prepared.workers[1:count]
        Threads.@spawn while (s = Threads.atomic_add!(next, 1)) <= members
            f(batch, s)
        end
    end
    return nothing
end
