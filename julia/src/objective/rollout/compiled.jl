# A batch of rollouts, compiled.

"`Rollout` of `unideq.objective.program`, compiled: B trajectories of n states. The body makes the next state of a step."
mutable struct CompiledRollout <: CompiledTrajectories
    const name::String
    const n::Int
    const constants::Int                # q, length of c
    const inputs::Int                   # k, length of w, which lies behind c at their port
    const trajectories::Int
    const steps::Int
    const every::Int
    const warmup::Int
    const through::Bool                 # whether derivatives go through the states from step to step
    const segment::Int                  # steps between two kept states; all where none are computed again
    const graphs::TrajectoryGraphs
    const start::Vector{Float64}        # (B, n)
    const times::Vector{Float64}        # (B,)
    const c::Vector{Float64}            # (B, q)
    const w::Vector{Float64}            # (B, M, k), a row a step
    dt::Float64
end

function CompiledRollout(data::AbstractDict)
    q, k, b, m, warmup = (Int(data[name]) for name in ("constants", "inputs", "trajectories", "steps", "warmup"))
    graphs = TrajectoryGraphs(data, "step"; inputs = k == 0 ? STATE : merge(STATE, Dict("w" => Place(:c, q))))
    n = graphs.body.y.total
    return CompiledRollout(
        String(data["name"]),
        n,
        q,
        k,
        b,
        m,
        Int(data["every"]),
        warmup,
        data["through"],
        data["checkpoint"] ? isqrt(m - 1) + 1 : m,
        graphs,
        zeros(b * n),
        zeros(b),
        zeros(b * q),
        zeros(b * (warmup + m) * k),
        0.0,
    )
end

SOURCES["rollout"] = CompiledRollout

"The cotangent of the state before a step isn't computed where none is passed on."
function compile_reverse!(p::CompiledRollout, data::AbstractDict)
    body = p.graphs.body
    compile_reverse!(p.graphs, data, "step"; outputs = passes_on(p) ? pulled_places(body) : places(body.p, :dp; add = true))
    return nothing
end

compile_forward!(p::CompiledRollout, data::AbstractDict) = compile_forward!(p.graphs, data, "step")

"Whether any step's cotangent is passed on to the step before; the state before the first one is given."
passes_on(p::CompiledRollout) = p.through && p.steps > 1

"How many states are recorded a trajectory."
records(p::CompiledRollout) = p.steps ÷ p.every

"Observations of all trajectories together, B·K."
points(p::CompiledRollout) = p.trajectories * records(p)

data_length(p::CompiledRollout) = p.trajectories * (p.n + 1 + p.constants) + length(p.w) + 1

"Read the start states (B, n), start times (B), constants (B, q), inputs of the steps, and the time of a step."
function set_data!(p::CompiledRollout, data::AbstractVector{Float64})
    at = 0
    for array in (p.start, p.times, p.c, p.w)
        copyto!(array, 1, data, at + 1, length(array))
        at += length(array)
    end
    p.dt = data[at+1]
    return nothing
end

"The time after that many steps of a trajectory, those of the warm-up among them."
time_after(p::CompiledRollout, trajectory::Int, made::Int) = p.times[trajectory] + made * p.dt
