# What depends on θ alone, and isn't computed again at every time or point.

"""
Arrays that a `graph` of θ alone computes, one after the other, and their derivatives. `behind` them is room for so many
constants of a trajectory (`Given`). `read` is what the graph reads besides θ, of arrays of earlier sources, and `moved`
their cotangents or tangents.
"""
struct Precomputed
    graph::GraphRunner
    values::Vector{Float64}
    cotangents::Vector{Vector{Float64}} # one a block of the work, so that sums don't depend on the number of threads
    tangent::Vector{Float64}
    behind::Int
    read::Vector{Float64}
    moved::Vector{Float64}
end

Precomputed(g::CompiledGraph, blocks::Int, behind::Int = 0; read::Int = 0) = Precomputed(
    GraphRunner(g),
    zeros(g.y.total + behind),
    [zeros(g.y.total + behind) for _ in 1:(g.reverse === nothing ? 0 : blocks)],
    zeros(g.forward === nothing ? 0 : g.y.total + behind),
    behind,
    zeros(read),
    zeros(read),
)

"Compute the arrays at θ."
function precompute!(a::Precomputed, theta::Vector{Float64})
    setup!(a.graph.value; p = theta)
    run!(a.graph.value; x = a.read, p = theta, y = a.values)
    return nothing
end

"No cotangents yet."
clear_cotangents!(a::Precomputed) = foreach(block -> fill!(block, 0.0), a.cotangents)

"Add to `gradient` what the cotangents of all blocks amount to."
function pull_precomputed!(a::Precomputed, theta::Vector{Float64}, gradient::Vector{Float64})
    for block in 2:length(a.cotangents)
        add_scaled!(a.cotangents[1], 1.0, a.cotangents[block])
    end
    setup!(a.graph.reverse; p = theta)
    run!(a.graph.reverse; x = a.read, p = theta, dy = a.cotangents[1], dx = a.moved, dp = gradient)
    return nothing
end

"The arrays' tangent, from that of θ."
function push_precomputed!(a::Precomputed, theta::Vector{Float64}, tangent::Vector{Float64})
    setup!(a.graph.forward; p = theta)
    run!(a.graph.forward; x = a.read, p = theta, dx = a.moved, dp = tangent, dy = a.tangent)
    return nothing
end

"""
What the graphs of one thread read at port p: what is precomputed, and behind it the constants of the trajectory at hand;
and the tangents of both. Without constants all threads share the arrays of `Precomputed`.
"""
struct Given
    values::Vector{Float64}
    tangent::Vector{Float64}
    behind::Int
end

Given(a::Precomputed) =
    a.behind == 0 ? Given(a.values, a.tangent, 0) : Given(copy(a.values), copy(a.tangent), a.behind)

"Take over what was just precomputed."
function renew!(given::Given, a::Precomputed, mode::Symbol)
    given.behind == 0 && return nothing
    mode === :value && copyto!(given.values, 1, a.values, 1, length(a.values) - a.behind)
    mode === :forward && copyto!(given.tangent, 1, a.tangent, 1, length(a.tangent) - a.behind)
    return nothing
end

"The constants, from these numbers after `offset`, become those behind `values`."
function put_behind!(values::Vector{Float64}, from::Vector{Float64}, offset::Int, count::Int)
    copyto!(values, length(values) - count + 1, from, offset + 1, count)
    return nothing
end

"Add the cotangents behind those of the precomputed arrays to `to`, after `offset`, and begin anew there."
function take_behind!(to::Vector{Float64}, offset::Int, cotangents::Vector{Float64}, count::Int)
    first = length(cotangents) - count
    for k in 1:count
        to[offset+k] += cotangents[first+k]
        cotangents[first+k] = 0.0
    end
    return nothing
end
