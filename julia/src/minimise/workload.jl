# What precompilation runs of the optimisers.

const COMMON_STATE = ["theta", "best_theta", "best_total", "iteration", "finished"]
const QUASI_NEWTON_STATE = ["known", "terms", "search.step", "search.turns", "search.broken", "memory.pairs"]

"""
Every optimiser for a few iterations on a compiled objective, through the functions that Python calls; `data` are the
fresh data of every iteration where those are wanted.
"""
function run_minimise_workload(objective, data = nothing)
    parameters, terms, room = objective.parameters, length(objective.terms), 3
    schedule = """{"schedule": "CosineDecay", "learning_rate": 0.001}"""
    for (optimizer, more, state) in (
        ("adam", "\"learning_rate\": 0.001", ["good_theta", "accepted", "factor"]),
        ("adamw", "\"learning_rate\": $schedule, \"clip\": 1.0", ["good_theta", "accepted", "factor"]),
        ("soap", "\"blocks\": [[0, 1, 1]], \"precondition_every\": 1", ["good_theta", "accepted", "bases.left"]),
        ("lbfgs", "\"memory\": 2", QUASI_NEWTON_STATE),
        ("bfgs", "\"tolerance\": 1e-9", QUASI_NEWTON_STATE),
        ("bfgs", "\"update\": \"self_scaled_broyden\"", QUASI_NEWTON_STATE),
    )
        names, mask = vcat(COMMON_STATE, state), trues(parameters)
        run = prepare_minimise(
            objective,
            """{"optimizer": "$optimizer", "settings": {"iterations": $room, $more}, "seeds": 1, "terms": $terms,
                "free": $(JSON.json(mask)), "decay": $(JSON.json(mask)), "state": $(JSON.json(names))}""",
        )
        arrays = [zeros(max(parameters, terms, 1)) for _ in names]
        table = [Int64(UInt(pointer(array))) for array in arrays]
        logs = [zeros(room * max(terms, 1)) for _ in 1:6]
        GC.@preserve arrays table logs data begin
            set_state!(run, Int(UInt(pointer(table))))
            addresses = [Int(UInt(pointer(log))) for log in logs]
            fresh = data === nothing ? () : (objective, address(data), length(data), room - 1)
            advance!(run, 0, room, room, addresses..., fresh...)
            get_state!(run, Int(UInt(pointer(table))))
        end
    end
    return nothing
end
