# Reverse mode through a solve: from cotangents of the observations to those of the initial state and of `precomputed`.

function pull_trajectory!(batch::Batch, slot::Slot, trajectory::Int, cotangents, offset::Int, block::Int)
    p, n, row, dp = batch.problem, batch.problem.n, slot.row, batch.precomputed.cotangents[block]
    begin_trajectory!(batch, slot, trajectory)
    for j in 1:p.times_each
        at = p.times_each * (trajectory - 1) + j
        copyto!(slot.sight.state, 1, batch.states, n * (at - 1) + 1, n)
        pull_observation!(batch, slot.sight, at, p.seen[at], cotangents, offset, block)
        copyto!(batch.seeds, n * (at - 1) + 1, slot.sight.pulled, 1, n)
    end
    fill!(row, 0.0)
    pull_by!(adjoint_of(p.settings), batch, slot, trajectory, row, dp)
    pull_settled!(batch, slot, trajectory, row, dp)
    began = batch.initial.cotangents[1]
    copyto!(began, initial_offset(p, trajectory) + 1, row, 1, n)
    for cotangents in (dp, batch.observe_precomputed.cotangents[block])
        take_behind!(began, constants_offset(p, trajectory), cotangents, p.constants)
    end
    return nothing
end

"""
    pull_by!(adjoint, batch, slot, trajectory, u0, dp)

One solve backwards: add the cotangent of the initial state to `u0` (n) and that of what the body reads at port p to `dp`, given
`batch.seeds[n*(K*(trajectory-1)) .+ (1:n*K)]`, the cotangents of the states (K, n) observed at
`p.times[K*(trajectory-1) .+ (1:K)]`. `adjoint` is `Val(name)`.
"""
function pull_by!(::Val{:discrete}, batch::Batch, slot::Slot, trajectory::Int, u0, dp)
    p, tape, body = batch.problem, batch.tapes[trajectory], slot.body.reverse
    jump = slot.jump === nothing ? nothing : slot.jump.reverse
    given, tableau, past = slot.sight.given.values, p.settings.method.tableau, slot.field.history
    recorded = RecordedSolve(tape, tableau, body, given, dp, slot.adjoint, jump, slot.consistency, past)
    pull!(recorded, batch.seeds, p.n * p.times_each * (trajectory - 1), u0)
    return nothing
end

const ADJOINTS = (:discrete, :gauss, :interpolating, :quadrature, :backsolve, :forward)

"The adjoint that the settings ask for: `auto` is `discrete` where the method has a tableau, else `gauss`."
function adjoint_of(settings::Settings)
    name = settings.adjoint
    name === :auto && (name = settings.method.tableau === nothing ? :gauss : :discrete)
    return Val(name)
end

"Say at once if gradients can't be had through events."
function check_events(settings::Settings)
    adjoint_of(settings) === Val(:discrete) || throw(
        Unsupported(
            "Events go with the adjoint `discrete` alone, which follows the steps taken; `$(settings.method.name)` has " *
            "`$(typeof(adjoint_of(settings)).parameters[1])` here. Choose `adjoint=\"discrete\"` and a solver that has " *
            "it: an explicit one, `rodas5p` or `rodas4`.",
        ),
    )
    return nothing
end

"Say at once, before anything is solved, if gradients can't be had."
function check_adjoint(settings::Settings)
    name = typeof(adjoint_of(settings)).parameters[1]
    name in ADJOINTS || throw(ArgumentError("unknown adjoint `$name`; there are $(join(ADJOINTS, ", "))"))
    tableau = settings.method.tableau
    if (name === :discrete && tableau === nothing) || (name === :forward && !(tableau isa Tableau))
        throw(
            Unsupported(
                "Solver `$(settings.method.name)` has no adjoint `$name`; " *
                "choose `adjoint=\"gauss\"`, or an explicit solver.",
            ),
        )
    end
    name in CONTINUOUS && load_continuous(name, settings)
    return nothing
end
