# Kernels: graphs compiled to in-place functions of one and the same type, so that everything around them (solvers,
# adjoints, optimisers) is compiled once, when the package is, and not again for every model.

"""
What a compiled graph looks like from outside: `code(a, b, c, d, e, w, t)`, five flat arrays, a workspace, and the time.

Every input and output of the graph has a `Place` in one of them.
"""
const Code = FunctionWrapper{
    Nothing,
    Tuple{Vector{Float64},Vector{Float64},Vector{Float64},Vector{Float64},Vector{Float64},Vector{Float64},Float64},
}

"""
A compiled graph. `run` writes the outputs. `setup`, called with the same arguments, prepares in `w` what depends on the
inputs named `fixed` alone (layouts, packed weights); call it whenever those change, and before the first `run`.
"""
struct Kernel
    run::Code
    setup::Code
    start::Vector{Float64}
end

"A workspace for one thread; constants are in it, `setup` still has to be called."
workspace(kernel::Kernel) = copy(kernel.start)

const KERNELS = Dict{String,Kernel}()
const KERNELS_LOCK = ReentrantLock()

"""
    compile_kernel(graph, outputs, inputs; fixed = (), mode = :auto)

`outputs` and `inputs` map names to `Place`s; outputs without one aren't computed. Graphs met before aren't compiled
again. `mode` is `:scalar` (straight-line code), `:array` (loops) or `:auto`, which goes by the graph's size.
"""
function compile_kernel(
    graph::Graph, outputs::Dict{String,Place}, inputs::Dict{String,Place}; fixed = (), mode::Symbol = :auto,
)
    key = content(graph, outputs, inputs, fixed, mode)
    return lock(KERNELS_LOCK) do
        get!(KERNELS, key) do
            run, setup, start = generate(graph, outputs, inputs, Set{String}(fixed); mode)
            Kernel(callable(run), callable(setup), start)
        end
    end
end

"Everything that a kernel is made from, as one string."
function content(graph::Graph, outputs, inputs, fixed, mode)
    io = IOBuffer()
    print(io, mode, sort!(collect(String, fixed)), graph.outputs)
    for places in (outputs, inputs), name in sort!(collect(keys(places)))
        print(io, repr(name), places[name])
    end
    for node in graph.nodes
        print(io, '\n', node.operation, node.shape, node.isbool, node.inputs, repr(node.name))
        write(io, node.value)
        for name in sort!(collect(keys(node.attributes)))
            attribute = node.attributes[name]
            print(io, repr(name))
            attribute isa Numbers ? (print(io, attribute.shape); write(io, attribute.values)) : print(io, attribute)
        end
    end
    return String(take!(io))
end

"An expression in `a, b, c, d, e, w, t` as `Code`."
callable(body::Expr) =
    Code(@RuntimeGeneratedFunction(:((a, b, c, d, e, w, t) -> ($(Expr(:inbounds, true)); $body; nothing))))

"Graphs up to this many scalar operations become straight-line code."
const MOST_SCALARS = 300

"The function body of a graph, that of its set-up, and the initial workspace."
function generate(graph::Graph, outputs, inputs, fixed; mode::Symbol = :auto)
    mode in (:auto, :scalar, :array) || throw(ArgumentError("`mode` is `:auto`, `:scalar` or `:array`, not `:$mode`"))
    if mode === :scalar || (mode === :auto && scalar_operations(graph, outputs) <= MOST_SCALARS)
        return generate_scalar(graph, outputs, inputs), Expr(:block), Float64[]
    end
    return generate_arrays(graph, outputs, inputs, fixed)
end
