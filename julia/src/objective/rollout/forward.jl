# Forward mode through a batch of rollouts: from a tangent of θ to the tangents of the observations.

"""
    push_batch!(batch, theta, tangent, arrays, offset)

Write the tangents of the batch's arrays to `arrays`, from `offset` on. After `solve_batch!` at the same θ.
"""
function push_batch!(
    batch::RolloutBatch,
    theta::Vector{Float64},
    tangent::Vector{Float64},
    arrays::Vector{Float64},
    offset::Int,
)
    p, w = batch.problem, batch.prologue_works
    d = p.tangent::RolloutDerivatives
    push_whole!(d.prologue, theta, tangent, batch.once_tangent, w[3])
    push_whole!(d.observe_prologue, theta, tangent, batch.observe_once_tangent, w[6])
    over_blocks(length(batch.lanes), p.trajectories) do l, range, _
        lane = batch.lanes[l]
        setup_forward!(batch, lane)
        for trajectory in range
            push_trajectory!(batch, lane, trajectory, arrays, offset)
        end
    end
    return nothing
end

function setup_forward!(batch::RolloutBatch, lane::RolloutLane)
    d = batch.problem.tangent::RolloutDerivatives
    once, observe_once, seen = batch.once_tangent, batch.observe_once_tangent, lane.observed
    fill!(seen, 0.0)
    d.step.setup(lane.state, batch.once, lane.tangent, once, lane.moved, lane.step_jvp_work, 0.0)
    d.observe.setup(lane.state, batch.observe_once, lane.tangent, observe_once, seen, lane.observe_jvp_work, 0.0)
    return nothing
end

"One trajectory's tangents along its states. Steps that don't pass derivatives on see their state without a tangent."
function push_trajectory!(batch::RolloutBatch, lane::RolloutLane, trajectory::Int, arrays::Vector{Float64}, offset::Int)
    p, n = batch.problem, batch.problem.n
    begin_trajectory!(lane, p, trajectory)
    fill!(lane.tangent, 0.0)
    for segment in 1:segments(p)
        states, steps = segment_states!(batch, lane, trajectory, segment), steps_of(p, segment)
        for i in steps
            recorded, at = i % p.every == 0, n * (i - first(steps)) + 1
            recorded || p.through || continue
            copyto!(lane.state, 1, states, at, n)
            push_step!(batch, lane, trajectory, i)
            recorded || continue
            copyto!(lane.state, 1, states, at + n, n)
            push_observation!(batch, lane, trajectory, i, arrays, offset)
        end
    end
    return nothing
end

"Step i from `lane.state`: `lane.tangent` becomes that of the state after."
function push_step!(batch::RolloutBatch, lane::RolloutLane, trajectory::Int, i::Int)
    p = batch.problem
    kernel, t = (p.tangent::RolloutDerivatives).step, time_after(p, trajectory, p.warmup + i - 1)
    kernel.run(lane.state, batch.once, lane.tangent, batch.once_tangent, lane.moved, lane.step_jvp_work, t)
    copyto!(lane.tangent, lane.moved)
    return nothing
end

function push_observation!(batch::RolloutBatch, lane::RolloutLane, trajectory::Int, i::Int, arrays, offset::Int)
    p, once = batch.problem, batch.observe_once
    kernel, t = (p.tangent::RolloutDerivatives).observe, time_after(p, trajectory, p.warmup + i)
    tangent = batch.observe_once_tangent
    kernel.run(lane.state, once, lane.tangent, tangent, lane.observed, lane.observe_jvp_work, t)
    scatter!(arrays, offset, lane.observed, p, observation(p, trajectory, i))
    return nothing
end
