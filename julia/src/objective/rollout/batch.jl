# A batch of rollouts: everything that one evaluation needs and leaves behind.

"Workspaces and buffers of one thread. `state` holds the state and behind it the trajectory's constants."
struct RolloutLane
    state::Vector{Float64}
    next::Vector{Float64}
    observed::Vector{Float64}
    segment::Vector{Float64}            # states that were computed again
    step_work::Vector{Float64}
    observe_work::Vector{Float64}
    # reverse mode: cotangents
    after::Vector{Float64}
    before::Vector{Float64}
    pulled::Vector{Float64}
    step_vjp_work::Vector{Float64}
    observe_vjp_work::Vector{Float64}
    # forward mode: tangents
    tangent::Vector{Float64}
    moved::Vector{Float64}
    step_jvp_work::Vector{Float64}
    observe_jvp_work::Vector{Float64}
end

function RolloutLane(p::CompiledRollout)
    n, again = p.n, differentiated(p) && p.segment < p.steps
    work(derivatives, name) = derivatives === nothing ? Float64[] : workspace(getfield(derivatives, name))
    return RolloutLane(
        zeros(n + p.constants),
        zeros(n),
        zeros(p.outputs.total),
        zeros(again ? n * (p.segment + 1) : 0),
        workspace(p.step),
        workspace(p.observe),
        zeros(n),
        zeros(n),
        zeros(n),
        work(p.gradient, :step),
        work(p.gradient, :observe),
        zeros(n),
        zeros(n),
        work(p.tangent, :step),
        work(p.tangent, :observe),
    )
end

differentiated(p::CompiledRollout) = p.gradient !== nothing || p.tangent !== nothing

"""
Everything that one evaluation of a batch needs and leaves behind. `kept` holds a trajectory's states before the steps
1, 1 + L, 1 + 2L, …, L = `segment`; where L is the number of steps it holds all states.
"""
struct RolloutBatch
    problem::CompiledRollout
    once::Vector{Float64}
    observe_once::Vector{Float64}
    kept::Vector{Vector{Float64}}
    status::Vector{Int}
    steps::Vector{Int}                  # made, up to the last finite state
    lanes::Vector{RolloutLane}
    prologue_works::Vector{Vector{Float64}}     # of prologue and observe_prologue: values, reverse, forward
    # reverse mode, one a block
    once_cotangents::Vector{Vector{Float64}}
    observe_once_cotangents::Vector{Vector{Float64}}
    # forward mode
    once_tangent::Vector{Float64}
    observe_once_tangent::Vector{Float64}
end

function RolloutBatch(p::CompiledRollout, threads::Int)
    b, kernels = p.trajectories, (p, p.gradient, p.tangent)
    works(name) = [d === nothing ? Float64[] : workspace(getfield(d, name)) for d in kernels]
    blocks = p.gradient === nothing ? 0 : min(b, BLOCKS)
    moving = p.tangent !== nothing
    return RolloutBatch(
        p,
        zeros(p.once.total),
        zeros(p.observe_once.total),
        [zeros(differentiated(p) ? p.n * states_kept(p) : 0) for _ in 1:b],
        zeros(Int, b),
        zeros(Int, b),
        [RolloutLane(p) for _ in 1:min(threads, b)],
        [works(:prologue); works(:observe_prologue)],
        [zeros(p.once.total) for _ in 1:blocks],
        [zeros(p.observe_once.total) for _ in 1:blocks],
        zeros(moving ? p.once.total : 0),
        zeros(moving ? p.observe_once.total : 0),
    )
end

"""
    solve_batch!(batch, theta, arrays, offset)

Roll out all trajectories and write the observations to `arrays`, from `offset` on, as far as the states are finite.
Returns whether any trajectory failed.
"""
function solve_batch!(batch::RolloutBatch, theta::Vector{Float64}, arrays::Vector{Float64}, offset::Int)
    p, w = batch.problem, batch.prologue_works
    run_whole!(p.prologue, theta, batch.once, w[1])
    run_whole!(p.observe_prologue, theta, batch.observe_once, w[4])
    for lane in batch.lanes
        p.step.setup(lane.state, batch.once, lane.next, NOTHING, NOTHING, lane.step_work, 0.0)
        p.observe.setup(lane.state, batch.observe_once, lane.observed, NOTHING, NOTHING, lane.observe_work, 0.0)
    end
    over_blocks(length(batch.lanes), p.trajectories) do l, range, _
        for trajectory in range
            roll_out!(batch, batch.lanes[l], trajectory, arrays, offset)
        end
    end
    return any(!=(SUCCESS), batch.status)
end
