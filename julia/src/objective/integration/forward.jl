# Forward mode through a solve: from tangents of the initial state and of `precomputed` to those of the observations.

function push_trajectory!(batch::Batch, slot::Slot, trajectory::Int, arrays::Vector{Float64}, offset::Int)
    p, sight = batch.problem, slot.sight
    begin_trajectory!(batch, slot, trajectory)
    for given in (sight.given, sight.seen)
        put_behind!(given.tangent, batch.initial.tangent, constants_offset(p, trajectory), p.constants)
    end
    given = sight.given
    n, k, tape = p.n, p.times_each, batch.tapes[trajectory]
    states = zeros(n * k)
    copyto!(slot.row, 1, batch.initial.tangent, initial_offset(p, trajectory) + 1, n)
    push_settled!(batch, slot, trajectory, slot.row)
    tableau, body = p.settings.method.tableau, slot.body.forward
    jump = slot.jump === nothing ? nothing : slot.jump.forward
    past = slot.field.history
    recorded = RecordedSolve(tape, tableau, body, given.values, given.tangent, slot.tangent, jump, slot.consistency, past)
    push_forward!(recorded, slot.row, states)
    for j in 1:k
        at = k * (trajectory - 1) + j
        copyto!(sight.state, 1, batch.states, n * (at - 1) + 1, n)
        copyto!(sight.tangent, 1, states, n * (j - 1) + 1, n)
        push_observation!(batch, sight, at, p.seen[at], arrays, offset)
    end
    return nothing
end

"Say at once, before anything is solved, if forward mode can't be had."
function check_tangent(settings::Settings)
    settings.method.tableau === nothing && throw(
        Unsupported(
            "Engine `julia` has no forward mode through solver `$(settings.method.name)`; explicit solvers have it, `rodas5p` and `rodas4`.",
        ),
    )
    return nothing
end
