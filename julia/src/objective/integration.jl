# A batch of initial-value problems, compiled.

const THETA = Dict("theta" => Place(:a))

"Derivatives of an integration's graphs, in one mode: reverse (vjp) or forward (jvp)."
struct IntegrationDerivatives
    prologue::Kernel
    body::Kernel
    initial::Kernel
    observe_prologue::Kernel
    observe::Kernel
    step::Union{Nothing,StepDerivatives}
end

"""
`Integration` of `unideq.objective.program`, compiled: B solves of n states, observed at K times each.

What depends on θ alone is computed once a call: `prologue` fills the arrays `once` that the `body` of the vector field
reads, `observe_prologue` those of `observe`. `times` are on the solver's clock, `seen` as observations see them; steps
end at `stops`, and the vector field jumps at `jumps`.
"""
mutable struct CompiledIntegration <: Recording
    name::String
    n::Int
    trajectories::Int
    times_each::Int
    settings::Settings
    once::Layout
    observe_once::Layout
    outputs::Layout
    prologue::Kernel
    body::Kernel
    initial::Kernel
    observe_prologue::Kernel
    observe::Kernel
    gradient::Union{Nothing,IntegrationDerivatives}
    tangent::Union{Nothing,IntegrationDerivatives}
    jacobian::Union{Nothing,CompiledJacobian}
    start::Vector{Float64}
    times::Vector{Float64}
    dt::Float64
    seen::Vector{Float64}
    stops::Vector{Float64}
    jumps::Vector{Float64}
end

function CompiledIntegration(data::AbstractDict)
    body, prologue = read_graph(data["body"]), read_graph(data["prologue"])
    observe, observe_prologue = read_graph(data["observe"]), read_graph(data["observe_prologue"])
    once, observe_once, outputs = output_layout(prologue), output_layout(observe_prologue), output_layout(observe)
    n, b, k = prod(output_shape(body, "du")), Int(data["trajectories"]), Int(data["times"])
    return CompiledIntegration(
        String(data["name"]),
        n,
        b,
        k,
        Settings(data["solver"]),
        once,
        observe_once,
        outputs,
        kernel_of(data["prologue"], places(once, :b), THETA),
        kernel_of(data["body"], Dict("du" => Place(:c)), at_state(once); fixed = once.names),
        kernel_of(data["initial"], Dict("u0" => Place(:b)), THETA),
        kernel_of(data["observe_prologue"], places(observe_once, :b), THETA),
        kernel_of(data["observe"], places(outputs, :c), at_state(observe_once); fixed = observe_once.names),
        nothing,
        nothing,
        CompiledJacobian(data["jacobian"], once, n),
        zeros(b),
        zeros(b * k),
        0.0,
        zeros(b * k),
        zeros(Int(data["stops"])),
        zeros(Int(data["jumps"])),
    )
end

"Inputs of a graph in time and state: `t`, `u` at port a, the arrays made once at port b."
at_state(once::Layout) = merge(Dict("t" => Place(:t), "u" => Place(:a)), places(once, :b))

"""
Compile the derivatives in reverse mode. Cotangents come in at port c (b for graphs of θ alone); those of once-arrays
and θ are added to what is there.
"""
function compile_reverse!(p::CompiledIntegration, data::AbstractDict)
    check_adjoint(p.settings)
    once, observe_once, outputs = p.once, p.observe_once, p.outputs
    state(layout) = merge(Dict("u" => Place(:d)), places(layout, :e; add = true))
    from_theta(layout) = merge(THETA, places(layout, :b; prefix = "cotangent."))
    to_theta = Dict("theta" => Place(:c; add = true))
    p.gradient = IntegrationDerivatives(
        kernel_of(data["prologue"], to_theta, from_theta(once)),
        kernel_of(
            data["body"],
            state(once),
            merge(at_state(once), Dict("cotangent.du" => Place(:c)));
            fixed = once.names,
        ),
        kernel_of(data["initial"], to_theta, merge(THETA, Dict("cotangent.u0" => Place(:b)))),
        kernel_of(data["observe_prologue"], to_theta, from_theta(observe_once)),
        kernel_of(
            data["observe"],
            state(observe_once),
            merge(at_state(observe_once), places(outputs, :c; prefix = "cotangent."));
            fixed = observe_once.names,
        ),
        step_derivatives(p, data, adjoint_of(p.settings) === Val(:discrete)) do n
            given = merge(at_state(once), Dict("cotangent.du" => Place(:c)))
            beside = merge(at_state(once), Dict("tangent.u" => Place(:c), "cotangent.du" => Place(:c, n)))
            return state(once), beside, given, once.names
        end,
    )
end

"Second derivatives, which Rosenbrock methods need; `ports(n)` gives their outputs and inputs (of `curvature`, `time`)."
function step_derivatives(ports, p::CompiledIntegration, data, wanted::Bool)
    wanted && p.settings.method.tableau isa RosenbrockTableau || return nothing
    data["curvature"] === nothing && throw(
        Unsupported(
            "A network without second derivatives (Lux) has no derivatives along the steps of " *
            "`$(p.settings.method.name)`; choose `adjoint=\"gauss\"`.",
        ),
    )
    outputs, beside, given, fixed = ports(p.n)
    time = data["time"]
    return StepDerivatives(
        p.jacobian.values,
        kernel_of(data["curvature"], outputs, beside; fixed),
        time === nothing ? nothing : kernel_of(time, outputs, given; fixed),
    )
    return nothing
end

"""
Compile the derivatives in forward mode. Tangents of u and of once-arrays come in at ports c and d, results go
to e; graphs of θ alone use b and c.
"""
function compile_forward!(p::CompiledIntegration, data::AbstractDict)
    check_tangent(p.settings)
    once, observe_once, outputs = p.once, p.observe_once, p.outputs
    moving(layout) =
        merge(at_state(layout), Dict("tangent.u" => Place(:c)), places(layout, :d; prefix = "tangent."))
    along = merge(THETA, Dict("tangent.theta" => Place(:b)))
    p.tangent = IntegrationDerivatives(
        kernel_of(data["prologue"], places(once, :c), along),
        kernel_of(data["body"], Dict("du" => Place(:e)), moving(once); fixed = once.names),
        kernel_of(data["initial"], Dict("u0" => Place(:c)), along),
        kernel_of(data["observe_prologue"], places(observe_once, :c), along),
        kernel_of(data["observe"], places(outputs, :e), moving(observe_once); fixed = observe_once.names),
        step_derivatives(p, data, true) do n
            beside = merge(moving(once), Dict("tangent.u.2" => Place(:c, n)))
            return Dict("du" => Place(:e)), beside, moving(once), once.names
        end,
    )
    return nothing
end

"""
The tableau of the steps that are recorded; `nothing` where the method has none, or where no derivatives are wanted and
the integrator has a dense output of its own.
"""
function recorded_tableau(p::CompiledIntegration)
    method = p.settings.method
    return p.gradient === nothing && p.tangent === nothing && method.algorithm !== nothing ? nothing : method.tableau
end

"Observations of all trajectories together, B·K."
points(integration::CompiledIntegration) = integration.trajectories * integration.times_each

data_length(p::CompiledIntegration) =
    p.trajectories * (1 + 2 * p.times_each) + 1 + length(p.stops) + length(p.jumps)

function set_data!(integration::CompiledIntegration, data::AbstractVector{Float64})
    at = 0
    for part in (integration.start, integration.times)
        copyto!(part, 1, data, at + 1, length(part))
        at += length(part)
    end
    integration.dt = data[at+1]
    at += 1
    for part in (integration.seen, integration.stops, integration.jumps)
        copyto!(part, 1, data, at + 1, length(part))
        at += length(part)
    end
    return nothing
end
