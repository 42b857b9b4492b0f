"""Julia functions that exported source calls where Julia's own have other semantics than NumPy's; each only if used."""

from __future__ import annotations

__all__ = ["HELPERS"]

HELPERS: dict[str, str] = {
    "log_or_nan": "log_or_nan(x) = x < 0 ? oftype(float(x), NaN) : log(x)",
    "log1p_or_nan": "log1p_or_nan(x) = x < -1 ? oftype(float(x), NaN) : log1p(x)",
    "sqrt_or_nan": "sqrt_or_nan(x) = x < 0 ? oftype(float(x), NaN) : sqrt(x)",
    "asin_or_nan": "asin_or_nan(x) = abs(x) > 1 ? oftype(float(x), NaN) : asin(x)",
    "acos_or_nan": "acos_or_nan(x) = abs(x) > 1 ? oftype(float(x), NaN) : acos(x)",
    "power_or_nan": "power_or_nan(x, y) = x < 0 && !isinteger(y) ? oftype(x * y, NaN) : x^y",
    "sigmoid": "sigmoid(x) = (e = exp(-abs(x)); x >= 0 ? 1 / (1 + e) : e / (1 + e))",
    "softplus": "softplus(x) = max(x, zero(x)) + log1p(exp(-abs(x)))",
    "reshape_rows": """\
\"Reshape in row-major order: the last axis runs fastest.\"
reshape_rows(x, dims...) = permutedims(reshape(flat_rows(x), reverse(dims)), length(dims):-1:1)""",
    "flat_rows": """\
\"All elements as a vector, in row-major order.\"
flat_rows(x) = vec(permutedims(x, ndims(x):-1:1))""",
    "stretch": """\
\"Repeat an array along its axes of length 1.\"
stretch(x, dims...) = broadcast((a, _) -> a, x, falses(dims))""",
    "embed": """\
\"Zeros of that size, with an array put in at the given ranges.\"
function embed(x, dims, ranges...)
    result = zeros(eltype(x), dims)
    result[ranges...] = x
    return result
end""",
    "scatter_add": """\
\"Sum slices along an axis into the slices at `indices` of an axis of that length.\"
function scatter_add(x, indices, axis, length)
    result = zeros(eltype(x), ntuple(k -> k == axis ? length : size(x, k), ndims(x)))
    for (i, j) in enumerate(indices)
        selectdim(result, axis, j) .+= selectdim(x, axis, i)
    end
    return result
end""",
    "batched_product": """\
\"Matrix products along the last two axes; the leading ones are broadcast.\"
function batched_product(a, b)
    lead(x) = size(x)[1:end-2]
    inner(x, i) = x[map(min, Tuple(i), lead(x))..., :, :]
    batch = map(max, lead(a), lead(b))
    result = zeros(promote_type(eltype(a), eltype(b)), batch..., size(a)[end-1], size(b)[end])
    for i in CartesianIndices(batch)
        result[i, :, :] = inner(a, i) * inner(b, i)
    end
    return result
end""",
    "stencil": """\
\"y[i] = sum of coefficients[k] * x[i + offsets[k]] along an axis.\"
function stencil(x, coefficients, offsets, axis, boundary; adjoint = false)
    result, n = zeros(eltype(x), size(x)), size(x, axis)
    for (c, o) in zip(coefficients, offsets), i in 1:n
        j = boundary == :periodic ? mod1(i + o, n) : boundary == :edge ? clamp(i + o, 1, n) : i + o
        1 <= j <= n || continue
        to, from = adjoint ? (j, i) : (i, j)
        selectdim(result, axis, to) .+= c .* selectdim(x, axis, from)
    end
    return result
end""",
    "piecewise": """\
\"A piecewise polynomial: sum over k of coefficients[k, i] * (t - anchors[i])^(k - 1), i the piece that t lies in.\"
function piecewise(t::Real, breaks, anchors, coefficients)
    i = searchsortedlast(breaks, t) + 1
    row(k) = ndims(coefficients) == 2 ? coefficients[k, i] : copy(selectdim(selectdim(coefficients, 1, k), 1, i))
    degree = size(coefficients, 1) - 1
    return foldr((k, value) -> value .* (t - anchors[i]) .+ row(k), 1:degree; init = row(degree + 1))
end""",
    "piecewise_at": """\
\"A piecewise polynomial at an array of times.\"
function piecewise_at(times, breaks, anchors, coefficients)
    result = zeros(size(times)..., size(coefficients)[3:end]...)
    for i in CartesianIndices(times)
        result[i, ntuple(_ -> :, ndims(coefficients) - 2)...] .= piecewise(times[i], breaks, anchors, coefficients)
    end
    return result
end""",
}
"""Function → its source."""

NEEDS = {"reshape_rows": ("flat_rows",), "piecewise_at": ("piecewise",)}
"""Function → those that it calls."""
