# The states of one trajectory: made step by step, kept for derivatives, or computed again.

"One trajectory from its start, with its observations; leaves status and steps behind, and states for derivatives."
function solve_trajectory!(batch::RolloutBatch, slot::RolloutSlot, trajectory::Int, arrays::Vector{Float64}, offset::Int)
    p, state = batch.problem, slot.sight.state
    keeps = is_differentiated(p)
    batch.status[trajectory] = NONFINITE
    begin_trajectory!(slot, p, trajectory)
    copyto!(state, 1, p.start, p.n * (trajectory - 1) + 1, p.n)
    for made in 1:p.warmup+p.steps
        batch.steps[trajectory] = made - 1
        counted = made - p.warmup
        keeps && counted >= 1 && keep!(batch, slot, trajectory, counted)
        make_step!(batch, slot, trajectory, made)
        all_finite(slot.next) || return nothing
        copyto!(state, slot.next)
        counted >= 1 && counted % p.every == 0 || continue
        seen = observation(p, trajectory, counted)
        observe!(batch, slot.sight, seen, time_after(p, trajectory, made), arrays, offset)
    end
    batch.steps[trajectory] = p.warmup + p.steps
    batch.status[trajectory] = SUCCESS
    keeps && p.segment == p.steps && keep!(batch, slot, trajectory, p.steps + 1)
    return nothing
end

"The constants of a trajectory."
begin_trajectory!(slot::RolloutSlot, p::CompiledRollout, trajectory::Int) =
    (copyto!(slot.sight.constants, 1, p.c, p.constants * (trajectory - 1) + 1, p.constants); nothing)

"What is given for a step comes behind the trajectory's constants."
function take_inputs!(s::Sight, p::CompiledRollout, trajectory::Int, made::Int)
    row = (p.warmup + p.steps) * (trajectory - 1) + made
    copyto!(s.constants, p.constants + 1, p.w, p.inputs * (row - 1) + 1, p.inputs)
    return nothing
end

"From the sight's state to `slot.next`, the state after that many steps, those of the warm-up among them."
function make_step!(batch::RolloutBatch, slot::RolloutSlot, trajectory::Int, made::Int)
    t, s = time_after(batch.problem, trajectory, made - 1), slot.sight
    take_inputs!(s, batch.problem, trajectory, made)
    run!(slot.body.value, t; x = s.state, c = s.constants, p = batch.precomputed.values, y = slot.next)
    return nothing
end

"Number of the observation after step i among those of all trajectories."
observation(p::CompiledRollout, trajectory::Int, i::Int) = records(p) * (trajectory - 1) + i ÷ p.every

"Is every number finite? Without a branch an element: 0 · x is NaN for infinite x."
function all_finite(x::Vector{Float64})
    sum = 0.0
    @inbounds @simd for i in eachindex(x)
        sum += 0.0 * x[i]
    end
    return sum == 0.0
end

segments(p::CompiledRollout) = cld(p.steps, p.segment)

"How many states of a trajectory are kept for derivatives."
states_kept(p::CompiledRollout) = p.segment == p.steps ? p.steps + 1 : segments(p)

"Keep the state before step i, if it is one to be kept."
function keep!(batch::RolloutBatch, slot::RolloutSlot, trajectory::Int, i::Int)
    p = batch.problem
    if p.segment == p.steps
        copyto!(batch.kept[trajectory], p.n * (i - 1) + 1, slot.sight.state, 1, p.n)
    elseif (i - 1) % p.segment == 0
        copyto!(batch.kept[trajectory], p.n * ((i - 1) ÷ p.segment) + 1, slot.sight.state, 1, p.n)
    end
    return nothing
end

"The steps of a segment."
steps_of(p::CompiledRollout, segment::Int) = p.segment*(segment-1)+1:min(p.segment * segment, p.steps)

"The states before the steps of a segment and after its last step, one after the other; computed again if need be."
function segment_states!(batch::RolloutBatch, slot::RolloutSlot, trajectory::Int, segment::Int)
    p, n, kept = batch.problem, batch.problem.n, batch.kept[trajectory]
    p.segment == p.steps && return kept
    copyto!(slot.segment, 1, kept, n * (segment - 1) + 1, n)
    for (k, i) in enumerate(steps_of(p, segment))
        copyto!(slot.sight.state, 1, slot.segment, n * (k - 1) + 1, n)
        make_step!(batch, slot, trajectory, p.warmup + i)
        copyto!(slot.segment, n * k + 1, slot.next, 1, n)
    end
    return slot.segment
end
