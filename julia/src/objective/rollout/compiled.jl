# A batch of rollouts, compiled.

"Derivatives of a rollout's graphs, in one mode: reverse (vjp) or forward (jvp)."
struct RolloutDerivatives
    prologue::Kernel
    step::Kernel
    observe_prologue::Kernel
    observe::Kernel
end

"""
`Rollout` of `unideq.objective.program`, compiled: B trajectories of n states.

What depends on θ alone is computed once a call, as in a `CompiledIntegration`. The step reads the state with the
trajectory's constants behind it (port a: u, c) and the arrays made once (port b), and writes the next state to port c.
"""
mutable struct CompiledRollout <: Recording
    name::String
    n::Int
    constants::Int                      # q, length of c
    trajectories::Int
    steps::Int
    every::Int
    warmup::Int
    through::Bool                       # whether derivatives go through the states from step to step
    segment::Int                        # steps between two kept states; all where none are computed again
    once::Layout
    observe_once::Layout
    outputs::Layout
    prologue::Kernel
    step::Kernel
    observe_prologue::Kernel
    observe::Kernel
    gradient::Union{Nothing,RolloutDerivatives}
    tangent::Union{Nothing,RolloutDerivatives}
    start::Vector{Float64}              # (B, n)
    times::Vector{Float64}              # (B,)
    c::Vector{Float64}                  # (B, q)
    dt::Float64
end

function CompiledRollout(data::AbstractDict)
    step, prologue = read_graph(data["step"]), read_graph(data["prologue"])
    observe, observe_prologue = read_graph(data["observe"]), read_graph(data["observe_prologue"])
    once, observe_once, outputs = output_layout(prologue), output_layout(observe_prologue), output_layout(observe)
    n, q, b, m = prod(output_shape(step, "u")), Int(data["constants"]), Int(data["trajectories"]), Int(data["steps"])
    return CompiledRollout(
        String(data["name"]),
        n,
        q,
        b,
        m,
        Int(data["every"]),
        Int(data["warmup"]),
        data["through"],
        data["checkpoint"] ? isqrt(m - 1) + 1 : m,
        once,
        observe_once,
        outputs,
        kernel_of(data["prologue"], places(once, :b), THETA),
        kernel_of(data["step"], Dict("u" => Place(:c)), before_step(once, n); fixed = once.names),
        kernel_of(data["observe_prologue"], places(observe_once, :b), THETA),
        kernel_of(data["observe"], places(outputs, :c), before_step(observe_once, n); fixed = observe_once.names),
        nothing,
        nothing,
        zeros(b * n),
        zeros(b),
        zeros(b * q),
        0.0,
    )
end

"Inputs of a graph in time, state and constants: `t`; `u` and `c` at port a, the arrays made once at port b."
before_step(once::Layout, n::Int) = merge(at_state(once), Dict("c" => Place(:a, n)))

"""
Compile the derivatives in reverse mode: cotangents of outputs at port c, of the state at d, of the arrays made once
added at e. The cotangent of the state before a step isn't computed where none is passed on.
"""
function compile_reverse!(p::CompiledRollout, data::AbstractDict)
    from_theta(layout) = merge(THETA, places(layout, :b; prefix = "cotangent."))
    to_theta, state = Dict("theta" => Place(:c; add = true)), Dict("u" => Place(:d))
    once, observe_once = p.once, p.observe_once
    to_once, to_observe_once = places(once, :e; add = true), places(observe_once, :e; add = true)
    stepped = merge(before_step(once, p.n), Dict("cotangent.u" => Place(:c)))
    seen = merge(before_step(observe_once, p.n), places(p.outputs, :c; prefix = "cotangent."))
    p.gradient = RolloutDerivatives(
        kernel_of(data["prologue"], to_theta, from_theta(once)),
        kernel_of(data["step"], passes_on(p) ? merge(state, to_once) : to_once, stepped; fixed = once.names),
        kernel_of(data["observe_prologue"], to_theta, from_theta(observe_once)),
        kernel_of(data["observe"], merge(state, to_observe_once), seen; fixed = observe_once.names),
    )
    return nothing
end

"Whether any step's cotangent is passed on to the step before; the state before the first one is given."
passes_on(p::CompiledRollout) = p.through && p.steps > 1

"Compile the derivatives in forward mode: tangents of u and of the arrays made once at ports c and d, results at e."
function compile_forward!(p::CompiledRollout, data::AbstractDict)
    along, once, observe_once = merge(THETA, Dict("tangent.theta" => Place(:b))), p.once, p.observe_once
    moving(layout) =
        merge(before_step(layout, p.n), Dict("tangent.u" => Place(:c)), places(layout, :d; prefix = "tangent."))
    p.tangent = RolloutDerivatives(
        kernel_of(data["prologue"], places(once, :c), along),
        kernel_of(data["step"], Dict("u" => Place(:e)), moving(once); fixed = once.names),
        kernel_of(data["observe_prologue"], places(observe_once, :c), along),
        kernel_of(data["observe"], places(p.outputs, :e), moving(observe_once); fixed = observe_once.names),
    )
    return nothing
end

"How many states are recorded a trajectory."
records(p::CompiledRollout) = p.steps ÷ p.every

"Observations of all trajectories together, B·K."
points(p::CompiledRollout) = p.trajectories * records(p)

data_length(p::CompiledRollout) = p.trajectories * (p.n + 1 + p.constants) + 1

"Read the start states (B, n), start times (B), constants (B, q), and the time of a step."
function set_data!(p::CompiledRollout, data::AbstractVector{Float64})
    at = 0
    for array in (p.start, p.times, p.c)
        copyto!(array, 1, data, at + 1, length(array))
        at += length(array)
    end
    p.dt = data[at+1]
    return nothing
end

"The time after that many steps of a trajectory, those of the warm-up among them."
time_after(p::CompiledRollout, trajectory::Int, made::Int) = p.times[trajectory] + made * p.dt
