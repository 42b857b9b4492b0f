# Solutions, with status and statistics.

"An integration with the workers that solve it."
struct PreparedIntegration
    problem::CompiledIntegration
    parameters::Int
    workers::Vector{Batch}
    lock::ReentrantLock
end

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
    integrate!(integration, data, n, theta, S, arrays, status, statistics)

Solve all problems (B) at every θ (S, P). `data` is what `integration_data` made; `arrays` takes the outputs one after
the other, each (S, B, K, …), NaN after a failure; `status` (S, B); `statistics` (S, B, 4): steps, accepted, rejected,
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
    p, size = prepared.problem, prepared.parameters
    n == data_length(p) || throw(ArgumentError("this integration has $(data_length(p)) numbers of data, not $n"))
    b, total = p.trajectories, arrays_length(p)
    thetas, out = numbers(theta, members * size), numbers(arrays, members * total)
    codes, counts = numbers(status, members * b), numbers(statistics, members * b * 4)
    lock(prepared.lock) do
        set_data!(p, numbers(data, n))
        over_batches(prepared, members) do batch::Batch, s::Int
            found = fill(NaN, total)
            solve_batch!(batch, thetas[size*(s-1)+1:size*s], found, 0)
            at = 0
            for each in p.outputs.sizes
                length = each * b * p.times_each
                copyto!(out, members * at + length * (s - 1) + 1, found, at + 1, length)
                at += length
            end
            for i in 1:b
                codes[b*(s-1)+i] = batch.status[i]
                c = batch.statistics[i]
                counts[4*(b*(s-1)+i-1).+(1:4)] .= (c.steps, c.accepted, c.rejected, c.evaluations)
            end
        end
    end
    return nothing
end

"Run `f(batch, s)` for all members: one has all threads, several share them."
function over_batches(f, prepared::PreparedIntegration, members::Integer)
    count = min(Int(members), Threads.nthreads())
    threads = members == 1 ? Threads.nthreads() : 1
    if isempty(prepared.workers) || length(prepared.workers[1].lanes) != min(threads, prepared.problem.trajectories)
        empty!(prepared.workers)
    end
    while length(prepared.workers) < count
        push!(prepared.workers, Batch(prepared.problem, threads))
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
