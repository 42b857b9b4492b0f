# The states of one trajectory: made step by step, kept for derivatives, or computed again.

"One trajectory from its start, with its observations; leaves status and steps behind, and states for derivatives."
function roll_out!(batch::RolloutBatch, lane::RolloutLane, trajectory::Int, arrays::Vector{Float64}, offset::Int)
    p, state = batch.problem, lane.state
    keeps = differentiated(p)
    batch.status[trajectory] = NONFINITE
    begin_trajectory!(lane, p, trajectory)
    copyto!(state, 1, p.start, p.n * (trajectory - 1) + 1, p.n)
    for made in 1:p.warmup+p.steps
        batch.steps[trajectory] = made - 1
        counted = made - p.warmup
        keeps && counted >= 1 && keep!(batch, lane, trajectory, counted)
        make_step!(batch, lane, trajectory, made)
        all_finite(lane.next) || return nothing
        copyto!(state, lane.next)
        counted >= 1 && counted % p.every == 0 && observe!(batch, lane, trajectory, counted, arrays, offset)
    end
    batch.steps[trajectory] = p.warmup + p.steps
    batch.status[trajectory] = SUCCESS
    keeps && p.segment == p.steps && keep!(batch, lane, trajectory, p.steps + 1)
    return nothing
end

"Put a trajectory's constants behind the state."
begin_trajectory!(lane::RolloutLane, p::CompiledRollout, trajectory::Int) =
    (copyto!(lane.state, p.n + 1, p.c, p.constants * (trajectory - 1) + 1, p.constants); nothing)

"From `lane.state` to `lane.next`, the state after that many steps, those of the warm-up among them."
function make_step!(batch::RolloutBatch, lane::RolloutLane, trajectory::Int, made::Int)
    t = time_after(batch.problem, trajectory, made - 1)
    batch.problem.step.run(lane.state, batch.once, lane.next, NOTHING, NOTHING, lane.step_work, t)
    return nothing
end

"Write the observations of the state after step i to their places in `arrays`."
function observe!(batch::RolloutBatch, lane::RolloutLane, trajectory::Int, i::Int, arrays::Vector{Float64}, offset::Int)
    p, t = batch.problem, time_after(batch.problem, trajectory, batch.problem.warmup + i)
    p.observe.run(lane.state, batch.observe_once, lane.observed, NOTHING, NOTHING, lane.observe_work, t)
    scatter!(arrays, offset, lane.observed, p, observation(p, trajectory, i))
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
function keep!(batch::RolloutBatch, lane::RolloutLane, trajectory::Int, i::Int)
    p = batch.problem
    if p.segment == p.steps
        copyto!(batch.kept[trajectory], p.n * (i - 1) + 1, lane.state, 1, p.n)
    elseif (i - 1) % p.segment == 0
        copyto!(batch.kept[trajectory], p.n * ((i - 1) ÷ p.segment) + 1, lane.state, 1, p.n)
    end
    return nothing
end

"The steps of a segment."
steps_of(p::CompiledRollout, segment::Int) = p.segment*(segment-1)+1:min(p.segment * segment, p.steps)

"The states before the steps of a segment and after its last step, one after the other; computed again if need be."
function segment_states!(batch::RolloutBatch, lane::RolloutLane, trajectory::Int, segment::Int)
    p, n, kept = batch.problem, batch.problem.n, batch.kept[trajectory]
    p.segment == p.steps && return kept
    copyto!(lane.segment, 1, kept, n * (segment - 1) + 1, n)
    for (k, i) in enumerate(steps_of(p, segment))
        copyto!(lane.state, 1, lane.segment, n * (k - 1) + 1, n)
        make_step!(batch, lane, trajectory, p.warmup + i)
        copyto!(lane.segment, n * k + 1, lane.next, 1, n)
    end
    return lane.segment
end
