# Kernels: graphs compiled to in-place functions of one and the same type, so that everything around them (solvers,
# adjoints, optimisers) is compiled once, when the package is, and not again for every model.

"""
The flat arrays that a compiled graph reads and writes, for one thread, named by what usually is there:

- `x`: what moves: a state, the coordinates of a point;
- `c`: what is constant along a trajectory;
- `p`: what depends on parameters alone, or is them;
- `v`: a vector, of products of derivatives with vectors;
- `y`: the outputs;
- `dx`, `dp`, `dy`: of `x`, `p` and `y` their tangents, or their cotangents;
- `w`: the workspace.

Every input and output of the graph has a `Place` at one of them. They come as one object, since a call of `Code` costs
3 ns an argument.
"""
mutable struct Ports
    x::Vector{Float64}
    c::Vector{Float64}
    p::Vector{Float64}
    v::Vector{Float64}
    y::Vector{Float64}
    dx::Vector{Float64}
    dp::Vector{Float64}
    dy::Vector{Float64}
    const w::Vector{Float64}
end

"What a compiled graph looks like from outside: `code(ports, t)`."
const Code = FunctionWrapper{Nothing,Tuple{Ports,Float64}}

"""
A compiled graph. `run` writes the outputs. `setup` prepares in `w` what depends on the inputs named `fixed` alone
(layouts, packed weights), and reads no others; call it whenever those change, and before the first `run`.
"""
struct Kernel
    run::Code
    setup::Code
    start::Vector{Float64}              # the workspace before it is set up: constants
end

"A kernel that does nothing, in place of graphs that have nothing to compute."
idle_kernel() = Kernel(Code(idle), Code(idle), Float64[])
idle(ports, t) = nothing

"A kernel with ports of its own, for one thread."
struct Runner
    run::Code
    setup::Code
    ports::Ports
end

Runner(kernel::Kernel) = Runner(kernel.run, kernel.setup, Ports(fill(NOTHING, 8)..., copy(kernel.start)))
Runner(::Nothing) = Runner(idle_kernel())

"`run!(runner, t = 0.0; x, p, y, …)`: run a kernel on the arrays at its ports; those that it doesn't use aren't named."
@inline run!(r::Runner, t::Float64 = 0.0; arrays...) = (bind!(r.ports, values(arrays)); r.run(r.ports, t); nothing)

"`setup!(runner; p, …)`: prepare a kernel for new values of its fixed inputs."
@inline setup!(r::Runner; arrays...) = (bind!(r.ports, values(arrays)); r.setup(r.ports, 0.0); nothing)

@generated bind!(ports::Ports, arrays::NamedTuple{names}) where {names} =
    Expr(:block, Expr(:meta, :inline), (:(ports.$name = arrays.$name) for name in names)..., nothing)

"""
What graphs share that differ in their numbers alone: code, and a workspace in which the numbers are missing. `places`
are the numbers that were taken out and where they begin in the workspace: of a constant by node, of the tables of
interpolated values by node and attribute.
"""
struct Form
    run::Code
    setup::Code
    start::Vector{Float64}
    places::Places
end

const KERNELS = Dict{String,Form}()
const KERNELS_LOCK = ReentrantLock()

"""
    compile_kernel(graph, outputs, inputs; fixed = (), mode = :auto)

`outputs` and `inputs` map names to `Place`s; outputs without one aren't computed. Graphs met before aren't compiled
again, nor are those that differ from them in numbers (`taken_numbers`) alone. `mode` is `:scalar` (straight-line code), `:array` (loops) or `:auto`, which goes by the graph's size.
"""
function compile_kernel(
    graph::Graph, outputs::Dict{String,Place}, inputs::Dict{String,Place}; fixed = (), mode::Symbol = :auto,
)
    taken = taken_numbers(graph)
    key = content(graph, outputs, inputs, fixed, mode, taken)
    form = lock(KERNELS_LOCK) do
        get!(KERNELS, key) do
            run, setup, start, places = generate(graph, outputs, inputs, Set{String}(fixed), taken; mode)
            Form(callable(run), callable(setup), start, places)
        end
    end
    start = copy(form.start)
    for (i, name, offset) in form.places
        value = isempty(name) ? graph.nodes[i].value : floats(graph.nodes[i].attributes[name])
        copyto!(start, offset + 1, value, 1, isempty(name) && is_uniform(value) ? 1 : length(value))
    end
    return Kernel(form.run, form.setup, start)
end

"""
Constants that may come from data, by position: they lie in the workspace. Truth values, exponents, and one small number
all over, which the compiler may know, stay in the code.
"""
function taken_numbers(graph::Graph)
    taken = Set{Int}()
    for (i, node) in enumerate(graph.nodes)
        node.operation === :constant && !node.isbool && !isempty(node.value) && !is_plain(node.value) && push!(taken, i)
    end
    for node in graph.nodes
        node.operation === :power && delete!(taken, node.inputs[2])
    end
    return taken
end

is_uniform(value::Vector{Float64}) = !isempty(value) && all(v -> v === value[1], value)
is_plain(value::Vector{Float64}) = is_uniform(value) && abs(value[1]) <= 64 && isinteger(2 * value[1])

is_table(node::Node, name::String) =
    node.operation === :piecewise_polynomial && name in TABLES && node.attributes[name] isa Numbers

"Everything that a form is made from, as one string."
function content(graph::Graph, outputs, inputs, fixed, mode, taken)
    io = IOBuffer()
    print(io, mode, sort!(collect(String, fixed)), graph.outputs)
    for places in (outputs, inputs), name in sort!(collect(keys(places)))
        print(io, repr(name), places[name])
    end
    for (i, node) in enumerate(graph.nodes)
        print(io, '\n', node.operation, node.shape, node.isbool, node.inputs, repr(node.name))
        i in taken ? print(io, is_uniform(node.value) ? "uniform" : "taken") : write(io, node.value)
        for name in sort!(collect(keys(node.attributes)))
            attribute = node.attributes[name]
            print(io, repr(name))
            attribute isa Numbers || (print(io, attribute); continue)
            print(io, attribute.shape)
            is_table(node, name) || write(io, attribute.values)
        end
    end
    return String(take!(io))
end

"An expression in the ports and `t` as `Code`."
function callable(body::Expr)
    named = (:($name = ports.$name) for name in fieldnames(Ports))
    return Code(@RuntimeGeneratedFunction(:((ports, t) -> ($(Expr(:inbounds, true)); $(named...); $body; nothing))))
end

"Graphs up to this many scalar operations become straight-line code."
const MOST_SCALARS = 300

"The function body of a graph, that of its set-up, the initial workspace, and the places of `taken` numbers in it."
function generate(graph::Graph, outputs, inputs, fixed, taken; mode::Symbol = :auto)
    mode in (:auto, :scalar, :array) || throw(ArgumentError("`mode` is `:auto`, `:scalar` or `:array`, not `:$mode`"))
    if mode === :scalar || (mode === :auto && scalar_operations(graph, outputs) <= MOST_SCALARS)
        run, start, places = generate_scalar(graph, outputs, inputs, taken)
        return run, Expr(:block), start, places
    end
    return generate_arrays(graph, outputs, inputs, fixed, taken)
end
