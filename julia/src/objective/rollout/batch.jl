# A batch of rollouts: everything that one evaluation needs and leaves behind.

"Runners and buffers of one thread."
struct RolloutSlot
    sight::Sight
    body::GraphRunner
    next::Vector{Float64}               # state after a step
    segment::Vector{Float64}            # states that were computed again
    after::Vector{Float64}              # cotangent of the state after a step
    moved::Vector{Float64}              # derivative of the state that a step leads to, or comes from
end

function RolloutSlot(p::CompiledRollout, sight::Sight)
    n, again = p.n, is_differentiated(p) && p.segment < p.steps
    segment = zeros(again ? n * (p.segment + 1) : 0)
    return RolloutSlot(sight, GraphRunner(p.graphs.body), zeros(n), segment, zeros(n), zeros(n))
end

"""
`kept` holds a trajectory's states before the steps 1, 1 + L, 1 + 2L, …, L = `segment`; where L is the number of steps it
holds all states.
"""
struct RolloutBatch <: TrajectoryBatch
    problem::CompiledRollout
    precomputed::Precomputed
    observe_precomputed::Precomputed
    kept::Vector{Vector{Float64}}
    status::Vector{Int}
    steps::Vector{Int}                  # made, up to the last finite state
    slots::Vector{RolloutSlot}
end

function RolloutBatch(p::CompiledRollout, threads::Int)
    b, kept = p.trajectories, is_differentiated(p) ? p.n * states_kept(p) : 0
    body, observe = Precomputed(p.graphs.prologue, blocks(p)), Precomputed(p.graphs.observe_prologue, blocks(p))
    return RolloutBatch(
        p,
        body,
        observe,
        [zeros(kept) for _ in 1:b],
        zeros(Int, b),
        zeros(Int, b),
        [RolloutSlot(p, Sight(p, p.constants + p.inputs, body, observe)) for _ in 1:min(threads, b)],
    )
end

evaluator(p::CompiledRollout, threads::Int) = RolloutBatch(p, threads)

all_precomputed(batch::RolloutBatch) = (batch.precomputed, batch.observe_precomputed)

counts_each(::CompiledRollout) = 1
counts_of(batch::RolloutBatch, trajectory::Int) = (batch.steps[trajectory],)

setup_steps!(::RolloutBatch, ::RolloutSlot, ::Symbol) = nothing
