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
    # Transforms as products with Fourier matrices need no package, and take the dual numbers of stiff solvers.
    "fourier_matrix": """\
\"Modes 0, ..., m - 1 of the Fourier transform of n points, as a matrix; each is made once.\"
fourier_matrix(m, n) = get!(fourier_matrices, (m, n)) do
    [cispi(-2 * mod(j * k, n) / n) for k in 0:m-1, j in 0:n-1]
end
const fourier_matrices = Dict{Tuple{Int,Int},Matrix{ComplexF64}}()""",
    "multiply_along": """\
\"A matrix times an array, along one of its axes.\"
function multiply_along(axis, matrix, x)
    order = (axis, (k for k in 1:ndims(x) if k != axis)...)
    moved = permutedims(x, order)
    product = matrix * reshape(moved, size(x, axis), :)
    return permutedims(reshape(product, size(matrix, 1), size(moved)[2:end]...), invperm(order))
end""",
    "rfft_pairs": """\
\"Real Fourier transform over the last axes; one more axis holds the real and the imaginary part.\"
function rfft_pairs(x, dims)
    n = size(x, ndims(x))
    spectrum = multiply_along(ndims(x), fourier_matrix(n ÷ 2 + 1, n), x)
    for axis in ndims(x)-dims+1:ndims(x)-1
        spectrum = multiply_along(axis, fourier_matrix(size(x, axis), size(x, axis)), spectrum)
    end
    return cat(real(spectrum), imag(spectrum); dims = ndims(x) + 1)
end""",
    "irfft_pairs": """\
\"Inverse of rfft_pairs, to that many points.\"
function irfft_pairs(pairs, points...)
    space = ndims(pairs) - 1
    spectrum = complex.(selectdim(pairs, space + 1, 1), selectdim(pairs, space + 1, 2))
    for axis in space-length(points)+1:space-1
        n = size(spectrum, axis)
        spectrum = multiply_along(axis, conj(fourier_matrix(n, n)) / n, spectrum)
    end
    n = points[end]
    count = [k == 0 || 2k == n ? 1 : 2 for k in 0:n÷2]  # how many modes of the full spectrum each stands for
    return real(multiply_along(space, transpose(count .* conj(fourier_matrix(n ÷ 2 + 1, n))) / n, spectrum))
end""",
    "seen_point": """\
\"The point that tap j of a kernel sees from point i; nothing where that lies outside.\"
function seen_point(i, j, taps, space, boundary)
    point = map(Tuple(i), Tuple(j), taps, space, boundary) do i, j, k, n, rule
        at = i + j - (k + 1) ÷ 2
        rule == :periodic ? mod1(at, n) : at
    end
    return all(map((at, n) -> 1 <= at <= n, point, space)) ? CartesianIndex(point) : nothing
end""",
    "convolution": """\
\"y[o, i] = sum of K[o, c, j] * x[c, i + j - r] over channels c and taps j; leading axes are a batch.\"
function convolution(x, kernel, boundary...)
    d = length(boundary)
    lead, space, taps = size(x)[1:end-d-1], size(x)[end-d+1:end], size(kernel)[3:end]
    result = zeros(promote_type(eltype(x), eltype(kernel)), lead..., size(kernel, 1), space...)
    for i in CartesianIndices(space), j in CartesianIndices(taps)
        seen = seen_point(i, j, taps, space, boundary)
        seen === nothing && continue
        for l in CartesianIndices(lead), c in axes(kernel, 2), o in axes(kernel, 1)
            result[l, o, i] += kernel[o, c, j] * x[l, c, seen]
        end
    end
    return result
end""",
    "convolution_kernel": """\
\"K[o, c, j] = sum of y[o, i] * x[c, i + j - r] over points i and the batch.\"
function convolution_kernel(x, y, taps, boundary...)
    d = length(boundary)
    lead, space = size(x)[1:end-d-1], size(x)[end-d+1:end]
    result = zeros(promote_type(eltype(x), eltype(y)), size(y, ndims(y) - d), size(x, ndims(x) - d), taps...)
    for i in CartesianIndices(space), j in CartesianIndices(taps)
        seen = seen_point(i, j, taps, space, boundary)
        seen === nothing && continue
        for l in CartesianIndices(lead), c in axes(result, 2), o in axes(result, 1)
            result[o, c, j] += y[l, o, i] * x[l, c, seen]
        end
    end
    return result
end""",
}
"""Function → its source."""

NEEDS = {
    "reshape_rows": ("flat_rows",),
    "piecewise_at": ("piecewise",),
    "rfft_pairs": ("fourier_matrix", "multiply_along"),
    "irfft_pairs": ("fourier_matrix", "multiply_along"),
    "convolution": ("seen_point",),
    "convolution_kernel": ("seen_point",),
}
"""Function → those that it calls."""
