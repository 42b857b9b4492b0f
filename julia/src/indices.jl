# Selections as index maps: which element of the input each element of the output is, 0 for none.
# Arrays are flat with the last axis fastest; a Julia array of reversed size has the same order.

"Positions 1, 2, … laid out in an array of that shape; axis `a` (from 0) is Julia dimension `length(shape) - a`."
positions(shape) = reshape(collect(1:prod(shape; init = 1)), Tuple(reverse(shape)))

julia_axis(shape, axis::Integer) = length(shape) - Int(axis)

"The index map of a node that only picks, repeats or moves elements; `nothing` for other operations."
function index_map(node::Node, input::Node)
    f = get(SELECTIONS, node.operation, nothing)
    return f === nothing ? nothing : vec(f(node, input.shape))::Vector{Int}
end

function selected_by_slice(node, shape)
    ranges = [start+1:step:stop for (start, stop, step) in map(integers, node.attributes["window"])]
    return positions(shape)[reverse(ranges)...]
end

function selected_by_pad(node, shape)
    result = zeros(Int, Tuple(reverse(node.shape)))
    isempty(result) && return result
    windows = map(integers, node.attributes["window"])
    ranges = [range(w[1] + 1; step = w[3], length = n) for (w, n) in zip(windows, shape)]
    result[reverse(ranges)...] = positions(shape)
    return result
end

function selected_by_broadcast(node, shape)
    ones_before = length(node.shape) - length(shape)
    full = vcat(ones(Int, ones_before), shape)
    repeats = Tuple(reverse([f == n ? 1 : n for (f, n) in zip(full, node.shape)]))
    return repeat(positions(full), outer = repeats)
end

function selected_by_gather(node, shape)
    axis = node.attributes["axis"]
    indices = mod.(integers(node.attributes["indices"]), shape[axis+1]) .+ 1
    return collect(selectdim(positions(shape), julia_axis(shape, axis), indices))
end

selected_by_transpose(node, shape) =
    permutedims(positions(shape), [julia_axis(shape, a) for a in reverse(integers(node.attributes["axes"]))])

function selected_by_roll(node, shape)
    shift = zeros(Int, length(shape))
    shift[julia_axis(shape, node.attributes["axis"])] = Int(node.attributes["shift"])
    return circshift(positions(shape), Tuple(shift))
end

const SELECTIONS = Dict{Symbol,Function}(
    :reshape => (node, shape) -> positions(shape),
    :transpose => selected_by_transpose,
    :broadcast_to => selected_by_broadcast,
    :slice => selected_by_slice,
    :pad => selected_by_pad,
    :gather => selected_by_gather,
    :roll => selected_by_roll,
    :stop_gradient => (node, shape) -> positions(shape),
    :learned => (node, shape) -> positions(shape),
)

"For each output element of a reduction over `axes` (from 1), the input elements it is made of."
function reduced_groups(shape, axes)
    kept = [i in axes ? 1 : n for (i, n) in enumerate(shape)]
    target = repeat(positions(kept), outer = Tuple(reverse([i in axes ? n : 1 for (i, n) in enumerate(shape)])))
    groups = [Int[] for _ in 1:prod(kept; init = 1)]
    for (source, t) in enumerate(vec(target))
        push!(groups[t], source)
    end
    return groups
end

"Where each stencil offset reads, along an axis of n points (from 1; 0 outside)."
function stencil_sources(n::Int, offset::Int, boundary::AbstractString)
    boundary == "periodic" && return [mod(i - 1 + offset, n) + 1 for i in 1:n]
    boundary == "edge" && return [clamp(i + offset, 1, n) for i in 1:n]
    return [1 <= i + offset <= n ? i + offset : 0 for i in 1:n]
end

"Triples (output element, input element, coefficient) of a stencil."
function stencil_entries(node::Node, input::Node)
    at = node.attributes
    p = positions(input.shape)
    d = julia_axis(input.shape, at["axis"])
    entries = Tuple{Int,Int,Float64}[]
    for (c, o) in zip(floats(at["coefficients"]), integers(at["offsets"]))
        for (i, source) in enumerate(stencil_sources(size(p, d), o, at["boundary"]))
            source == 0 && continue
            append!(entries, zip(vec(selectdim(p, d, i)), vec(selectdim(p, d, source)), Iterators.repeated(c)))
        end
    end
    return entries
end
