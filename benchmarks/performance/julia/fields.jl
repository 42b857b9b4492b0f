# The vector fields of the gradient benchmark by hand: in place, with both vector–Jacobian products.

using NNlib: tanh_fast

include("network.jl")

"A model: `f!(du, u, p, t)`, `vjp!(out, v, u, p, t)` = vᵀ∂f/∂u, `vjp_p!(out, v, u, p, t)` = vᵀ∂f/∂p."
struct Field{F,V,P}
    f!::F
    vjp!::V
    vjp_p!::P
end

rbf(x) = exp(-x * x)
rbf_slope(x, h) = -2x * h

const INTERACTION = layers((2, 5, 5, 5, 2), 2)

const LOTKA_VOLTERRA = Field(
    function (du, u, p, t)
        learned = forward(INTERACTION, rbf, p, SVector(u[1], u[2]))
        du[1] = p[1] * u[1] + learned[1]
        du[2] = learned[2] - p[2] * u[2]
        return nothing
    end,
    function (out, v, u, p, t)
        x̄ = reverse!(nothing, INTERACTION, rbf, rbf_slope, p, SVector(u[1], u[2]), SVector(v[1], v[2]))
        out[1] = p[1] * v[1] + x̄[1]
        out[2] = x̄[2] - p[2] * v[2]
        return nothing
    end,
    function (out, v, u, p, t)
        reverse!(out, INTERACTION, rbf, rbf_slope, p, SVector(u[1], u[2]), SVector(v[1], v[2]))
        out[1] = u[1] * v[1]
        out[2] = -u[2] * v[2]
        return nothing
    end,
)

# The 2-50-2 network is too wide for static matrices: one fused loop over the hidden units, which vectorises.
const HIDDEN = 50

function spiral!(du, u, p, t)
    x, y = u[1]^3, u[2]^3
    first, second = p[5HIDDEN+1], p[5HIDDEN+2]
    @inbounds @simd for i in 1:HIDDEN
        h = tanh_fast(p[2i-1] * x + p[2i] * y + p[2HIDDEN+i])
        first += p[3HIDDEN+i] * h
        second += p[4HIDDEN+i] * h
    end
    du[1] = first
    du[2] = second
    return nothing
end

function spiral_vjp!(out, v, u, p, t)
    x, y = u[1]^3, u[2]^3
    x̄ = ȳ = zero(x)
    a, b = v[1], v[2]
    @inbounds @simd for i in 1:HIDDEN
        h = tanh_fast(p[2i-1] * x + p[2i] * y + p[2HIDDEN+i])
        z̄ = (1 - h * h) * (a * p[3HIDDEN+i] + b * p[4HIDDEN+i])
        x̄ += p[2i-1] * z̄
        ȳ += p[2i] * z̄
    end
    out[1] = 3u[1]^2 * x̄
    out[2] = 3u[2]^2 * ȳ
    return nothing
end

function spiral_vjp_p!(out, v, u, p, t)
    x, y = u[1]^3, u[2]^3
    a, b = v[1], v[2]
    @inbounds @simd for i in 1:HIDDEN
        h = tanh_fast(p[2i-1] * x + p[2i] * y + p[2HIDDEN+i])
        z̄ = (1 - h * h) * (a * p[3HIDDEN+i] + b * p[4HIDDEN+i])
        out[2i-1] = z̄ * x
        out[2i] = z̄ * y
        out[2HIDDEN+i] = z̄
        out[3HIDDEN+i] = a * h
        out[4HIDDEN+i] = b * h
    end
    out[5HIDDEN+1] = a
    out[5HIDDEN+2] = b
    return nothing
end

const SPIRAL = Field(spiral!, spiral_vjp!, spiral_vjp_p!)

const FIELDS = Dict("lotka_volterra" => LOTKA_VOLTERRA, "spiral" => SPIRAL)
