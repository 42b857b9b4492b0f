# First-order methods (Adam and its like): a turn is one evaluation of the loss and one iteration. What the turn makes of
# it is a graph, written in NumPy (`unideq.optimise.first_order`) and the same on every engine.

"""
A first-order method: the compiled `turn`, how the arrays of the state lie in one vector, of which the first `inner`
numbers are the turn's, and what is `given` it in every turn. `beside` is what it does besides, or nothing.
"""
struct FirstOrder{B}
    turn::Kernel
    layout::Layout
    inner::Int
    given::Vector{Float64}
    beside::B
end

"""
Where one seed stands: the state's `numbers`, of which `theta`, `iteration` and `finished` are copies. `found` is
what the turn reads besides, `new` what it makes: the state's first numbers, and two for the log.
"""
mutable struct FirstOrderState{B}
    const theta::Vector{Float64}
    iteration::Int
    finished::Int
    const numbers::Vector{Float64}
    const turn::Runner
    const found::Vector{Float64}
    const new::Vector{Float64}
    const layout::Layout
    const iteration_at::Int
    const finished_at::Int
    const beside::B
end

"A method from `turn`, as `unideq.engine.julia.optimise` describes it, for P parameters."
function read_first_order(given::AbstractDict)
    parameters, turn = length(given["free"]), given["turn"]
    layout(pairs) = Layout([String(name) for (name, _) in pairs], [Int(size) for (_, size) in pairs])
    graph, state, known = read_graph(turn["graph"]), layout(turn["state"]), layout(turn["given"])
    inner = Int(turn["inner"])
    found = Layout(["total", "gradient", "norm", "good"], [1, parameters, 1, 1])
    log = Dict("log.learning_rate" => Place(:y, inner), "log.rejected" => Place(:y, inner + 1))
    inputs = merge(places(state, :x; prefix = "state."), places(found, :c; prefix = "found."), places(known, :p))
    outputs = merge(places(state, :y; prefix = "state."), log)
    # Loops: they are compiled faster than straight-line code, of which there would be one for every number of parameters.
    kernel = compile_kernel(graph, of_graph(outputs, first.(graph.outputs)), inputs; mode = :array)
    beside = get(given, "beside", nothing)
    return FirstOrder(kernel, state, inner, floats(turn["numbers"]), read_beside(beside))
end

of_graph(places, names) = Dict{String,Place}(name => places[name] for name in names)

read_beside(::Nothing) = nothing

function read_beside(beside::AbstractDict)
    beside["kind"] == "soap" && return BasesSettings(beside)
    beside["kind"] == "rule" && return RuleSettings(beside)
    throw(ArgumentError("there is no `$(beside["kind"])` beside a turn"))
end

function start_state(method::FirstOrder, parameters::Int, terms::Int)
    numbers, turn = zeros(method.layout.total), Runner(method.turn)
    setup!(turn)
    return FirstOrderState(
        zeros(parameters), 0, 0, numbers, turn, zeros(parameters + 3), zeros(method.inner + 2), method.layout,
        first(stretch_of(method.layout, "iteration")), first(stretch_of(method.layout, "finished")),
        make_beside(method.beside, method.layout, numbers),
    )
end

make_beside(::Nothing, layout, numbers) = nothing

"Where the array of a name lies in the state's numbers."
stretch_of(layout::Layout, name::String) =
    (i = findfirst(==(name), layout.names); layout.offsets[i]+1:layout.offsets[i]+layout.sizes[i])

number(state::FirstOrderState, name::String) = state.numbers[first(stretch_of(state.layout, name))]

"One turn of one seed."
function turn!(method::FirstOrder, state::FirstOrderState, value::LossValue, problem, worker, logs::Logs, seed::Int)
    evaluate_loss!(value, worker, state.theta, problem.free)
    found, norm = state.found, euclidean_norm(value.gradient)
    copyto!(found, 2, value.gradient, 1, length(value.gradient))
    found[1], found[end-1], found[end] = value.total, norm, value.finite
    prepare!(state.beside, method, state, value)
    run!(state.turn; x = state.numbers, c = found, p = method.given, y = state.new)
    learning_rate, rejected = state.new[end-1], state.new[end]
    log!(logs, seed, state.iteration, value.total, value.terms, norm, learning_rate, rejected > 0)
    copyto!(state.numbers, 1, state.new, 1, method.inner)
    follow!(state.beside, state, rejected == 0)
    read_copies!(state)
    return nothing
end

"What a method does before the turn, with what was found."
prepare!(::Nothing, method, state, value) = nothing

"What a method does after a turn, whose gradient was `used` or refused."
follow!(::Nothing, state, used) = nothing

"What a method does when the state's numbers were read."
reload!(beside) = nothing

function read_copies!(state::FirstOrderState)
    copyto!(state.theta, 1, state.numbers, 1, length(state.theta)) # the first array of the state
    state.iteration, state.finished = state.numbers[state.iteration_at], state.numbers[state.finished_at]
    return nothing
end

function load_state!(state::FirstOrderState, name::String, address::Integer, seed::Int)
    where = stretch_of(state.layout, name)
    size = length(where)
    copyto!(state.numbers, first(where), numbers(address + sizeof(Float64) * size * (seed - 1), size), 1, size)
    read_copies!(state)
    reload!(state.beside)
    return nothing
end

function store_state(state::FirstOrderState, name::String, address::Integer, seed::Int)
    where = stretch_of(state.layout, name)
    size = length(where)
    copyto!(numbers(address + sizeof(Float64) * size * (seed - 1), size), 1, state.numbers, first(where), size)
    return nothing
end
