# Reverse mode along a trajectory of steps.

"""
`slot.after` is the cotangent of the state after a step: what the step that follows passed on, and what is observed of
that state. Without derivatives from step to step it's the latter alone.
"""
function pull_trajectory!(batch::RolloutBatch, slot::RolloutSlot, trajectory::Int, cotangents, offset::Int, block::Int)
    p, n, sight = batch.problem, batch.problem.n, slot.sight
    begin_trajectory!(slot, p, trajectory)
    fill!(slot.after, 0.0)
    for segment in segments(p):-1:1
        states, steps = segment_states!(batch, slot, trajectory, segment), steps_of(p, segment)
        for i in reverse(steps)
            recorded, at = i % p.every == 0, n * (i - first(steps)) + 1
            recorded || p.through || continue
            if recorded
                copyto!(sight.state, 1, states, at + n, n)
                seen = observation(p, trajectory, i)
                pull_observation!(batch, sight, seen, time_after(p, trajectory, p.warmup + i), cotangents, offset, block)
                add_scaled!(slot.after, 1.0, sight.pulled)
            end
            copyto!(sight.state, 1, states, at, n)
            take_inputs!(sight, p, trajectory, p.warmup + i)
            pull_step!(batch, slot, time_after(p, trajectory, p.warmup + i - 1), block)
        end
    end
    return nothing
end

"The cotangent `after` becomes that of the state before the step from there."
function pull_step!(batch::RolloutBatch, slot::RolloutSlot, t::Float64, block::Int)
    s, given = slot.sight, batch.precomputed
    run!(
        slot.body.reverse, t;
        x = s.state, c = s.constants, p = given.values, dy = slot.after, dx = slot.moved, dp = given.cotangents[block],
    )
    passes_on(batch.problem) ? copyto!(slot.after, slot.moved) : fill!(slot.after, 0.0)
    return nothing
end
