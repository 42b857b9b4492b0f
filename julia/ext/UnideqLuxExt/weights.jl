# Lux's nested weights as parts of one flat array, and back.

"Where an array of weights lies: after `start` numbers."
struct Leaf{N}
    start::Int
    shape::NTuple{N,Int}
end

Base.length(leaf::Leaf) = prod(leaf.shape)

"Nested `Leaf`s like the weights; names (joined by dots) and shapes of the arrays in order; and how many numbers."
function weight_layout(weights)
    names, shapes, count = String[], Vector{Int}[], Ref(0)
    function place(value, name)
        value isa NamedTuple && return NamedTuple{keys(value)}(
            Tuple(place(v, isempty(name) ? String(k) : "$name.$k") for (k, v) in pairs(value)),
        )
        value isa Tuple && return Tuple(place(v, "$name.$i") for (i, v) in enumerate(value))
        value === nothing && return nothing
        value isa AbstractArray{<:AbstractFloat} ||
            throw(ArgumentError("the model's parameter `$name` is a $(typeof(value)), not an array of numbers"))
        leaf = Leaf(count[], size(value))
        push!(names, name)
        push!(shapes, collect(size(value)))
        count[] += length(leaf)
        return leaf
    end
    layout = place(weights, "")
    return layout, names, shapes, count[]
end

weight_count(layout::Union{NamedTuple,Tuple}) = sum(weight_count, values(layout); init = 0)
weight_count(leaf::Leaf) = length(leaf)
weight_count(::Nothing) = 0

"Weights as Lux wants them: views of the flat array, from after `offset`."
restore(layout::Union{NamedTuple,Tuple}, flat, offset) = map(part -> restore(part, flat, offset), layout)
restore(::Nothing, flat, offset) = nothing
restore(leaf::Leaf, flat, offset) =
    reshape(view(flat, offset+leaf.start+1:offset+leaf.start+length(leaf)), leaf.shape)

"Nested weights, or their gradient, written to a flat array; what is `nothing` counts as zero."
store!(flat, offset, layout::Union{NamedTuple,Tuple}, weights) =
    foreach((part, value) -> store!(flat, offset, part, value), values(layout), values(weights))
store!(flat, offset, layout::Union{NamedTuple,Tuple}, ::Nothing) =
    foreach(part -> store!(flat, offset, part, nothing), values(layout))
store!(flat, offset, ::Nothing, weights) = nothing
store!(flat, offset, leaf::Leaf, ::Nothing) =
    fill!(view(flat, offset+leaf.start+1:offset+leaf.start+length(leaf)), 0.0)
store!(flat, offset, leaf::Leaf, weights::AbstractArray) =
    copyto!(flat, offset + leaf.start + 1, weights, 1, length(leaf))
