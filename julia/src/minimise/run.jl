# A run: one optimiser on one objective, for all seeds, advanced in chunks of iterations.

"A phase of training on S seeds, the workers that they share, and its logs; the arrays called `names` are its state."
struct Run{M,S,V,W}
    method::M
    problem::MinimiseProblem
    states::Vector{S}
    values::Vector{V}
    workers::Vector{W}
    names::Vector{String}
    logs::Logs
end

"""
    prepare_minimise(objective, settings)

A `Run` from JSON text: `optimizer` and its `settings`, or its `turn` (`read_first_order`); the numbers of `seeds` and
`terms`, the mask `free`, how the terms' weights move (`balancing`, or nothing), and the names of the arrays that make up
its `state`, which `set_state!` has to fill (with `weights` among them every seed has its own); and where its `logs` go
(`wrap_logs`).
"""
function prepare_minimise(objective, settings::AbstractString)
    given = JSON.parse(settings)
    return make_run(objective, read_method(given), given)
end

function make_run(objective, method, given::AbstractDict)
    free, seeds, terms = Vector{Bool}(given["free"]), Int(given["seeds"]), Int(given["terms"])
    problem = MinimiseProblem(free)
    states = [start_state(method, length(free), terms) for _ in 1:seeds]
    balancing = get(given, "balancing", nothing)
    balance = balancing === nothing ? nothing : read_balance(balancing, free)
    weighted = "weights" in given["state"]
    values = [
        LossValue(length(free), terms, weighted ? Weighing(balance, length(free), terms) : nothing) for _ in 1:seeds
    ]
    busy = clamp(seeds, 1, Threads.nthreads())
    workers = [worker_for(method, objective, Threads.nthreads() ÷ busy) for _ in 1:busy]
    logs = haskey(given, "logs") ? wrap_logs(given["logs"], seeds, terms) : no_logs()
    return Run(method, problem, states, values, workers, String.(given["state"]), logs)
end

"What a method evaluates the objective with, spread over that many threads."
worker_for(method, objective, threads::Int) = make_worker(objective; threads)

"Read the state of all seeds. At `table` lie the addresses of the named arrays (int64)."
set_state!(run::Run, table::Integer) = each_array(load_state!, run, table)

"Write the state of all seeds to the named arrays, whose addresses lie at `table` (int64)."
get_state!(run::Run, table::Integer) = each_array(store_state, run, table)

function each_array(move, run::Run, table::Integer)
    addresses = unsafe_wrap(Vector{Int64}, Ptr{Int64}(table), length(run.names))
    for (name, address) in zip(run.names, addresses), (seed, state) in enumerate(run.states)
        move(name == "weights" ? run.values[seed].weighing : state, name, address, seed)
    end
    return nothing
end

"""
    advance!(run, base, target)

Go on until every running seed has made `target` iterations, and tell whether any still runs. Iteration i (from 0) is
logged in column i - `base`.
"""
function advance!(run::Run, base::Integer, target::Integer)
    run.logs.base = base
    return advance!(run, Int(target), run.logs)
end

"""
    advance!(run, base, target, objective, draws, width, first)

The same with fresh data for every iteration: `draws` is the address of rows of that width, what `set_data!` of the
objective takes, for the iterations from `first` on.
"""
function advance!(run::Run, base::Integer, target::Integer, objective, draws, width, first)
    run.logs.base = base
    running = any(state -> state.finished == 0, run.states)
    for iteration in first:target-1
        running || return false
        set_data!(objective, draws + sizeof(Float64) * width * (iteration - first), width)
        running = advance!(run, iteration + 1, run.logs)
    end
    return running
end

function advance!(run::Run, target::Int, logs::Logs)
    if length(run.workers) == 1
        for seed in eachindex(run.states)
            advance_seed!(run, seed, run.workers[1], target, logs)
        end
    else
        next = Threads.Atomic{Int}(1)
        @sync for worker in run.workers
            Threads.@spawn advance_some!(run, next, worker, target, logs)
        end
    end
    return any(state -> state.finished == 0, run.states)
end

"One thread's part: the next seed that nobody has taken, until all are."
function advance_some!(run::Run, next::Threads.Atomic{Int}, worker, target::Int, logs::Logs)
    while (seed = Threads.atomic_add!(next, 1)) <= length(run.states)
        advance_seed!(run, seed, worker, target, logs)
    end
    return nothing
end

function advance_seed!(run::Run, seed::Int, worker, target::Int, logs::Logs)
    state, value = run.states[seed], run.values[seed]
    while state.finished == 0 && state.iteration < target
        at = state.iteration
        value.weighing === nothing || (value.weighing.iteration = at)
        turn!(run.method, state, value, run.problem, worker, logs, seed)
        value.weighing === nothing || at == state.iteration || log_weights!(logs, seed, at, value.weighing.weights)
    end
    return nothing
end
