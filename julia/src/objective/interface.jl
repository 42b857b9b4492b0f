# What Python calls: flat functions of text and of addresses of C-contiguous float64 arrays.

"A thing that this engine can't do, in words for the user; Python raises `EngineUnsupported` for it."
struct Unsupported <: Exception
    message::String
end

Base.showerror(io::IO, e::Unsupported) = print(io, "Unsupported: ", e.message)

numbers(address::Integer, n::Integer) = unsafe_wrap(Vector{Float64}, Ptr{Float64}(UInt(address)), Int(n))

"""
    prepare_objective(json) -> CompiledObjective

Compile what `unideq.engine.julia.program.objective_json` wrote.
"""
prepare_objective(json::AbstractString) = CompiledObjective(JSON.parse(json))

"Number of values that `set_data!` wants."
data_length(o::CompiledObjective) = sum(data_length, o.sources; init = 0) + length(o.weights)

"""
    set_data!(objective, address, n)

Times, points and weights, in the order that `objective_data` makes.
"""
function set_data!(o::CompiledObjective, address::Integer, n::Integer)
    n == data_length(o) || throw(ArgumentError("this objective has $(data_length(o)) numbers of data, not $n"))
    data, at = numbers(address, n), 0
    for source in o.sources
        size = data_length(source)
        set_data!(source, view(data, at+1:at+size))
        at += size
    end
    copyto!(o.weights, 1, data, at + 1, length(o.weights))
    return nothing
end

"""
    over_members(f, objective, S)

Run `f(worker, s)` for all members s of an ensemble. One member has all threads for its batches; several are spread over
the threads, one worker each.
"""
function over_members(f, o::CompiledObjective, members::Integer)
    return lock(o.lock) do
        if members == 1
            f(worker_of!(o, 1, Threads.nthreads()), 1)
            return nothing
        end
        count = min(Int(members), Threads.nthreads())
        workers = [worker_of!(o, i + 1, 1) for i in 1:count]
        count == 1 && return foreach(s -> f(workers[1], s), 1:members)
        next = Threads.Atomic{Int}(1)
        @sync for worker in workers
            Threads.@spawn while (s = Threads.atomic_add!(next, 1)) <= members
                f(worker, s)
            end
        end
        return nothing
    end
end

"Worker 1 serves single members, with all threads; the others serve ensembles."
function worker_of!(o::CompiledObjective, i::Int, threads::Int)
    while length(o.workers) < i
        push!(o.workers, nothing)
    end
    o.workers[i] === nothing && (o.workers[i] = bare_worker(o, threads))
    return o.workers[i]::Worker
end

"""
    value!(objective, theta, S, total, terms)

Total (S) and terms (S, T) at θ (S, P); NaN where a solve failed.
"""
function value!(o::CompiledObjective, theta::Integer, members::Integer, total::Integer, terms::Integer)
    p, t = o.parameters, length(o.terms)
    thetas, totals, all_terms = numbers(theta, members * p), numbers(total, members), numbers(terms, members * t)
    over_members(o, members) do worker::Worker, s::Int
        copyto!(worker.theta, 1, thetas, p * (s - 1) + 1, p)
        totals[s], _ = loss!(worker, worker.theta, worker.terms)
        copyto!(all_terms, t * (s - 1) + 1, worker.terms, 1, t)
    end
    return nothing
end

"""
    value_and_gradient!(objective, theta, S, total, terms, gradient, per_term)

As `value!`, with the gradient of the total (S, P), or of every unweighted term (S, T, P).
"""
function value_and_gradient!(
    o::CompiledObjective,
    theta::Integer,
    members::Integer,
    total::Integer,
    terms::Integer,
    gradient::Integer,
    per_term::Bool,
)
    p, t = o.parameters, length(o.terms)
    thetas, totals, all_terms = numbers(theta, members * p), numbers(total, members), numbers(terms, members * t)
    need_reverse!(o)
    gradients = numbers(gradient, members * p * (per_term ? t : 1))
    over_members(o, members) do worker::Worker, s::Int
        copyto!(worker.theta, 1, thetas, p * (s - 1) + 1, p)
        if per_term
            totals[s] = gradients_of_terms!(worker, gradients, p * t * (s - 1))
        else
            totals[s], _ = loss_and_gradient!(worker, worker.theta, worker.gradient, worker.terms)
            copyto!(gradients, p * (s - 1) + 1, worker.gradient, 1, p)
        end
        copyto!(all_terms, t * (s - 1) + 1, worker.terms, 1, t)
    end
    return nothing
end

"Gradients (T, P) of all terms go to `out` from `offset` on."
function gradients_of_terms!(worker::Worker, out::Vector{Float64}, offset::Int)
    p, t = worker.objective.parameters, length(worker.terms)
    gradients = reshape(view(out, offset+1:offset+p*t), p, t)
    failed = gradients_of_terms!(gradients, worker, worker.theta, worker.terms, 1:t)
    return failed ? NaN : dot(worker.objective.weights, worker.terms)
end

"""
    jacobian_vector!(objective, theta, S, tangent, out)

Derivative of the total (S) along `tangent` (P), by forward mode.
"""
function jacobian_vector!(o::CompiledObjective, theta::Integer, members::Integer, tangent::Integer, out::Integer)
    p = o.parameters
    thetas, results, along = numbers(theta, members * p), numbers(out, members), copy(numbers(tangent, p))
    need_forward!(o)
    over_members(o, members) do worker::Worker, s::Int
        copyto!(worker.theta, 1, thetas, p * (s - 1) + 1, p)
        results[s] = directional_derivative(worker, worker.theta, along)
    end
    return nothing
end
