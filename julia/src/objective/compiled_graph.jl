# Graphs of a program, compiled with their derivatives: the same ports for all.

"""
A graph y = f(x, c, p, t), compiled. `p` and `y` are what lies at these ports, `inputs` has the places of all other
inputs. `fixed` are the inputs that `setup!` prepares for. Derivatives are compiled when they are wanted.
"""
mutable struct CompiledGraph
    const inputs::Dict{String,Place}
    const p::Layout
    const y::Layout
    const fixed::Vector{String}
    const value::Kernel                 # (x, c, p) → y
    reverse::Union{Nothing,Kernel}      # (x, c, p, dy) → dx, and added to dp
    forward::Union{Nothing,Kernel}      # (x, c, p, dx, dp) → dy
end

function CompiledGraph(data::AbstractDict, inputs::Dict{String,Place}, p::Layout; fixed = p.names, outputs = nothing)
    graph = read_graph(data)
    y = outputs === nothing ? output_layout(graph) : outputs
    value = kernel_of(graph, places(y, :y), merge(inputs, places(p, :p)); fixed)
    return CompiledGraph(inputs, p, y, fixed, value, nothing, nothing)
end

"The only input of graphs of θ alone, at port p; its size isn't asked for."
const THETA = Layout(["theta"], [0])

"What graphs of trajectories read at port p: arrays precomputed from θ, and behind them `c`, q constants."
with_constants(layout::Layout, q::Int) = q == 0 ? layout : Layout([layout.names; "c"], [layout.sizes; q])

"A graph of θ alone, or of it and of other `arrays`, at port x."
graph_of_theta(data::AbstractDict, arrays::Layout = Layout(String[], Int[])) =
    CompiledGraph(data, places(arrays, :x), THETA; fixed = String[])

"Inputs of graphs in time and state: `t`, `u`, and `c`, the trajectory's constants."
const STATE = Dict("t" => Place(:t), "u" => Place(:x), "c" => Place(:c))

"`compile_kernel`, of a program's JSON or a graph; an absent graph, or one without outputs, is idle."
kernel_of(::Nothing, outputs, inputs; fixed = ()) = idle_kernel()
kernel_of(data::AbstractDict, outputs, inputs; fixed = ()) = kernel_of(read_graph(data), outputs, inputs; fixed)
kernel_of(graph::Graph, outputs, inputs; fixed = ()) =
    isempty(graph.outputs) ? idle_kernel() : compile_kernel(graph, outputs, inputs; fixed)

all_inputs(g::CompiledGraph) = merge(g.inputs, places(g.p, :p))

"Places of the derivatives by what lies at x."
moving_places(g::CompiledGraph; prefix = "") =
    Dict{String,Place}(prefix * name => Place(:dx, at.offset) for (name, at) in g.inputs if at.port === :x)

"Where cotangents by x and p go."
pulled_places(g::CompiledGraph) = merge(moving_places(g), places(g.p, :dp; add = true))

"Where the cotangents of y come from, among all that reverse mode reads."
reverse_inputs(g::CompiledGraph) = merge(all_inputs(g), places(g.y, :dy; prefix = "cotangent."))

"Where tangents of x and p come from, among all that forward mode reads."
forward_inputs(g::CompiledGraph) =
    merge(all_inputs(g), moving_places(g; prefix = "tangent."), places(g.p, :dp; prefix = "tangent."))

"Compile the derivative in reverse mode."
function compile_reverse!(g::CompiledGraph, data; outputs = pulled_places(g), inputs = reverse_inputs(g))
    g.reverse = kernel_of(data, outputs, inputs; g.fixed)
    return nothing
end

"Compile the derivative in forward mode."
function compile_forward!(g::CompiledGraph, data)
    g.forward = kernel_of(data, places(g.y, :dy), forward_inputs(g); g.fixed)
    return nothing
end

"A compiled graph with workspaces of its own, for one thread."
struct GraphRunner
    value::Runner
    reverse::Runner
    forward::Runner
end

GraphRunner(g::CompiledGraph) = GraphRunner(Runner(g.value), Runner(g.reverse), Runner(g.forward))
