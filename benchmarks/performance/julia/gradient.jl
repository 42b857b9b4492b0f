# Peers of the gradient benchmark: hand-written fields with `adjoint_sensitivities`, and the usual Lux + Zygote form.

include("serve.jl")
include("fields.jl")

using ComponentArrays, Lux, OrdinaryDiffEqTsit5, Random, SciMLSensitivity, Zygote

include("direct.jl")

"Lux parameters filled from a flat vector of row-major matrices."
function lux_parameters(model, flat)
    weights, states = Lux.setup(Xoshiro(0), model)
    weights = f64(weights)
    start = 0
    for layer in values(weights)
        haskey(layer, :weight) || continue
        outputs, inputs = size(layer.weight)
        layer.weight .= permutedims(reshape(flat[start+1:start+outputs*inputs], inputs, outputs))
        start += outputs * inputs
        layer.bias .= flat[start+1:start+outputs]
        start += outputs
    end
    return weights, states
end

"The model as the tutorials write it: out-of-place right-hand side, and its parameters from a flat θ."
function usual(::Val{:lotka_volterra}, theta)
    model = Chain(Dense(2 => 5, rbf), Dense(5 => 5, rbf), Dense(5 => 5, rbf), Dense(5 => 2))
    weights, states = lux_parameters(model, theta[3:end])
    p = ComponentVector{Float64}(; growth = theta[1], death = theta[2], network = weights)
    function rhs(u, p, t)
        learned = first(model(u, p.network, states))
        return [p.growth * u[1] + learned[1], learned[2] - p.death * u[2]]
    end
    return rhs, p
end

function usual(::Val{:spiral}, theta)
    model = Chain(x -> x .^ 3, Dense(2 => 50, tanh), Dense(50 => 2))
    weights, states = lux_parameters(model, theta)
    return (u, p, t) -> first(model(u, p, states)), ComponentVector{Float64}(weights)
end

function usual_gradient(case, theta, u0, times, data, tolerance, sensealg)
    rhs, p = usual(Val(case), theta)
    # Where each of our flat parameters lies in the ComponentVector.
    order = invperm(round.(Int, getdata(last(usual(Val(case), Float64.(eachindex(theta)))))))
    problem = ODEProblem(rhs, u0, (times[1], times[end]), p)
    function loss(p)
        solution = solve(problem, Tsit5(); p, saveat = times, reltol = tolerance, abstol = tolerance, sensealg)
        return sum(abs2, Array(solution) .- data) / length(times)
    end
    call = function ()
        value, (gradient,) = Zygote.withgradient(loss, p)
        return value, getdata(gradient)
    end
    return with_facts(call, order)
end

function prepare(problem)
    theta, u0 = Float64.(problem["theta"]), Float64.(problem["u0"])
    times, data = Float64.(problem["times"]), columns(problem["data"])
    tolerance = Float64(problem["tolerance"])
    field = FIELDS[problem["case"]]
    ones_ = ones(length(u0))
    explicit = ODEFunction{true,SciMLBase.FullSpecialize}(field.f!; vjp = field.vjp!, vjp_p = field.vjp_p!)
    taped = ODEFunction{true,SciMLBase.FullSpecialize}(field.f!)
    # With both products given nothing is left for automatic differentiation; this choice alone prepares nothing for it.
    unused = ZygoteVJP()
    tape = ReverseDiffVJP(true)
    quadrature = QuadratureAdjoint(; autojacvec = unused, abstol = tolerance, reltol = tolerance)
    direct(f, sensealg) = () -> with_facts(
        loss_and_gradient(f, u0, theta, times, data, ones_, Tsit5(), tolerance, sensealg)
    )
    tutorial(sensealg) = () -> usual_gradient(Symbol(problem["case"]), theta, u0, times, data, tolerance, sensealg)
    return [
        Entrant("hand-written vjp, Gauss", direct(explicit, GaussAdjoint(; autojacvec = unused))),
        Entrant("hand-written vjp, interpolating", direct(explicit, InterpolatingAdjoint(; autojacvec = unused))),
        Entrant("hand-written vjp, quadrature", direct(explicit, quadrature)),
        Entrant("hand-written f!, interpolating, ReverseDiff", direct(taped, InterpolatingAdjoint(; autojacvec = tape))),
        Entrant("Lux + Zygote, interpolating, ZygoteVJP", tutorial(InterpolatingAdjoint(; autojacvec = ZygoteVJP()))),
        Entrant("Lux + Zygote, interpolating, ReverseDiff", tutorial(InterpolatingAdjoint(; autojacvec = tape))),
        Entrant("Lux + Zygote, Gauss, ZygoteVJP", tutorial(GaussAdjoint(; autojacvec = ZygoteVJP()))),
    ]
end

serve(prepare)
