# What the machine does at best on one core: fused multiply-adds, matrix products, and the cost of exp and tanh.

include("serve.jl")

using LinearAlgebra
using NNlib: tanh_fast

BLAS.set_num_threads(1)

"Polynomials by Horner's rule at many points: multiply-adds alone, vectorised, as many as compiled Julia reaches."
function polynomials!(y, x, coefficients)
    @inbounds @simd for i in eachindex(x)
        y[i] = evalpoly(x[i], coefficients)
    end
    return y
end

function prepare(problem)
    n = 512
    coefficients = ntuple(i -> 1.0 / i, Val(17))
    A, B, C = rand(n, n), rand(n, n), zeros(n, n)
    x, y = collect(range(-2.0, 2.0; length = 1000)), zeros(1000)
    stream = rand(2^24)
    each(f) = function ()
        for i in eachindex(x)
            @inbounds y[i] = f(x[i])
        end
        return y
    end
    flops(count) = Dict{String,Any}("flops" => count)
    items(count) = Dict{String,Any}("items" => count)
    return [
        Entrant("multiply-add", () -> (() -> polynomials!(y, x, coefficients), flops(2 * 16 * 1000))),
        Entrant("dgemm", () -> (() -> mul!(C, A, B), flops(2n^3))),
        Entrant("read memory", () -> (() -> sum(stream), Dict{String,Any}("bytes" => sizeof(stream)))),
        Entrant("exp", () -> (each(exp), items(1000))),
        Entrant("tanh", () -> (each(tanh), items(1000))),
        Entrant("tanh_fast", () -> (each(tanh_fast), items(1000))),
    ]
end

serve(prepare)
