# What one thread needs to solve problems of a batch.

"Workspaces and buffers of one thread; `once` and `observe_once` are shared and read only."
mutable struct Lane
    field::Field
    integrator::Any
    derivatives::Any
    buffers::Buffers
    observed::Vector{Float64}
    observe_work::Vector{Float64}
    # reverse mode
    adjoint::Any
    pulled::Vector{Float64}
    body_vjp_work::Vector{Float64}
    observe_vjp_work::Vector{Float64}
    # forward mode
    tangent::Any
    body_jvp_work::Vector{Float64}
    observe_jvp_work::Vector{Float64}
end

function Lane(p::CompiledIntegration, once::Vector{Float64})
    tableau = recorded_tableau(p)
    count = tableau === nothing ? 0 : stages(tableau)
    work(derivatives, name) = derivatives === nothing ? Float64[] : workspace(getfield(derivatives, name))
    return Lane(
        Field(p.body, once, p.n, tableau),
        nothing,
        SolverDerivatives(p.jacobian, once),
        Buffers(p.n, count),
        zeros(p.outputs.total),
        workspace(p.observe),
        derivative_buffers(AdjointBuffers, tableau, p.gradient, p),
        zeros(p.n),
        work(p.gradient, :body),
        work(p.gradient, :observe),
        derivative_buffers(TangentBuffers, tableau, p.tangent, p),
        work(p.tangent, :body),
        work(p.tangent, :observe),
    )
end

"Buffers of the steps' derivatives, as the method needs them; `nothing` where there are none."
function derivative_buffers(kind, tableau, derivatives, p)
    (tableau === nothing || derivatives === nothing) && return nothing
    tableau isa Tableau && return kind(p.n, stages(tableau))
    derivatives.step === nothing && return nothing
    return RosenbrockBuffers(derivatives.step, p.jacobian, stages(tableau))
end

"The lane's integrator, made when first needed: the field is ready then."
function integrator_of!(lane::Lane, p::CompiledIntegration)
    if lane.integrator === nothing
        lane.integrator = make_integrator(lane.field, p.n, p.settings, recorded_tableau(p), lane.derivatives)
    end
    return lane.integrator
end

"Prepare the kernels of values for new once-arrays."
function setup!(lane::Lane, p::CompiledIntegration, observe_once::Vector{Float64})
    b = lane.buffers
    p.body.setup(b.state, lane.field.once, b.slope, NOTHING, NOTHING, lane.field.work, 0.0)
    p.observe.setup(b.state, observe_once, lane.observed, NOTHING, NOTHING, lane.observe_work, 0.0)
    setup!(lane.derivatives, b.state, b.slope)
    return nothing
end
