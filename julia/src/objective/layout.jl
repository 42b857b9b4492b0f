# Named arrays side by side in one flat vector.

"Names, sizes and offsets of arrays that lie one after the other."
struct Layout
    names::Vector{String}
    sizes::Vector{Int}
    offsets::Vector{Int}
    total::Int
end

function Layout(names, sizes)
    ends = cumsum(sizes)
    return Layout(collect(String, names), collect(Int, sizes), ends .- sizes, isempty(ends) ? 0 : last(ends))
end

"The outputs of a graph, in order."
output_layout(graph::Graph) =
    Layout([name for (name, _) in graph.outputs], [length(graph.nodes[position]) for (_, position) in graph.outputs])

"Places of those arrays at a port; `prefix` goes before their names."
places(layout::Layout, port::Symbol; prefix = "", add = false) =
    Dict{String,Place}(prefix * name => Place(port, at; add) for (name, at) in zip(layout.names, layout.offsets))
