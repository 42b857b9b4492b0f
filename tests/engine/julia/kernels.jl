# Evaluates graphs with compiled kernels: what test_kernels.py compares with NumPy.
module KernelRuns

using JSON: JSON
using Unideq: Place, Runner, compile_kernel, generate, read_graph, run!, setup!, taken_numbers

number(x) = x isa Real ? Float64(x) : parse(Float64, x)

"""
Outputs of one graph, flat, from an array of cases as JSON: each a `graph`, `values` of its inputs, a `mode`, which
inputs are `fixed`, and a number `before` that outputs are added to (nothing: they are written). Also the bytes
allocated by a run.
"""
evaluate(text) = JSON.json([run_case(case) for case in JSON.parse(String(text))])

function run_case(case)
    graph = read_graph(case["graph"])
    inputs, outputs = Dict{String,Place}(), Dict{String,Place}()
    ports = Dict(name => Float64[] for name in (:x, :c, :p, :y, :dy))
    for (k, i) in enumerate(graph.inputs)
        name = graph.nodes[i].name
        port = (:x, :c, :p)[mod1(k, 3)]
        inputs[name] = Place(port, length(ports[port]))
        append!(ports[port], number.(case["values"][name]))
    end
    adds = case["before"] !== nothing
    for (k, (name, position)) in enumerate(graph.outputs)
        port = (:y, :dy)[mod1(k, 2)]
        outputs[name] = Place(port, length(ports[port]); add = adds)
        append!(ports[port], fill(adds ? number(case["before"]) : NaN, length(graph.nodes[position])))
    end
    fixed, mode = String.(case["fixed"]), Symbol(case["mode"])
    kernel = compile_kernel(graph, outputs, inputs; fixed, mode)
    code = generate(graph, outputs, inputs, Set(fixed), taken_numbers(graph); mode)
    results, bytes = measured(Runner(kernel), (; ports...))
    numbers(place, count) = string.(results[place.port === :y ? 1 : 2][place.offset .+ (1:count)])
    found = Dict(name => numbers(outputs[name], length(graph.nodes[position])) for (name, position) in graph.outputs)
    # A function that does nothing is in Unideq's precompiled image, hence called by way of a boxed time.
    return Dict("outputs" => found, "bytes" => sum(bytes[k] for k in 1:2 if !isempty(code[k].args); init = 0))
end

function measured(runner, (; x, c, p, y, dy))
    setup!(runner; x, c, p)
    run!(runner; x, c, p, y, dy)
    results = copy(y), copy(dy)
    setup_bytes = @allocated setup!(runner; x, c, p)
    run_bytes = @allocated run!(runner; x, c, p, y, dy)
    return results, [run_bytes, setup_bytes]
end

end
