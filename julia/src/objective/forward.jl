# Forward mode through a batch: from a tangent of θ to the tangents of the observations.

"""
    push_batch!(batch, theta, tangent, arrays, offset)

Write the tangents of the batch's arrays to `arrays`, from `offset` on. After `solve_batch!` at the same θ.
"""
function push_batch!(
    batch::Batch,
    theta::Vector{Float64},
    tangent::Vector{Float64},
    arrays::Vector{Float64},
    offset::Int,
)
    p, w = batch.problem, batch.prologue_works
    d = p.tangent::IntegrationDerivatives
    push_whole!(d.prologue, theta, tangent, batch.once_tangent, w[3])
    push_whole!(d.observe_prologue, theta, tangent, batch.observe_once_tangent, w[6])
    push_whole!(d.initial, theta, tangent, batch.u0_tangent, batch.initial_jvp_work)
    over_blocks(length(batch.lanes), p.trajectories) do l, range, _
        lane = batch.lanes[l]
        setup_forward!(batch, lane)
        for trajectory in range
            push_one!(batch, lane, trajectory, arrays, offset)
        end
    end
    return nothing
end

function push_whole!(kernel::Kernel, theta, tangent, out, work)
    kernel.setup(theta, tangent, out, NOTHING, NOTHING, work, 0.0)
    kernel.run(theta, tangent, out, NOTHING, NOTHING, work, 0.0)
    return nothing
end

function setup_forward!(batch::Batch, lane::Lane)
    d = batch.problem.tangent::IntegrationDerivatives
    state, moved, slope = lane.buffers.state, lane.buffers.u0, lane.buffers.slope
    d.body.setup(state, batch.once, moved, batch.once_tangent, slope, lane.body_jvp_work, 0.0)
    observe_once, tangent = batch.observe_once, batch.observe_once_tangent
    d.observe.setup(state, observe_once, moved, tangent, lane.observed, lane.observe_jvp_work, 0.0)
    lane.tangent isa RosenbrockBuffers && setup!(lane.tangent, batch.once, batch.once_tangent, true)
    return nothing
end

function push_one!(batch::Batch, lane::Lane, trajectory::Int, arrays::Vector{Float64}, offset::Int)
    p, b = batch.problem, lane.buffers
    d, n, k = p.tangent::IntegrationDerivatives, p.n, p.times_each
    states = zeros(n * k)
    copyto!(b.u0, 1, batch.u0_tangent, n * (trajectory - 1) + 1, n)
    push_forward!(
        batch.tapes[trajectory],
        p.settings.method.tableau,
        d.body,
        batch.once,
        batch.once_tangent,
        lane.body_jvp_work,
        b.u0,
        states,
        0,
        lane.tangent,
    )
    for j in 1:k
        at = k * (trajectory - 1) + j
        copyto!(b.state, 1, batch.states, n * (at - 1) + 1, n)
        copyto!(b.u0, 1, states, n * (j - 1) + 1, n)
        d.observe.run(
            b.state,
            batch.observe_once,
            b.u0,
            batch.observe_once_tangent,
            lane.observed,
            lane.observe_jvp_work,
            p.seen[at],
        )
        scatter!(arrays, offset, lane.observed, p, at)
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
