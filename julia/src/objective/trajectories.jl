# What integrations and rollouts share: trajectories that are observed, spread over threads.

"""
The graphs of trajectories: the `body` moves them (a vector field's du, a step's next u), `observe` says what is seen of a
state, and the prologues precompute for either what depends on θ alone.
"""
struct TrajectoryGraphs
    prologue::CompiledGraph
    body::CompiledGraph
    observe_prologue::CompiledGraph
    observe::CompiledGraph
end

"""
From a program's JSON, where the body has that name. A trajectory's constants come in at port c, where nothing is
differentiated by them; else there are `q` of them behind what is precomputed. `inputs`: where the body reads what.
"""
function TrajectoryGraphs(data::AbstractDict, body::String, q::Int = 0; inputs = STATE)
    prologue, observe_prologue = graph_of_theta(data["prologue"]), graph_of_theta(data["observe_prologue"])
    along(name, once, from) = CompiledGraph(data[name], from, with_constants(once.y, q); fixed = once.y.names)
    moving, seeing = along(body, prologue, inputs), along("observe", observe_prologue, STATE)
    return TrajectoryGraphs(prologue, moving, observe_prologue, seeing)
end

function compile_reverse!(g::TrajectoryGraphs, data::AbstractDict, body::String = "body"; outputs = pulled_places(g.body))
    compile_reverse!(g.prologue, data["prologue"])
    compile_reverse!(g.body, data[body]; outputs)
    compile_reverse!(g.observe_prologue, data["observe_prologue"])
    compile_reverse!(g.observe, data["observe"])
    return nothing
end

function compile_forward!(g::TrajectoryGraphs, data::AbstractDict, body::String = "body")
    compile_forward!(g.prologue, data["prologue"])
    compile_forward!(g.body, data[body])
    compile_forward!(g.observe_prologue, data["observe_prologue"])
    compile_forward!(g.observe, data["observe"])
    return nothing
end

"""
A source of B trajectories of `n` states, `trajectories` and `graphs`; in a batch of them there are

- `setup_steps!(batch, slot, mode)`: prepare what the kind has besides the graphs, `mode` is `:value`, `:reverse` or
  `:forward`;
- `solve_trajectory!(batch, slot, trajectory, arrays, offset)`, with its observations;
- `pull_trajectory!(batch, slot, trajectory, cotangents, offset, block)` and
  `push_trajectory!(batch, slot, trajectory, arrays, offset)`: the same as of a batch.
"""
abstract type CompiledTrajectories <: Recording end

"""
Evaluates a `problem`, `CompiledTrajectories`. `precomputed` and `observe_precomputed` are what the prologues make, all
that is computed from θ is in `all_precomputed(batch)`. `slots` are as many as threads may work on it.
"""
abstract type TrajectoryBatch <: Evaluator end

"""
What a slot of any kind has: of one thread, to see states with. Constants are those of the trajectory; `given` is what the
body reads at port p, `seen` what `observe` does.
"""
struct Sight
    observe::GraphRunner
    given::Given
    seen::Given
    state::Vector{Float64}
    constants::Vector{Float64}
    observed::Vector{Float64}           # of the state, or its derivative
    pulled::Vector{Float64}             # cotangent of the state
    tangent::Vector{Float64}            # and its tangent
end

Sight(p::CompiledTrajectories, constants::Int, body::Precomputed, observe::Precomputed) = Sight(
    GraphRunner(p.graphs.observe), Given(body), Given(observe), zeros(p.n), zeros(constants), zeros(outputs(p).total),
    zeros(p.n), zeros(p.n),
)

outputs(p::CompiledTrajectories) = p.graphs.observe.y

"What trajectories begin with, where a graph makes it, `Precomputed`."
beginning(::TrajectoryBatch) = nothing

"Where the graph that makes what trajectories begin with reads arrays of earlier sources: these, or their tangents."
function read_earlier!(batch::TrajectoryBatch, arrays::Vector{Float64}; tangents::Bool = false)
    found, began = reads(batch.problem), beginning(batch)
    found === nothing || take_reads!(tangents ? began.moved : began.read, found, arrays)
    return nothing
end

is_differentiated(p::CompiledTrajectories) = p.graphs.body.reverse !== nothing || p.graphs.body.forward !== nothing

"How many blocks a batch is worked on in."
blocks(p::CompiledTrajectories) = min(p.trajectories, BLOCKS)

"Write what is seen of the sight's state, at point `at` and time `t`, to its place in `arrays`."
function observe!(batch::TrajectoryBatch, s::Sight, at::Int, t::Float64, arrays::Vector{Float64}, offset::Int)
    run!(s.observe.value, t; x = s.state, c = s.constants, p = s.seen.values, y = s.observed)
    scatter!(arrays, offset, s.observed, batch.problem, at)
    return nothing
end

"From the cotangents of what was seen of the sight's state to `pulled`, that of the state."
function pull_observation!(batch::TrajectoryBatch, s::Sight, at::Int, t::Float64, cotangents, offset::Int, block::Int)
    dp = batch.observe_precomputed.cotangents[block]
    gather!(s.observed, cotangents, offset, batch.problem, at)
    if iszero(s.observed)       # nothing was measured there
        fill!(s.pulled, 0.0)
        return nothing
    end
    run!(
        s.observe.reverse, t;
        x = s.state, c = s.constants, p = s.seen.values, dy = s.observed, dx = s.pulled, dp,
    )
    return nothing
end

"From the sight's `tangent`, that of its state, to the tangents of what is seen of it, in `arrays`."
function push_observation!(batch::TrajectoryBatch, s::Sight, at::Int, t::Float64, arrays::Vector{Float64}, offset::Int)
    run!(
        s.observe.forward, t;
        x = s.state, c = s.constants, p = s.seen.values, dx = s.tangent, dp = s.seen.tangent, dy = s.observed,
    )
    scatter!(arrays, offset, s.observed, batch.problem, at)
    return nothing
end

"Prepare the kernels of a mode for the values just precomputed."
function setup_slots!(batch::TrajectoryBatch, mode::Symbol)
    for slot in batch.slots
        (; given, seen) = slot.sight
        renew!(given, batch.precomputed, mode)
        renew!(seen, batch.observe_precomputed, mode)
        setup!(getfield(slot.body, mode); p = given.values)
        setup!(getfield(slot.sight.observe, mode); p = seen.values)
        setup_steps!(batch, slot, mode)
    end
    return nothing
end

function solve_batch!(batch::TrajectoryBatch, theta::Vector{Float64}, arrays::Vector{Float64}, offset::Int)
    read_earlier!(batch, arrays)
    foreach(a -> precompute!(a, theta), all_precomputed(batch))
    setup_slots!(batch, :value)
    over_blocks(length(batch.slots), batch.problem.trajectories) do s, range, _
        for trajectory in range
            solve_trajectory!(batch, batch.slots[s], trajectory, arrays, offset)
        end
    end
    return any(!=(SUCCESS), batch.status)
end

prepare_reverse!(batch::TrajectoryBatch) = setup_slots!(batch, :reverse)

function pull_batch!(
    batch::TrajectoryBatch,
    theta::Vector{Float64},
    cotangents::Vector{Float64},
    offset::Int,
    gradient::Vector{Float64},
)
    foreach(clear_cotangents!, all_precomputed(batch))
    over_blocks(length(batch.slots), batch.problem.trajectories) do s, range, block
        for trajectory in range
            pull_trajectory!(batch, batch.slots[s], trajectory, cotangents, offset, block)
        end
    end
    foreach(a -> pull_precomputed!(a, theta, gradient), all_precomputed(batch))
    found = reads(batch.problem)
    found === nothing || give_reads!(cotangents, found, beginning(batch).moved)
    return nothing
end

function push_batch!(
    batch::TrajectoryBatch,
    theta::Vector{Float64},
    tangent::Vector{Float64},
    arrays::Vector{Float64},
    offset::Int,
)
    read_earlier!(batch, arrays; tangents = true)
    foreach(a -> push_precomputed!(a, theta, tangent), all_precomputed(batch))
    setup_slots!(batch, :forward)
    over_blocks(length(batch.slots), batch.problem.trajectories) do s, range, _
        slot = batch.slots[s]
        fill!(slot.sight.observed, 0.0) # what depends on nothing isn't computed
        for trajectory in range
            push_trajectory!(batch, slot, trajectory, arrays, offset)
        end
    end
    return nothing
end
