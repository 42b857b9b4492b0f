# Networks that only Julia can look into: Lux models given as source, which the extension UnideqLuxExt compiles.

"`value(y, x, weights, samples)`, each array followed by the offset after which its part begins."
const NetworkValue =
    FunctionWrapper{Nothing,Tuple{Vector{Float64},Int,Vector{Float64},Int,Vector{Float64},Int,Int}}

"`pullback(gradient, x, weights, cotangent, samples)`, likewise; the gradient is by x first, then by the weights."
const NetworkPullback = FunctionWrapper{
    Nothing,
    Tuple{Vector{Float64},Int,Vector{Float64},Int,Vector{Float64},Int,Vector{Float64},Int,Int},
}

"`pushforward(tangent of y, x, weights, tangent of x, tangent of weights, samples)`; an empty tangent is zero."
const NetworkPushforward = FunctionWrapper{
    Nothing,
    Tuple{
        Vector{Float64},Int,Vector{Float64},Int,Vector{Float64},Int,Vector{Float64},Int,Vector{Float64},Int,Int,
    },
}

"""
A network on flat arrays: x holds `inputs` features of the first sample, then those of the second; weights lie in
Julia's order, one array after the other. `names` and `shapes` say which; `draw!(weights, seed)` fills in initial ones.
"""
struct CompiledNetwork
    inputs::Int
    outputs::Int
    names::Vector{String}
    shapes::Vector{Vector{Int}}
    value::NetworkValue
    pullback::NetworkPullback
    pushforward::NetworkPushforward
    draw!::FunctionWrapper{Nothing,Tuple{Vector{Float64},Int}}
end

weight_count(network::CompiledNetwork) = sum(prod, network.shapes; init = 0)

const NETWORKS = CompiledNetwork[]
const NETWORK_NUMBERS = Dict{Tuple{String,Int,Int},Int}()
const NETWORKS_LOCK = ReentrantLock()

const NETWORK_PACKAGES = [
    Base.PkgId(Base.UUID("b2108857-7c20-44ae-9111-449ecde12c47"), "Lux"),
    Base.PkgId(Base.UUID("e88e6eb3-aa80-5325-afca-941959d7151f"), "Zygote"),
    Base.PkgId(Base.UUID("f6369f11-7733-5829-9624-2563aa707210"), "ForwardDiff"),
]

"`compile_network(source, inputs, outputs)::CompiledNetwork`; 0 asks for the number. The extension has the method."
function compile_network end

"The number in `NETWORKS` of the model that the source makes, compiled when first asked for."
function network_number(source::String, inputs::Int, outputs::Int)
    return lock(NETWORKS_LOCK) do
        get!(NETWORK_NUMBERS, (source, inputs, outputs)) do
            foreach(Base.require, NETWORK_PACKAGES)
            push!(NETWORKS, Base.invokelatest(compile_network, source, inputs, outputs)::CompiledNetwork)
            length(NETWORKS)
        end
    end
end

"The number of the network that a graph's node calls."
function network_number(node::Node)
    at = node.attributes
    number = network_number(String(at["source"]), Int(at["inputs"]), Int(at["outputs"]))
    network = NETWORKS[number]
    wanted = [String(name) => integers(shape) for (name, shape) in at["structure"]]
    found = Pair.(network.names, network.shapes)
    wanted == found || throw(ArgumentError(
        "the Lux model $(at["source"]) has other weights here than where the graph was made: $found, not $wanted",
    ))
    return number
end

# What generated code calls.
network_value!(number::Int, arguments...) = @inbounds(NETWORKS[number]).value(arguments...)
network_pullback!(number::Int, arguments...) = @inbounds(NETWORKS[number]).pullback(arguments...)
network_pushforward!(number::Int, arguments...) = @inbounds(NETWORKS[number]).pushforward(arguments...)

"""
    describe_network(source, inputs, outputs)

As JSON: `inputs`, `outputs`, and `structure`, the names and shapes of the weights; or `error`, where the source is bad.
"""
function describe_network(source, inputs, outputs)
    foreach(Base.require, NETWORK_PACKAGES)
    network = try
        NETWORKS[network_number(String(source), Int(inputs), Int(outputs))]
    catch error
        error isa InterruptException && rethrow()
        return JSON.json(Dict("error" => sprint(showerror, error)))
    end
    structure = [Any[name, shape] for (name, shape) in zip(network.names, network.shapes)]
    return JSON.json(Dict("inputs" => network.inputs, "outputs" => network.outputs, "structure" => structure))
end

"Fill the n weights at the address with initial ones, drawn from the seed."
function draw_network!(source, inputs, outputs, seed, address, n)
    network = NETWORKS[network_number(String(source), Int(inputs), Int(outputs))]
    n == weight_count(network) || throw(DimensionMismatch("$source has $(weight_count(network)) weights, not $n"))
    network.draw!(unsafe_wrap(Vector{Float64}, Ptr{Float64}(UInt(address)), Int(n)), Int(seed))
    return nothing
end
