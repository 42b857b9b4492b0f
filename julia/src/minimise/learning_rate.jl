# Learning rates as functions of the iteration (from 0) and the number of iterations of the phase.

abstract type LearningRate end

struct ConstantRate <: LearningRate
    value::Float64
end
(rate::ConstantRate)(i::Int, total::Int) = rate.value

struct ExponentialDecay <: LearningRate
    value::Float64
    rate::Float64
    every::Float64
end
(rate::ExponentialDecay)(i::Int, total::Int) = rate.value * rate.rate^(i / rate.every)

struct CosineDecay <: LearningRate
    value::Float64
    final::Float64
end
(rate::CosineDecay)(i::Int, total::Int) = half_cosine(rate.value, rate.final, i / max(total - 1, 1))

struct PiecewiseConstant <: LearningRate
    value::Float64
    boundaries::Vector{Float64}
    factors::Vector{Float64}
end
(rate::PiecewiseConstant)(i::Int, total::Int) =
    rate.value * prod(f for (b, f) in zip(rate.boundaries, rate.factors) if i >= b; init = 1.0)

struct Warmup <: LearningRate
    value::Float64
    rise::Int
    final::Float64
end
# The first update already moves: the rise goes through (i + 1) / (rise + 1).
(rate::Warmup)(i::Int, total::Int) =
    i < rate.rise ? rate.value * (i + 1) / (rate.rise + 1) :
    half_cosine(rate.value, rate.final, (i - rate.rise) / max(total - 1 - rate.rise, 1))

half_cosine(top, final, done) = top * (final + (1.0 - final) * 0.5 * (1.0 + cos(pi * clamp(done, 0.0, 1.0))))

"A learning rate from a number or a schedule's settings."
read_learning_rate(value::Real) = ConstantRate(value)

function read_learning_rate(s::AbstractDict)
    name, top = s["schedule"], Float64(s["learning_rate"])
    name == "ExponentialDecay" && return ExponentialDecay(top, s["rate"], get(s, "every", 1))
    name == "CosineDecay" && return CosineDecay(top, get(s, "final", 0.01))
    name == "PiecewiseConstant" && return PiecewiseConstant(top, floats(s["boundaries"]), floats(s["factors"]))
    name == "Warmup" && return Warmup(top, s["iterations"], get(s, "final", 0.01))
    throw(ArgumentError("there is no learning-rate schedule `$name`"))
end
