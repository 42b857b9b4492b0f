# The stiff problems with a neural rate term in native Julia: `adjoint_sensitivities` with explicit derivatives.

include("serve.jl")
include("network.jl")

using ADTypes, ForwardDiff, LinearAlgebra, OrdinaryDiffEqRosenbrock, SciMLSensitivity
using NNlib: tanh_fast

include("direct.jl")

tanh_slope(x, h) = 1 - h * h

"""
du = known(u) + direction · rate(u) · network(window(u)): `known!(du, u)` with its Jacobian `jacobian!(J, u)` and
`pullback!(out, v, u)`; `slope(u)` is the gradient of `rate`, `unwindow(x̄)` the transpose of the linear `window`.
"""
Base.@kwdef struct Mechanism{K,J,B,R,S,W,U,D,N}
    known!::K
    jacobian!::J
    pullback!::B
    rate::R
    slope::S
    window::W
    unwindow::U
    direction::D
    net::N
end

"In-place functions: the plain field with its Jacobian, and the same with both vector–Jacobian products."
function functions(m::Mechanism)
    d = m.direction
    learned(u, p) = forward(m.net, tanh_fast, p, m.window(u))[1]
    # v ↦ v ∂(rate · network)/∂u, and the derivative in p if `gradient` is an array.
    function back(gradient, v, u, p)
        rate = m.rate(u)
        x̄ = reverse!(gradient, m.net, tanh_fast, tanh_slope, p, m.window(u), SVector(v * rate))
        return v * learned(u, p) * m.slope(u) + m.unwindow(x̄)
    end
    function f!(du, u, p, t)
        m.known!(du, u)
        change = m.rate(u) * learned(u, p)
        @inbounds for i in eachindex(d)
            du[i] += d[i] * change
        end
        return nothing
    end
    function jac!(J, u, p, t)
        m.jacobian!(J, u)
        row = back(nothing, one(eltype(u)), u, p)
        @inbounds for j in eachindex(d), i in eachindex(d)
            J[i, j] += d[i] * row[j]
        end
        return nothing
    end
    function vjp!(out, v, u, p, t)
        m.pullback!(out, v, u)
        out .+= back(nothing, dot(d, v), u, p)
        return nothing
    end
    vjp_p!(out, v, u, p, t) = (back(out, dot(d, v), u, p); nothing)
    tgrad!(out, u, p, t) = (fill!(out, 0); nothing)
    plain = ODEFunction{true,SciMLBase.FullSpecialize}(f!; jac = jac!, tgrad = tgrad!)
    explicit = ODEFunction{true,SciMLBase.FullSpecialize}(f!; jac = jac!, tgrad = tgrad!, vjp = vjp!, vjp_p = vjp_p!)
    return plain, explicit
end

# Robertson's reaction; the second state in units of 1e-5. The network acts on the rate 0.04 u₁.
const ROBERTSON = Mechanism(;
    known! = function (du, u)
        a, b, c = 0.04u[1], 3e-3 * u[2]^2, 0.1 * u[2] * u[3]
        du[1], du[2], du[3] = c - a, 1e5 * (a - b - c), b
    end,
    jacobian! = function (J, u)
        b, c2, c3 = 6e-3 * u[2], 0.1 * u[3], 0.1 * u[2]
        J[1, 1], J[1, 2], J[1, 3] = -0.04, c2, c3
        J[2, 1], J[2, 2], J[2, 3] = 4e3, -1e5 * (b + c2), -1e5 * c3
        J[3, 1], J[3, 2], J[3, 3] = 0, b, 0
    end,
    pullback! = function (out, v, u)
        a, b, c = 1e5 * v[2] - v[1], v[3] - 1e5 * v[2], v[1] - 1e5 * v[2]
        out[1], out[2], out[3] = 0.04a, 6e-3 * u[2] * b + 0.1 * u[3] * c, 0.1 * u[2] * c
    end,
    rate = u -> 0.04 * u[1],
    slope = u -> SVector(0.04, 0.0, 0.0),
    window = u -> SVector(u[1], u[2], u[3]),
    unwindow = identity,
    direction = SVector(-1.0, 1e5, 0.0),
    net = layers((3, 8, 1), 0),
)

# HIRES (Schäfer 1975) as in Hairer & Wanner's book. The network acts on the reaction 280 y₆ y₈.
const HIRES = Mechanism(;
    known! = function (du, y)
        r = 280 * y[6] * y[8]
        du[1] = -1.71y[1] + 0.43y[2] + 8.32y[3] + 0.0007
        du[2] = 1.71y[1] - 8.75y[2]
        du[3] = -10.03y[3] + 0.43y[4] + 0.035y[5]
        du[4] = 8.32y[2] + 1.71y[3] - 1.12y[4]
        du[5] = -1.745y[5] + 0.43y[6] + 0.43y[7]
        du[6] = 0.69y[4] + 1.71y[5] - 0.43y[6] + 0.69y[7] - r
        du[7] = r - 1.81y[7]
        du[8] = 1.81y[7] - r
    end,
    jacobian! = function (J, y)
        fill!(J, 0)
        a, b = 280 * y[8], 280 * y[6]
        J[1, 1], J[1, 2], J[1, 3] = -1.71, 0.43, 8.32
        J[2, 1], J[2, 2] = 1.71, -8.75
        J[3, 3], J[3, 4], J[3, 5] = -10.03, 0.43, 0.035
        J[4, 2], J[4, 3], J[4, 4] = 8.32, 1.71, -1.12
        J[5, 5], J[5, 6], J[5, 7] = -1.745, 0.43, 0.43
        J[6, 4], J[6, 5], J[6, 6], J[6, 7], J[6, 8] = 0.69, 1.71, -0.43 - a, 0.69, -b
        J[7, 6], J[7, 7], J[7, 8] = a, -1.81, b
        J[8, 6], J[8, 7], J[8, 8] = -a, 1.81, -b
    end,
    pullback! = function (out, v, y)
        r = 280 * (v[7] - v[6] - v[8])
        out[1] = 1.71 * (v[2] - v[1])
        out[2] = 0.43v[1] - 8.75v[2] + 8.32v[4]
        out[3] = 8.32v[1] - 10.03v[3] + 1.71v[4]
        out[4] = 0.43v[3] - 1.12v[4] + 0.69v[6]
        out[5] = 0.035v[3] - 1.745v[5] + 1.71v[6]
        out[6] = 0.43v[5] - 0.43v[6] + r * y[8]
        out[7] = 0.43v[5] + 0.69v[6] + 1.81 * (v[8] - v[7])
        out[8] = r * y[6]
    end,
    rate = y -> 280 * y[6] * y[8],
    slope = y -> SVector(0, 0, 0, 0, 0, 280 * y[8], 0, 280 * y[6]),
    window = y -> SVector(y[6], 200 * y[8]),
    unwindow = x -> SVector(0, 0, 0, 0, 0, x[1], 0, 200 * x[2]),
    direction = SVector(0.0, 0, 0, 0, 0, -1, 1, -1),
    net = layers((2, 8, 1), 0),
)

"The reference: forward mode through a solve at a tight tolerance."
function exact(f, u0, p, times, data, weights, tolerance)
    function loss(p)
        problem = ODEProblem(f, eltype(p).(u0), (times[1], times[end]), p)
        found = solve(problem, Rodas5P(; autodiff = AutoFiniteDiff()); saveat = times, reltol = tolerance, abstol = tolerance)
        return sum(weights .* (Array(found) .- data) .^ 2) / length(times)
    end
    call = () -> (loss(p), ForwardDiff.gradient(loss, p))
    return with_facts(call)
end

const MECHANISMS = Dict("robertson" => ROBERTSON, "hires" => HIRES)

function prepare(problem)
    theta, u0 = Float64.(problem["theta"]), Float64.(problem["u0"])
    times, data = Float64.(problem["times"]), columns(problem["data"])
    weights, tolerance = Float64.(problem["weights"]), Float64(problem["tolerance"])
    plain, explicit = functions(MECHANISMS[problem["case"]])
    # With both products given nothing is left for automatic differentiation; this choice alone prepares nothing for it.
    unused = ZygoteVJP()
    quadrature = QuadratureAdjoint(; autojacvec = unused, abstol = tolerance, reltol = tolerance)
    direct(f, sensealg) = () -> with_facts(
        loss_and_gradient(f, u0, theta, times, data, weights, Rodas5P(; autodiff = AutoFiniteDiff()), tolerance, sensealg)
    )
    if problem["exact"]
        return [Entrant("exact", () -> exact(plain, u0, theta, times, data, weights, tolerance))]
    end
    return [
        Entrant("rodas5p, hand-written vjp, Gauss", direct(explicit, GaussAdjoint(; autojacvec = unused))),
        Entrant("rodas5p, hand-written vjp, interpolating", direct(explicit, InterpolatingAdjoint(; autojacvec = unused))),
        Entrant("rodas5p, hand-written vjp, quadrature", direct(explicit, quadrature)),
    ]
end

serve(prepare)
