# Small dense networks by hand: static sizes, no allocation, weights read from a flat vector, row by row as Unideq's.

using StaticArrays

"Inputs `I`, outputs `O`; weights (O × I, row by row) begin after `start` parameters, biases follow."
struct Layer{I,O}
    start::Int
end

"The layers of a network whose parameters begin after `start`."
function layers(widths, start)
    made = ()
    for (inputs, outputs) in zip(widths, widths[2:end])
        made = (made..., Layer{inputs,outputs}(start))
        start += (inputs + 1) * outputs
    end
    return made
end

@inline function affine(layer::Layer{I,O}, p, x) where {I,O}
    rows = SMatrix{I,O}(ntuple(k -> @inbounds(p[layer.start+k]), Val(I * O)))
    bias = SVector{O}(ntuple(k -> @inbounds(p[layer.start+I*O+k]), Val(O)))
    return rows' * x + bias, rows
end

"Output of the network; `activation` of all layers but the last."
@inline forward(net::Tuple{Layer}, activation, p, x) = first(affine(net[1], p, x))
@inline function forward(net::Tuple, activation, p, x)
    z, _ = affine(net[1], p, x)
    return forward(Base.tail(net), activation, p, activation.(z))
end

"""
    reverse!(gradient, net, activation, slope, p, x, v)

vᵀ∂output/∂x; the derivative in the parameters is written into `gradient`, unless that is `nothing`.
`slope(z, activation(z))` is the activation's derivative.
"""
@inline function reverse!(gradient, net::Tuple{Layer}, activation, slope, p, x, v)
    _, rows = affine(net[1], p, x)
    store!(gradient, net[1], x, v)
    return rows * v
end
@inline function reverse!(gradient, net::Tuple, activation, slope, p, x, v)
    z, rows = affine(net[1], p, x)
    h = activation.(z)
    v = reverse!(gradient, Base.tail(net), activation, slope, p, h, v) .* slope.(z, h)
    store!(gradient, net[1], x, v)
    return rows * v
end

@inline store!(::Nothing, ::Layer, x, v) = nothing
@inline function store!(gradient::AbstractVector, layer::Layer{I,O}, x, v) where {I,O}
    @inbounds for j in 1:O
        for i in 1:I
            gradient[layer.start+I*(j-1)+i] = v[j] * x[i]
        end
        gradient[layer.start+I*O+j] = v[j]
    end
    return nothing
end
