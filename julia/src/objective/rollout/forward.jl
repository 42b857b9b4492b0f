# Forward mode along a trajectory of steps.

"The tangents along the states. Steps that don't pass derivatives on see their state without a tangent."
function push_trajectory!(batch::RolloutBatch, slot::RolloutSlot, trajectory::Int, arrays::Vector{Float64}, offset::Int)
    p, n, sight = batch.problem, batch.problem.n, slot.sight
    begin_trajectory!(slot, p, trajectory)
    fill!(sight.tangent, 0.0)
    for segment in 1:segments(p)
        states, steps = segment_states!(batch, slot, trajectory, segment), steps_of(p, segment)
        for i in steps
            recorded, at = i % p.every == 0, n * (i - first(steps)) + 1
            recorded || p.through || continue
            copyto!(sight.state, 1, states, at, n)
            take_inputs!(sight, p, trajectory, p.warmup + i)
            push_step!(batch, slot, time_after(p, trajectory, p.warmup + i - 1))
            recorded || continue
            copyto!(sight.state, 1, states, at + n, n)
            seen = observation(p, trajectory, i)
            push_observation!(batch, sight, seen, time_after(p, trajectory, p.warmup + i), arrays, offset)
        end
    end
    return nothing
end

"The tangent of the state becomes that of the state after the step from there."
function push_step!(batch::RolloutBatch, slot::RolloutSlot, t::Float64)
    s, given = slot.sight, batch.precomputed
    run!(
        slot.body.forward, t;
        x = s.state, c = s.constants, p = given.values, dx = s.tangent, dp = given.tangent, dy = slot.moved,
    )
    copyto!(s.tangent, slot.moved)
    return nothing
end
