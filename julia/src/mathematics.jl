# Elementary functions with NumPy's semantics: outside their domain they are NaN, where Julia's would throw.
# Those that networks are made of are branch-free, for one number or four at a time, to 2 units in the last place
# (softplus: 3).

include("codegen/vector.jl")

real_log(x::Float64) = x >= 0.0 ? log(x) : NaN
real_log1p(x::Float64) = x >= -1.0 ? log1p(x) : NaN
real_sqrt(x::Float64) = square_root(x)
real_asin(x::Float64) = abs(x) <= 1.0 ? asin(x) : NaN
real_acos(x::Float64) = abs(x) <= 1.0 ? acos(x) : NaN
real_tan(x::Float64) = isfinite(x) ? tan(x) : NaN
real_power(x::Float64, y::Float64) = x >= 0.0 || isinteger(y) ? x^y : isinf(x) || isinf(y) ? abs(x)^y : NaN

"Σ c[k] x^(k−1) by Estrin's scheme: few operations wait for one another."
@generated function estrin(x::T, coefficients::Val{C}) where {T<:Lanes,C}
    terms = Any[:(lanes(x, $c)) for c in C]
    code, power = Expr(:block), :x
    while length(terms) > 1
        next = Any[]
        for k in 1:2:length(terms)
            name = gensym()
            value = k == length(terms) ? terms[k] : :(fused($(terms[k+1]), $power, $(terms[k])))
            push!(code.args, :($name = $value))
            push!(next, name)
        end
        square = gensym()
        push!(code.args, :($square = times($power, $power)))
        terms, power = next, square
    end
    push!(code.args, terms[1])
    return Expr(:block, Expr(:meta, :inline), code)
end

const LOG2_E = 1.4426950408889634
const LN2_HIGH, LN2_LOW = 0.6931471804855391, 7.440617110012397e-11  # 33 bits of ln 2: k times it is exact; the rest
const EXP_TAIL = Val(Tuple(1 / factorial(k) for k in 2:13))  # (eʳ − 1 − r) / r², |r| ≤ ln 2 / 2

"x = k ln 2 + r: (k + `ROUNDER`, eʳ − 1)."
@inline function exponential_parts(x::Lanes)
    shifted = fused(x, lanes(x, LOG2_E), lanes(x, ROUNDER))
    k = minus(shifted, lanes(x, ROUNDER))
    high = fused(k, lanes(x, -LN2_HIGH), x)
    r = fused(k, lanes(x, -LN2_LOW), high)
    rest = fused(k, lanes(x, -LN2_LOW), minus(high, r))
    return shifted, plus(r, fused(times(r, r), estrin(r, EXP_TAIL), rest))
end

"2ᵏ for k + `ROUNDER`, −1022 ≤ k ≤ 1023."
@inline power_of_two(shifted::Lanes) =
    shifted_left(integer_sum(shifted, lanes(shifted, reinterpret(Float64, 1023))), Val(52))

@inline clamped(x::Lanes, low::Float64, high::Float64) =
    (y = choose(below(lanes(x, high), x), lanes(x, high), x); choose(below(y, lanes(x, low)), lanes(x, low), y))

@inline function fast_exp(x::Lanes)
    shifted, e = exponential_parts(clamped(x, -746.0, 710.0))
    # 2ᵏ in two factors: k reaches beyond the exponents of doubles on both sides.
    k = minus(shifted, lanes(x, ROUNDER))
    first = plus(times(k, lanes(x, 0.5)), lanes(x, ROUNDER))
    second = plus(minus(k, minus(first, lanes(x, ROUNDER))), lanes(x, ROUNDER))
    return times(fused(e, power_of_two(first), power_of_two(first)), power_of_two(second))
end

@inline function fast_expm1(x::Lanes)
    shifted, e = exponential_parts(clamped(x, -40.0, 709.0))
    scale = power_of_two(shifted)
    value = fused(scale, e, minus(scale, lanes(x, 1.0)))
    return choose(below(lanes(x, 709.0), x), fast_exp(x), choose(below(magnitude(x), lanes(x, 1e-300)), x, value))
end

"tanh |x| = −m / (m + 2), m = e^{−2|x|} − 1."
@inline function fast_tanh(x::Lanes)
    z = magnitude(x)
    z = choose(below(lanes(x, 20.0), z), lanes(x, 20.0), z)
    shifted, e = exponential_parts(times(z, lanes(x, -2.0)))
    scale = power_of_two(shifted)
    m = fused(scale, e, minus(scale, lanes(x, 1.0)))
    below_two = plus(m, lanes(x, 2.0))
    # The sum's rounding error, times about −1 / `below_two`, is taken out of the quotient.
    error = minus(m, minus(below_two, lanes(x, 2.0)))
    correction = times(error, fused(below_two, lanes(x, 0.5), lanes(x, -1.457)))
    quotient = over(m, below_two)
    return with_sign(fused(quotient, correction, quotient), x)
end

@inline function fast_sigmoid(x::Lanes)
    one = lanes(x, 1.0)
    e = fast_exp(minus(lanes(x, -0.0), magnitude(x)))
    return over(choose(not_below(x, lanes(x, 0.0)), one, e), plus(one, e))
end

# (atanh(s) − s) / s³ in s², |s| ≤ 1/3
const ATANH = Val(Tuple(1 / (2k + 1) for k in 1:17))

"max(x, 0) + log(1 + e^{−|x|}); log(1 + e) = 2 atanh(e / (2 + e))."
@inline function fast_softplus(x::Lanes)
    e = fast_exp(minus(lanes(x, -0.0), magnitude(x)))
    s = over(e, plus(e, lanes(x, 2.0)))
    positive = choose(below(x, lanes(x, 0.0)), lanes(x, 0.0), x)
    double, square = plus(s, s), times(s, s)
    return plus(positive, fused(times(double, square), estrin(square, ATANH), double))
end

const TWO_OVER_PI = 0.6366197723675814
const HALF_PI = (1.5707963267948966, 6.123233995736766e-17, -1.4973849048591833e-33)
const SINE = Val(Tuple((-1)^k / factorial(2k + 1) for k in 1:8))  # (sin r − r) / r³ in r², |r| ≤ π/4
const COSINE = Val(Tuple((-1)^k / factorial(2k) for k in 2:9))    # (cos r − 1 + r²/2) / r⁴ in r²

"Beyond this, three parts of π/2 don't suffice."
const LARGEST_ANGLE = 1e5

"sin(x + quarter · π/2) for |x| ≤ `LARGEST_ANGLE`; NaN for the rest."
@inline function small_sine(x::Lanes, quarter::Float64)
    shifted = fused(x, lanes(x, TWO_OVER_PI), lanes(x, ROUNDER))
    n = minus(shifted, lanes(x, ROUNDER))
    r = fused(n, lanes(x, -HALF_PI[1]), x)
    r = fused(n, lanes(x, -HALF_PI[2]), r)
    r = fused(n, lanes(x, -HALF_PI[3]), r)
    square = times(r, r)
    sine = fused(times(square, r), estrin(square, SINE), r)
    half = fused(square, lanes(x, -0.5), lanes(x, 1.0))
    cosine = fused(times(square, square), estrin(square, COSINE), half)
    quarters = plus(shifted, lanes(x, quarter))
    odd = shifted_right(shifted_left(quarters, Val(63)), Val(63))
    sign = bits_and(shifted_left(quarters, Val(62)), lanes(x, -0.0))
    chosen = bits_or(sine, bits_and(bits_or(sine, cosine), odd))
    return bits_or(chosen, sign)
end

@inline fast_sin(x::Float64) = abs(x) <= LARGEST_ANGLE ? small_sine(x, 0.0) : isfinite(x) ? sin(x) : NaN
@inline fast_cos(x::Float64) = abs(x) <= LARGEST_ANGLE ? small_sine(x, 1.0) : isfinite(x) ? cos(x) : NaN
@inline small_angles(x::Vec) = all(k -> abs(lane(x, k)) <= LARGEST_ANGLE, 1:4)
@inline each_lane(f::F, x::Vec) where {F} = vec4(f(lane(x, 1)), f(lane(x, 2)), f(lane(x, 3)), f(lane(x, 4)))
@inline fast_sin(x::Vec) = small_angles(x) ? small_sine(x, 0.0) : each_lane(fast_sin, x)
@inline fast_cos(x::Vec) = small_angles(x) ? small_sine(x, 1.0) : each_lane(fast_cos, x)

"""
Functions that take four numbers at a time. Generated code calls what is compiled once, with the package: `tanh_of(x)`
for one number or four; and for arrays, `tanh_of!(to, i, from, j, n)`: to[i+1 … i+n] = tanh(from[j+1 … j+n]).
"""
const FOUR_AT_ONCE = (:exp, :expm1, :tanh, :sigmoid, :softplus, :sin, :cos)
for name in FOUR_AT_ONCE
    fast, one, many = Symbol(:fast_, name), Symbol(name, :_of), Symbol(name, :_of!)
    @eval begin
        @noinline $one(x::Lanes) = $fast(x)
        @noinline $many(to::Vector{Float64}, i::Int, from::Vector{Float64}, j::Int, n::Int) =
            each_four!($fast, to, i, from, j, n)
    end
end

@inline function each_four!(f::F, to, i, from, j, n) where {F}
    GC.@preserve to from begin
        p, q = pointer(to, i + 1), pointer(from, j + 1)
        k = 0
        while k + 4 <= n
            store4!(p + 8k, f(load4(q + 8k)))
            k += 4
        end
        while k < n
            unsafe_store!(p + 8k, f(unsafe_load(q + 8k)))
            k += 1
        end
    end
    return nothing
end
