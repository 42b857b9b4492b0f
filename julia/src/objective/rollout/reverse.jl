# Reverse mode through a batch of rollouts: from cotangents of the observations to the cotangent of θ.

"Prepare the derivative kernels for the values of θ just rolled out for."
function prepare_reverse!(batch::RolloutBatch)
    d = batch.problem.gradient::RolloutDerivatives
    once, observe_once = batch.once_cotangents[1], batch.observe_once_cotangents[1]
    for lane in batch.lanes
        d.step.setup(lane.state, batch.once, lane.after, lane.before, once, lane.step_vjp_work, 0.0)
        seen = lane.observed
        d.observe.setup(lane.state, batch.observe_once, seen, lane.pulled, observe_once, lane.observe_vjp_work, 0.0)
    end
    return nothing
end

"""
    pull_batch!(batch, theta, cotangents, offset, gradient)

Add to `gradient` what the cotangents of the batch's arrays (from `offset` on) amount to. After `prepare_reverse!`.
"""
function pull_batch!(
    batch::RolloutBatch,
    theta::Vector{Float64},
    cotangents::Vector{Float64},
    offset::Int,
    gradient::Vector{Float64},
)
    p = batch.problem
    d = p.gradient::RolloutDerivatives
    over_blocks(length(batch.lanes), p.trajectories) do l, range, block
        fill!(batch.once_cotangents[block], 0.0)
        fill!(batch.observe_once_cotangents[block], 0.0)
        for trajectory in range
            pull_trajectory!(batch, batch.lanes[l], trajectory, cotangents, offset, block)
        end
    end
    once, observe_once = sum_blocks!(batch.once_cotangents), sum_blocks!(batch.observe_once_cotangents)
    pull_whole!(d.prologue, theta, once, gradient, batch.prologue_works[2])
    pull_whole!(d.observe_prologue, theta, observe_once, gradient, batch.prologue_works[5])
    return nothing
end

"""
One trajectory backwards. `lane.after` is the cotangent of the state after a step: what the step that follows passed
on, and what is observed of that state. Without derivatives from step to step it's the latter alone.
"""
function pull_trajectory!(batch::RolloutBatch, lane::RolloutLane, trajectory::Int, cotangents, offset::Int, block::Int)
    p, n = batch.problem, batch.problem.n
    begin_trajectory!(lane, p, trajectory)
    fill!(lane.after, 0.0)
    for segment in segments(p):-1:1
        states, steps = segment_states!(batch, lane, trajectory, segment), steps_of(p, segment)
        for i in reverse(steps)
            recorded, at = i % p.every == 0, n * (i - first(steps)) + 1
            recorded || p.through || continue
            if recorded
                copyto!(lane.state, 1, states, at + n, n)
                pull_observation!(batch, lane, trajectory, i, cotangents, offset, block)
            end
            copyto!(lane.state, 1, states, at, n)
            pull_step!(batch, lane, trajectory, i, block)
        end
    end
    return nothing
end

"Add the cotangent of the state that was observed after step i, `lane.state`, to `lane.after`."
function pull_observation!(batch::RolloutBatch, lane::RolloutLane, trajectory::Int, i::Int, cotangents, offset, block)
    p = batch.problem
    gather!(lane.observed, cotangents, offset, p, observation(p, trajectory, i))
    (p.gradient::RolloutDerivatives).observe.run(
        lane.state,
        batch.observe_once,
        lane.observed,
        lane.pulled,
        batch.observe_once_cotangents[block],
        lane.observe_vjp_work,
        time_after(p, trajectory, p.warmup + i),
    )
    add_scaled!(lane.after, 1.0, lane.pulled)
    return nothing
end

"Step i from `lane.state`: `lane.after` becomes the cotangent of the state before."
function pull_step!(batch::RolloutBatch, lane::RolloutLane, trajectory::Int, i::Int, block::Int)
    p = batch.problem
    (p.gradient::RolloutDerivatives).step.run(
        lane.state,
        batch.once,
        lane.after,
        lane.before,
        batch.once_cotangents[block],
        lane.step_vjp_work,
        time_after(p, trajectory, p.warmup + i - 1),
    )
    passes_on(p) ? copyto!(lane.after, lane.before) : fill!(lane.after, 0.0)
    return nothing
end
