# Graphs as Python wrote them: `unideq.graph.serialise` describes the format.

"One expression of a graph: an operation, or an input or constant."
struct Node
    operation::Symbol
    shape::Vector{Int}          # NumPy's: last axis fastest
    isbool::Bool
    inputs::Vector{Int}         # positions of earlier nodes, from 1
    name::String                # inputs only
    value::Vector{Float64}      # constants only, last axis fastest
    attributes::Dict{String,Any}
end

Base.length(node::Node) = prod(node.shape; init = 1)

"An array function as data. `inputs` and the outputs' second parts are positions in `nodes`."
struct Graph
    nodes::Vector{Node}
    inputs::Vector{Int}
    outputs::Vector{Pair{String,Int}}
end

"Shape of an output."
output_shape(graph::Graph, name::String) =
    graph.nodes[last(graph.outputs[findfirst(p -> first(p) == name, graph.outputs)])].shape

"Read a graph from the text of its JSON."
read_graph(text::AbstractString) = read_graph(JSON.parse(text))

function read_graph(data::AbstractDict)
    format, version = get(data, "format", nothing), get(data, "version", nothing)
    format == "unideq-graph" && version == 1 ||
        throw(ArgumentError("this is no graph of format 1: $format, $version"))
    nodes = [read_node(n) for n in data["nodes"]]
    inputs = Int[i + 1 for i in data["inputs"]]
    return Graph(nodes, inputs, [String(name) => i + 1 for (name, i) in data["outputs"]])
end

function read_node(data::AbstractDict)
    operation = Symbol(data["operation"])
    value = operation === :constant ? flat_numbers(read_value(data["value"])) : Float64[]
    inputs = Int[i + 1 for i in get(data, "inputs", ())]
    attributes = Dict{String,Any}(String(k) => read_value(v) for (k, v) in get(data, "attributes", Dict()))
    shape, name = Int[n for n in data["shape"]], String(get(data, "name", ""))
    return Node(operation, shape, data["dtype"] == "bool", inputs, name, value, attributes)
end

"An array attribute: its numbers, last axis fastest, and its shape."
struct Numbers
    values::Vector{Float64}
    shape::Vector{Int}
end

flat_numbers(x::Numbers) = x.values
flat_numbers(x::Real) = [Float64(x)]

const WIRE_TYPES = Dict(
    "float64" => Float64, "float32" => Float32, "int64" => Int64, "int32" => Int32, "uint8" => UInt8, "bool" => Bool,
)

read_value(x::Union{Nothing,Bool,Real,AbstractString}) = x
read_value(x::AbstractVector) = Any[read_value(v) for v in x]

function read_value(x::AbstractDict)
    haskey(x, "float") && return float_of(String(x["float"]))
    shape = Int[n for n in x["shape"]]
    haskey(x, "values") && return Numbers(Float64[v for v in x["values"]], shape)
    haskey(WIRE_TYPES, x["array"]) || throw(ArgumentError("arrays of type $(x["array"]) are not supported"))
    raw = reinterpret(WIRE_TYPES[x["array"]], base64decode(String(x["base64"])))
    return Numbers(Float64.(raw), shape)
end

float_of(text::String) = text == "nan" ? NaN : text == "inf" ? Inf : text == "-inf" ? -Inf : parse(Float64, text)

"An attribute as integers, whether it came as a list or as an array."
integers(x::AbstractVector) = Int[Int(v) for v in x]
integers(x::Numbers) = Int.(x.values)
integers(x::Real) = [Int(x)]

"An attribute as numbers."
floats(x::AbstractVector) = Float64[Float64(v) for v in x]
floats(x::Numbers) = x.values
floats(x::Real) = [Float64(x)]
