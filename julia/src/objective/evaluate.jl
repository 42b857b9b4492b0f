# A graph evaluated at many points.

struct PreparedEvaluation
    inputs::Layout
    mapped::Vector{Bool}
    outputs::Layout
    kernel::Kernel
end

"""
    prepare_evaluation(json) -> PreparedEvaluation

Compile what `unideq.engine.julia.program.evaluation_json` wrote.
"""
function prepare_evaluation(json::AbstractString)
    data = JSON.parse(json)
    graph = read_graph(data["graph"])
    names = [graph.nodes[i].name for i in graph.inputs]
    inputs, outputs = Layout(names, [length(graph.nodes[i]) for i in graph.inputs]), output_layout(graph)
    mapped = [name in data["mapped"] for name in names]
    moving, still = split_layout(inputs, mapped), split_layout(inputs, .!mapped)
    given = merge(places(moving, :x), places(still, :p))
    kernel = kernel_of(graph, places(outputs, :y), given; fixed = still.names)
    return PreparedEvaluation(inputs, mapped, outputs, kernel)
end

split_layout(layout::Layout, chosen) = Layout(layout.names[chosen], layout.sizes[chosen])

"""
    evaluate!(evaluation, inputs, count, outputs)

`inputs` holds the graph's inputs in order, one after the other, those that are mapped as (count, …); `outputs` takes
the outputs in order, each (count, …).
"""
function evaluate!(e::PreparedEvaluation, inputs::Integer, count::Integer, outputs::Integer)
    given = numbers(inputs, sum(e.inputs.sizes .* ifelse.(e.mapped, count, 1); init = 0))
    out = numbers(outputs, e.outputs.total * count)
    point, still, value = zeros(sum(e.inputs.sizes[e.mapped]; init = 0)), Float64[], zeros(e.outputs.total)
    starts = cumsum([0; e.inputs.sizes .* ifelse.(e.mapped, Int(count), 1)])
    for i in findall(!, e.mapped)
        append!(still, view(given, starts[i]+1:starts[i+1]))
    end
    runner = Runner(e.kernel)
    setup!(runner; p = still)
    for m in 1:count
        at = 0
        for i in findall(e.mapped)
            size = e.inputs.sizes[i]
            copyto!(point, at + 1, given, starts[i] + size * (m - 1) + 1, size)
            at += size
        end
        run!(runner; x = point, p = still, y = value)
        for (size, from) in zip(e.outputs.sizes, e.outputs.offsets)
            copyto!(out, count * from + size * (m - 1) + 1, value, from + 1, size)
        end
    end
    return nothing
end
