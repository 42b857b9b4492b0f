# Reverse mode through a batch: from cotangents of the observations to the cotangent of θ.

"""
    prepare_reverse!(batch)

Prepare the derivative kernels for the values of θ just solved for.
"""
function prepare_reverse!(batch::Batch)
    p = batch.problem
    d = p.gradient::IntegrationDerivatives
    once, observe_once = batch.once_cotangents[1], batch.observe_once_cotangents[1]
    for lane in batch.lanes
        state, seed = lane.buffers.state, lane.buffers.slope
        d.body.setup(state, batch.once, seed, lane.pulled, once, lane.body_vjp_work, 0.0)
        d.observe.setup(state, batch.observe_once, lane.observed, lane.pulled, observe_once, lane.observe_vjp_work, 0.0)
        lane.adjoint isa RosenbrockBuffers && setup!(lane.adjoint, batch.once, once, false)
    end
    return nothing
end

"""
    pull_batch!(batch, theta, cotangents, offset, gradient)

Add to `gradient` what the cotangents of the batch's arrays (from `offset` on) amount to. After `prepare_reverse!`.
"""
function pull_batch!(
    batch::Batch,
    theta::Vector{Float64},
    cotangents::Vector{Float64},
    offset::Int,
    gradient::Vector{Float64},
)
    p = batch.problem
    d = p.gradient::IntegrationDerivatives
    fill!(batch.u0_cotangent, 0.0)
    over_blocks(length(batch.lanes), p.trajectories) do l, range, block
        fill!(batch.once_cotangents[block], 0.0)
        fill!(batch.observe_once_cotangents[block], 0.0)
        for trajectory in range
            pull_observations!(batch, batch.lanes[l], trajectory, cotangents, offset, block)
            pull_solve!(batch, l, trajectory, block)
        end
    end
    once, observe_once = sum_blocks!(batch.once_cotangents), sum_blocks!(batch.observe_once_cotangents)
    w = batch.prologue_works
    pull_whole!(d.prologue, theta, once, gradient, w[2])
    pull_whole!(d.observe_prologue, theta, observe_once, gradient, w[5])
    pull_whole!(d.initial, theta, batch.u0_cotangent, gradient, batch.initial_vjp_work)
    return nothing
end

function pull_whole!(kernel::Kernel, theta, cotangent, gradient, work)
    kernel.setup(theta, cotangent, gradient, NOTHING, NOTHING, work, 0.0)
    kernel.run(theta, cotangent, gradient, NOTHING, NOTHING, work, 0.0)
    return nothing
end

function sum_blocks!(blocks::Vector{Vector{Float64}})
    for i in 2:length(blocks)
        add_scaled!(blocks[1], 1.0, blocks[i])
    end
    return blocks[1]
end

"From cotangents of the observations to `batch.seeds`, cotangents of the states observed."
function pull_observations!(batch::Batch, lane::Lane, trajectory::Int, cotangents, offset::Int, block::Int)
    p, state = batch.problem, lane.buffers.state
    kernel = (p.gradient::IntegrationDerivatives).observe
    for j in 1:p.times_each
        at = p.times_each * (trajectory - 1) + j
        copyto!(state, 1, batch.states, p.n * (at - 1) + 1, p.n)
        gather!(lane.observed, cotangents, offset, p, at)
        kernel.run(
            state,
            batch.observe_once,
            lane.observed,
            lane.pulled,
            batch.observe_once_cotangents[block],
            lane.observe_vjp_work,
            p.seen[at],
        )
        copyto!(batch.seeds, p.n * (at - 1) + 1, lane.pulled, 1, p.n)
    end
    return nothing
end

"From `batch.seeds` to the cotangents of the initial state and of the once-arrays, by the adjoint that was asked for."
function pull_solve!(batch::Batch, l::Int, trajectory::Int, block::Int)
    p, lane, row = batch.problem, batch.lanes[l], batch.row[l]
    fill!(row, 0.0)
    pull_by!(adjoint_of(p.settings), batch, lane, trajectory, row, batch.once_cotangents[block])
    copyto!(batch.u0_cotangent, p.n * (trajectory - 1) + 1, row, 1, p.n)
    return nothing
end

"""
    pull_by!(adjoint, batch, lane, trajectory, u0, once)

One solve backwards: add the cotangent of the initial state to `u0` (n) and that of the once-arrays to `once`, given
`batch.seeds[n*(K*(trajectory-1)) .+ (1:n*K)]`, the cotangents of the states (K, n) observed at
`p.times[K*(trajectory-1) .+ (1:K)]`. `adjoint` is `Val(name)`.
"""
function pull_by!(::Val{:discrete}, batch::Batch, lane::Lane, trajectory::Int, u0, once)
    p = batch.problem
    pull!(
        batch.tapes[trajectory],
        p.settings.method.tableau,
        (p.gradient::IntegrationDerivatives).body,
        batch.once,
        lane.body_vjp_work,
        batch.seeds,
        p.n * p.times_each * (trajectory - 1),
        u0,
        once,
        lane.adjoint,
    )
    return nothing
end

const ADJOINTS = (:discrete, :gauss, :interpolating, :quadrature, :backsolve, :forward)

"The adjoint that the settings ask for: `auto` is `discrete` where the method has a tableau, else `gauss`."
function adjoint_of(settings::Settings)
    name = settings.adjoint
    name === :auto && (name = settings.method.tableau === nothing ? :gauss : :discrete)
    return Val(name)
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
