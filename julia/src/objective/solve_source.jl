# Solutions and rollouts, with status and statistics.

"A batch of trajectories with the workers that solve it."
struct Prepared{P<:CompiledSource}
    problem::P
    parameters::Int
    workers::Vector{Evaluator}
    lock::ReentrantLock
end

"""
    prepare_source(json) -> Prepared

Compile what `unideq.engine.julia.program.source_json` wrote.
"""
function prepare_source(json::AbstractString)
    data = JSON.parse(json)
    source = compile_source(data)
    return Prepared(source, Int(data["parameters"]), Evaluator[], ReentrantLock())
end

"""
    solve_source!(prepared, data, n, theta, S, arrays, status, counts)

Solve all problems (B) at every θ (S, P). `data` is what `source_data` made; `arrays` takes the outputs one after the
other, each (S, B, K, …), NaN from a failure on; `status` (S, B); `counts` (S, B, …).
"""
function solve_source!(
    prepared::Prepared,
    data::Integer,
    n::Integer,
    theta::Integer,
    members::Integer,
    arrays::Integer,
    status::Integer,
    counts::Integer,
)
    b, each = prepared.problem.trajectories, counts_each(prepared.problem)
    codes, all_counts = numbers(status, members * b), numbers(counts, members * b * each)
    solve_members!(prepared, numbers(data, n), theta, members, arrays) do batch, s::Int
        for i in 1:b
            at = b * (s - 1) + i
            codes[at] = batch.status[i]
            all_counts[each*(at-1)+1:each*at] .= counts_of(batch, i)
        end
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
            for each in outputs(p).sizes
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
    if isempty(prepared.workers) || length(prepared.workers[1].slots) != min(threads, prepared.problem.trajectories)
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
