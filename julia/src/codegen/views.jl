# Views: how the elements of an array that is never stored are found in arrays that are. Everything that only moves
# elements (reshape, transpose, broadcast_to, slice, pad, concatenate, roll) is one, so that nothing is copied.
# Axes count from 1 here, indices from 0.

"The box `low ≤ index < high` of a view: element `offset + Σ strides · index` of step `source`; zeros where that is 0."
struct Piece
    low::Vector{Int}
    high::Vector{Int}
    source::Int
    offset::Int
    strides::Vector{Int}
end

"An array made of boxes."
struct View
    shape::Vector{Int}
    pieces::Vector{Piece}
end

"Strides of an array whose last axis is the fastest."
function dense_strides(shape)
    strides = ones(Int, length(shape))
    for k in length(shape)-1:-1:1
        strides[k] = strides[k+1] * shape[k+1]
    end
    return strides
end

"All of a stored array."
whole(source::Int, shape) = View(shape, [Piece(zero(shape), copy(shape), source, 0, dense_strides(shape))])

is_empty(p::Piece) = any(p.low .>= p.high)
covers(p::Piece, shape) = all(p.low .== 0) && p.high == shape
piece_count(v::View) = length(v.pieces)

replace_at(x::Vector{Int}, k::Int, value::Int) = (y = copy(x); y[k] = value; y)

"Is this the stored array itself, up to axes of length 1?"
function is_whole(v::View, stored_shape)
    length(v.pieces) == 1 || return false
    p = v.pieces[1]
    as_many = prod(v.shape; init = 1) == prod(stored_shape; init = 1)
    p.source != 0 && p.offset == 0 && covers(p, v.shape) && as_many || return false
    dense = dense_strides(v.shape)
    return all(k -> v.shape[k] == 1 || p.strides[k] == dense[k], eachindex(v.shape))
end

function transposed(v::View, axes)
    pieces = [Piece(p.low[axes], p.high[axes], p.source, p.offset, p.strides[axes]) for p in v.pieces]
    return View(v.shape[axes], pieces)
end

function broadcasted(v::View, shape)
    extra = length(shape) - length(v.shape)
    pieces = map(v.pieces) do p
        low, high, strides = zeros(Int, length(shape)), copy(shape), zeros(Int, length(shape))
        for k in eachindex(v.shape)
            v.shape[k] == shape[extra+k] || continue
            low[extra+k], high[extra+k], strides[extra+k] = p.low[k], p.high[k], p.strides[k]
        end
        Piece(low, high, p.source, p.offset, strides)
    end
    return View(shape, pieces)
end

"Elements `start, start + step, …`, `count` of them, of one axis; `step` may be negative."
function sliced(v::View, axis::Int, start::Int, step::Int, count::Int)
    pieces = Piece[]
    for p in v.pieces
        ends = (p.low[axis], p.high[axis])
        low, high = step > 0 ? cld.(ends .- start, step) : fld.(start .- reverse(ends), -step) .+ 1
        low, high = clamp(low, 0, count), clamp(high, 0, count)
        s = p.strides[axis]
        piece = Piece(
            replace_at(p.low, axis, low), replace_at(p.high, axis, high), p.source, p.offset + s * start,
            replace_at(p.strides, axis, s * step),
        )
        is_empty(piece) || push!(pieces, piece)
    end
    return View(replace_at(v.shape, axis, count), pieces)
end

"The arrays one after the other along an axis."
function joined(views, axis::Int)
    pieces, start = Piece[], 0
    for v in views
        for p in v.pieces
            low, high = replace_at(p.low, axis, p.low[axis] + start), replace_at(p.high, axis, p.high[axis] + start)
            push!(pieces, Piece(low, high, p.source, p.offset - p.strides[axis] * start, p.strides))
        end
        start += v.shape[axis]
    end
    return View(replace_at(views[1].shape, axis, start), pieces)
end

"Zeros of that shape."
zero_view(shape) = View(shape, [Piece(zero(shape), copy(shape), 0, 0, zero(shape))])

"The array between `before` and `after` zeros along an axis."
function padded(v::View, axis::Int, before::Int, after::Int)
    parts = View[]
    before > 0 && push!(parts, zero_view(replace_at(v.shape, axis, before)))
    push!(parts, v)
    after > 0 && push!(parts, zero_view(replace_at(v.shape, axis, after)))
    return length(parts) == 1 ? v : joined(parts, axis)
end

"Element i is element i − shift, around the end."
function rolled(v::View, axis::Int, shift::Int)
    n = v.shape[axis]
    (n == 0 || mod(shift, n) == 0) && return v
    s = mod(shift, n)
    return joined([sliced(v, axis, n - s, 1, s), sliced(v, axis, 0, 1, n - s)], axis)
end

"Element i is element i + offset; outside are zeros."
function shifted(v::View, axis::Int, offset::Int)
    n = v.shape[axis]
    abs(offset) >= n && return zero_view(v.shape)
    offset >= 0 && return padded(sliced(v, axis, offset, 1, n - offset), axis, 0, offset)
    return padded(sliced(v, axis, 0, 1, n + offset), axis, -offset, 0)
end

"Element i is element i + offset; outside, the outermost one is repeated."
function shifted_edge(v::View, axis::Int, offset::Int)
    n = v.shape[axis]
    inside = abs(offset) < n ? [sliced(v, axis, max(offset, 0), 1, n - abs(offset))] : View[]
    count = min(abs(offset), n)
    count == 0 && return v
    edge = broadcasted(sliced(v, axis, offset > 0 ? n - 1 : 0, 1, 1), replace_at(v.shape, axis, count))
    return joined(offset > 0 ? [inside; edge] : [edge; inside], axis)
end

"Runs of equal steps that a list of indices is made of, as (first index, step, count, position in the list)."
function runs(indices)
    found = NTuple{4,Int}[]
    k = 1
    while k <= length(indices)
        step = k < length(indices) ? indices[k+1] - indices[k] : 1
        count = 1
        while k + count <= length(indices) && indices[k+count] - indices[k+count-1] == step
            count += 1
        end
        push!(found, (indices[k], step, count, k - 1))
        k += count
    end
    return found
end

"The elements at `indices` (from 0) of one axis; `nothing` for more runs than are worth a view."
function gathered(v::View, axis::Int, indices)
    parts = runs(indices)
    1 <= length(parts) <= MOST_RUNS || return nothing
    views = map(parts) do (first, step, count, _)
        step != 0 && return sliced(v, axis, first, step, count)
        broadcasted(sliced(v, axis, first, 1, 1), replace_at(v.shape, axis, count))
    end
    return length(views) == 1 ? views[1] : joined(views, axis)
end

"Each element at its index (from 0) of an axis of length n, zeros elsewhere; `nothing` where views can't say it."
function scattered(v::View, axis::Int, indices, n::Int)
    parts = sort!(runs(indices); by = r -> min(r[1], r[1] + r[2] * (r[3] - 1)))
    1 <= length(parts) <= MOST_RUNS && all(r -> abs(r[2]) == 1, parts) || return nothing
    views, filled = View[], 0
    gap(to) = to > filled && push!(views, zero_view(replace_at(v.shape, axis, to - filled)))
    for (first, step, count, position) in parts
        low = step == 1 ? first : first - count + 1
        low < filled && return nothing
        gap(low)
        push!(views, sliced(v, axis, step == 1 ? position : position + count - 1, step, count))
        filled = low + count
    end
    gap(n)
    return length(views) == 1 ? views[1] : joined(views, axis)
end

"The same elements in order in another shape; `nothing` where strides can't say it."
function reshaped(v::View, shape)
    kept_old, kept_new = findall(!=(1), v.shape), findall(!=(1), shape)
    if v.shape[kept_old] == shape[kept_new]
        return View(shape, [with_ones(p, kept_old, kept_new, shape) for p in v.pieces])
    end
    length(v.pieces) == 1 && covers(v.pieces[1], v.shape) && prod(shape; init = 1) > 0 || return nothing
    p = v.pieces[1]
    strides = reshaped_strides(v.shape[kept_old], p.strides[kept_old], shape[kept_new])
    strides === nothing && return nothing
    all_strides = zeros(Int, length(shape))
    all_strides[kept_new] = strides
    return View(shape, [Piece(zero(shape), copy(shape), p.source, p.offset, all_strides)])
end

function with_ones(p::Piece, kept_old, kept_new, shape)
    low, high, strides = zeros(Int, length(shape)), ones(Int, length(shape)), zeros(Int, length(shape))
    low[kept_new], high[kept_new], strides[kept_new] = p.low[kept_old], p.high[kept_old], p.strides[kept_old]
    return Piece(low, high, p.source, p.offset, strides)
end

"NumPy's rule for reshaping without a copy; no axis has length 1."
function reshaped_strides(old, strides, new)
    result = zeros(Int, length(new))
    i = j = 1
    while i <= length(old) && j <= length(new)
        i_end, j_end, n_old, n_new = i, j, old[i], new[j]
        while n_old != n_new
            if n_old < n_new
                i_end += 1
                n_old *= old[i_end]
            else
                j_end += 1
                n_new *= new[j_end]
            end
        end
        all(k -> strides[k] == old[k+1] * strides[k+1], i:i_end-1) || return nothing
        result[j_end] = strides[i_end]
        for k in j_end-1:-1:j
            result[k] = result[k+1] * new[k+1]
        end
        i, j = i_end + 1, j_end + 1
    end
    return result
end

"Without the axes of length 1."
function squeezed(v::View)
    kept = findall(!=(1), v.shape)
    length(kept) == length(v.shape) && return v
    pieces = [Piece(p.low[kept], p.high[kept], p.source, p.offset, p.strides[kept]) for p in v.pieces]
    return View(v.shape[kept], pieces)
end

"The piece that holds an index."
piece_at(v::View, index) = v.pieces[findfirst(p -> all(p.low .<= index .< p.high), v.pieces)]

address(p::Piece, index) = p.offset + sum(p.strides .* index; init = 0)
