# What one evaluation of the loss finds, and the sums over parameters that all methods need.

# What can be minimised is what has methods of `make_worker(objective; threads)`, which gives what one thread (and its
# helpers) evaluates the loss with, and `loss_and_gradient!(worker, theta, gradient, terms) -> (total, failed)`.

"""
A seed's own `weights` (T) of the terms, which a `balance` may move; `iteration` is the one that the seed is at. In
`gradients` (P, B) there is space for the balanced terms'.
"""
mutable struct Weighing{B}
    const balance::B                    # a `Balance`, or nothing
    const weights::Vector{Float64}
    const gradients::Matrix{Float64}
    iteration::Int
end

Weighing(balance, parameters::Int, terms::Int) =
    Weighing(balance, ones(terms), zeros(parameters, balance === nothing ? 0 : length(balance.balanced)), 0)

"""
What the last evaluation for one seed found: all NaN where a solve failed. Without a `weighing` the objective's weights
serve.
"""
mutable struct LossValue{W}
    total::Float64
    finite::Bool
    const terms::Vector{Float64}
    const gradient::Vector{Float64}
    const weighing::W                   # a `Weighing`, or nothing
end
LossValue(parameters::Int, terms::Int, weighing = nothing) =
    LossValue(NaN, false, fill(NaN, terms), fill(NaN, parameters), weighing)

"""
Evaluate at θ, with the seed's own weights where it has such; those of a balance move first, where that is due.
`finite`: nothing failed and all is finite. The gradient of fixed entries is set to zero.
"""
function evaluate_loss!(value::LossValue, worker, theta::Vector{Float64}, free::Vector{Bool})
    gradient, terms, weighing = value.gradient, value.terms, value.weighing
    total, failed =
        weighing === nothing ? loss_and_gradient!(worker, theta, gradient, terms) :
        balanced_loss_and_gradient!(weighing, worker, theta, gradient, terms)
    if failed
        total = NaN
        fill!(terms, NaN)
        fill!(gradient, NaN)
    end
    value.total = total
    value.finite = !failed && isfinite(total) && all(isfinite, gradient)
    @inbounds for i in eachindex(gradient)
        free[i] || (gradient[i] = 0.0)
    end
    return value
end

"Scalar product; not by BLAS, whose sums depend on its number of threads."
function scalar_product(a, b)
    sum = 0.0
    @inbounds @simd for i in eachindex(a, b)
        sum += a[i] * b[i]
    end
    return sum
end

"Euclidean norm."
euclidean_norm(a) = sqrt(scalar_product(a, a))

"y ← y + c x"
function add_multiple!(y, c::Float64, x)
    @inbounds @simd for i in eachindex(y, x)
        y[i] += c * x[i]
    end
    return y
end
