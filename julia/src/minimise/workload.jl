# What precompilation runs of the optimisers.

const COMMON_STATE = ["theta", "best_theta", "best_total", "iteration", "finished"]
const LOG_NAMES = ["total", "terms", "gradient_norm", "learning_rate", "rejected"]
const QUASI_NEWTON_STATE = ["known", "terms", "search.step", "search.turns", "search.broken", "memory.pairs"]

"""
Every optimiser for a few iterations on a compiled objective, through the functions that Python calls; `data` are the
fresh data of every iteration where those are wanted. The objective has as many parameters as the stored programs.
"""
function run_minimise_workload(objective, data = nothing)
    parameters, terms, room = objective.parameters, length(objective.terms), 3
    programs = Dict{String,Any}[]
    for (optimizer, more) in (("lbfgs", "memory" => 2), ("bfgs", "update" => "bfgs"), ("bfgs", "update" => "self_scaled_broyden"))
        settings = Dict{String,Any}("tolerance" => 1e-9, "line_search" => 20, more)
        push!(
            programs,
            Dict(
                "optimizer" => optimizer, "settings" => settings, "seeds" => 1, "free" => trues(parameters),
                "state" => vcat(COMMON_STATE, QUASI_NEWTON_STATE),
            ),
        )
    end
    append!(programs, JSON.parse(WORKLOAD[name]) for name in ("adamw", "soap"))
    for program in programs
        names, logs = program["state"], Dict(name => zeros(room * max(terms, 1)) for name in LOG_NAMES)
        length(program["free"]) == parameters || throw(ArgumentError("the stored programs have other parameters"))
        arrays = [zeros(max(parameters, terms, 9)) for _ in names]
        table = [Int64(UInt(pointer(array))) for array in arrays]
        GC.@preserve arrays table logs data begin
            where = Dict{String,Any}(name => address(log) for (name, log) in logs)
            merge!(program, Dict("terms" => terms, "logs" => merge!(where, Dict("room" => room))))
            run = prepare_minimise(objective, JSON.json(program))
            set_state!(run, Int(UInt(pointer(table))))
            fresh = data === nothing ? () : (objective, address(data), length(data), room - 1)
            advance!(run, 0, room, fresh...)
            get_state!(run, Int(UInt(pointer(table))))
        end
    end
    return nothing
end
