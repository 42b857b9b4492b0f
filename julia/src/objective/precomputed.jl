# What depends on θ alone, and isn't computed again at every time or point.

"Arrays that a `graph` of θ alone computes, one after the other, and their derivatives."
struct Precomputed
    graph::GraphRunner
    values::Vector{Float64}
    cotangents::Vector{Vector{Float64}} # one a block of the work, so that sums don't depend on the number of threads
    tangent::Vector{Float64}
end

Precomputed(g::CompiledGraph, blocks::Int) = Precomputed(
    GraphRunner(g),
    zeros(g.y.total),
    [zeros(g.y.total) for _ in 1:(g.reverse === nothing ? 0 : blocks)],
    zeros(g.forward === nothing ? 0 : g.y.total),
)

"Compute the arrays at θ."
function precompute!(a::Precomputed, theta::Vector{Float64})
    setup!(a.graph.value; p = theta)
    run!(a.graph.value; p = theta, y = a.values)
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
    run!(a.graph.reverse; p = theta, dy = a.cotangents[1], dp = gradient)
    return nothing
end

"The arrays' tangent, from that of θ."
function push_precomputed!(a::Precomputed, theta::Vector{Float64}, tangent::Vector{Float64})
    setup!(a.graph.forward; p = theta)
    run!(a.graph.forward; p = theta, dp = tangent, dy = a.tangent)
    return nothing
end
