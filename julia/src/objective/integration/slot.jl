# What one thread needs to solve problems of a batch.

"Runners and buffers of one thread. `adjoint` and `tangent` are buffers of the steps' derivatives."
mutable struct Slot
    const sight::Sight
    const body::GraphRunner
    const rest::GraphRunner             # where the trajectory rests before: the body, or one of its own
    const field::Field
    integrator::Any
    const derivatives::Any
    const buffers::Buffers
    const adjoint::Any
    const tangent::Any
    const row::Vector{Float64}          # cotangent of one initial state, or its tangent
    const jump::Union{Nothing,GraphRunner}
    const happening::Union{Nothing,Happening}
    const consistency::Union{Nothing,Consistency}
end

function Slot(p::CompiledIntegration, sight::Sight)
    tableau, body = recorded_tableau(p), GraphRunner(p.graphs.body)
    count = tableau === nothing ? 0 : stages(tableau)
    jump = p.events === nothing ? nothing : GraphRunner(p.events.jump)
    return Slot(
        sight,
        body,
        p.rest === nothing ? body : GraphRunner(p.rest),
        Field(body.value, sight.given.values, p.n, tableau, History(p.delays, p.delayed, p.n, tableau)),
        nothing,
        SolverDerivatives(p.jacobian, sight.given.values),
        Buffers(p.n, count),
        derivative_buffers(AdjointBuffers, tableau, p.graphs.body.reverse, p.pulled_steps, p),
        derivative_buffers(TangentBuffers, tableau, p.graphs.body.forward, p.pushed_steps, p),
        zeros(p.n),
        jump,
        happening_of(p.events, jump, sight.given.values, p.n),
        Consistency(p.jacobian, sight.given.values),
    )
end

happening_of(::Nothing, ::Nothing, p::Vector{Float64}, n::Int) = nothing

function happening_of(e::CompiledEvents, jump::GraphRunner, p::Vector{Float64}, n::Int)
    watched = isempty(e.numbers) ? nothing : Watched(Runner(e.level), Runner(e.rate), e.numbers, e.directions, n)
    return Happening(jump.value, p, zeros(e.width), zeros(n), zeros(n), watched)
end

"Buffers of the steps' derivatives, as the method needs them; `nothing` where there are none."
function derivative_buffers(kind, tableau, derivative, steps, p)
    (tableau === nothing || derivative === nothing) && return nothing
    tableau isa Tableau && return kind(p.n, stages(tableau))
    return steps === nothing ? nothing : RosenbrockBuffers(steps, p.jacobian, stages(tableau))
end

"The slot's integrator, made when first needed: the field is ready then."
function integrator_of!(slot::Slot, p::CompiledIntegration)
    if slot.integrator === nothing
        slot.integrator = make_integrator(slot.field, p.n, p.settings, recorded_tableau(p), slot.derivatives)
    end
    return slot.integrator
end
