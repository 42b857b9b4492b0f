# Straight-line code: every element of every array is a local variable. Best for small states.

const Atom = Union{Symbol,Float64,Bool}

"What generated code calls for an operation of numbers, where that isn't Julia's own function of the same name."
const SCALAR_CALLS = Dict{Symbol,Symbol}(
    :add => :+, :subtract => :-, :multiply => :*, :divide => :/, :negative => :-, :absolute => :abs, :log => :real_log,
    :log1p => :real_log1p, :sqrt => :real_sqrt, :tan => :real_tan, :arcsin => :real_asin, :arccos => :real_acos,
    :arctan => :atan, :maximum => :max, :minimum => :min, :arctan2 => :atan, :less => :<, :less_equal => :(<=),
    :equal => :(==), :logical_and => :&, :logical_or => :|, :logical_not => :!, :where => :ifelse, :power => :real_power,
    (name => Symbol(name, :_of) for name in FOUR_AT_ONCE)...,
)

function scalar_function(operation::Symbol)
    haskey(SCALAR_CALLS, operation) && return SCALAR_CALLS[operation]
    known = Base.isexported(Base, operation) && getfield(Base, operation) isa Function
    known && return operation
    throw(Unsupported("Engine `julia` lacks the operation `$operation`. Use `engine=\"jax\"`."))
end

mutable struct ScalarCode
    statements::Vector{Any}
    count::Int
end

function bind!(code::ScalarCode, expression)::Atom
    expression isa Atom && return expression
    code.count += 1
    name = Symbol(:x, code.count)
    push!(code.statements, :($name = $expression))
    return name
end

"The function body, the initial workspace, and the places of `taken` numbers in it."
function generate_scalar(graph::Graph, outputs, inputs, taken)
    code = ScalarCode(Any[], 0)
    start, places = Float64[], Places()
    atoms = Vector{Vector{Atom}}(undef, length(graph.nodes))
    needed = reachable(graph, outputs)
    for (i, node) in enumerate(graph.nodes)
        needed[i] || continue
        if node.operation === :input
            place = inputs[node.name]
            atoms[i] = place.port === :t ? Atom[:t] :
                Atom[bind!(code, :(@inbounds $(place.port)[$(place.offset + k)])) for k in 1:length(node)]
        elseif i in taken
            offset, count = length(start), is_uniform(node.value) ? 1 : length(node)
            push!(places, (i, "", offset))
            append!(start, zeros(count))
            numbers = Atom[bind!(code, :(@inbounds w[$(offset + k)])) for k in 1:count]
            atoms[i] = count == length(node) ? numbers : fill(numbers[1], length(node))
        elseif node.operation === :constant
            atoms[i] = node.isbool ? Atom[v != 0 for v in node.value] : Atom[v for v in node.value]
        elseif node.operation === :piecewise_polynomial
            offsets = map(TABLES) do name
                push!(places, (i, name, length(start)))
                append!(start, zeros(length(floats(node.attributes[name]))))
                places[end][3]
            end
            atoms[i] = scalar_polynomial(code, Pieces(node), atoms[node.inputs], offsets...)
        else
            atoms[i] = scalar_node!(code, node, graph.nodes[node.inputs], atoms[node.inputs])
        end
    end
    for (name, position) in graph.outputs
        haskey(outputs, name) || continue
        place, isbool = outputs[name], graph.nodes[position].isbool
        for (k, atom) in enumerate(atoms[position])
            value = isbool ? :(Float64($atom)) : atom
            target = :($(place.port)[$(place.offset + k)])
            push!(code.statements, place.add ? :(@inbounds $target += $value) : :(@inbounds $target = $value))
        end
    end
    return Expr(:block, code.statements...), start, places
end

"Which nodes the wanted outputs need."
function reachable(graph::Graph, outputs)
    needed = falses(length(graph.nodes))
    for (name, position) in graph.outputs
        haskey(outputs, name) && (needed[position] = true)
    end
    for i in length(graph.nodes):-1:1
        needed[i] && (needed[graph.nodes[i].inputs] .= true)
    end
    return needed
end

"Whether an operation works on whole arrays and has no straight-line code."
needs_arrays(operation::Symbol) =
    haskey(LOWERED, operation) && !haskey(SCALAR_NODES, operation) && !haskey(SELECTIONS, operation)

"Scalar operations and outputs of the wanted part of a graph."
function scalar_operations(graph::Graph, outputs)
    count = sum(length(graph.nodes[position]) for (name, position) in graph.outputs if haskey(outputs, name); init = 0)
    needed = reachable(graph, outputs)
    for (i, node) in enumerate(graph.nodes)
        needed[i] && !isempty(node.inputs) || continue
        x = graph.nodes[node.inputs[1]]
        needs_arrays(node.operation) && return typemax(Int)
        if node.operation === :matmul
            count += length(node) * x.shape[end]
        elseif node.operation in (:stencil, :stencil_adjoint)
            count += length(node) * length(node.attributes["offsets"])
        elseif !haskey(SELECTIONS, node.operation)
            count += max(length(node), length(x))
        end
    end
    return count
end

"Element k of an operand that broadcasts to `shape`."
function spread(node::Node, atoms::Vector{Atom}, shape::Vector{Int})
    node.shape == shape && return atoms
    length(atoms) == 1 && return fill(atoms[1], prod(shape; init = 1))
    like = Node(:broadcast_to, shape, false, Int[], "", Float64[], Dict{String,Any}())
    return atoms[vec(selected_by_broadcast(like, node.shape))]
end

function scalar_node!(code, node, operands, atoms)
    node.operation in FOUR_AT_ONCE && return four_at_once!(code, SCALAR_CALLS[node.operation], atoms[1])
    map = isempty(operands) ? nothing : index_map(node, operands[1])
    map === nothing || return Atom[k == 0 ? 0.0 : atoms[1][k] for k in map]
    haskey(SCALAR_NODES, node.operation) && return SCALAR_NODES[node.operation](code, node, operands, atoms)
    columns = [spread(o, a, node.shape) for (o, a) in zip(operands, atoms)]
    return Atom[bind!(code, scalar_call(node.operation, [c[k] for c in columns])) for k in 1:length(node)]
end

function four_at_once!(code, call::Symbol, x::Vector{Atom})
    result = Atom[]
    for first in 1:4:length(x)
        part = x[first:min(first + 3, end)]
        if length(part) == 1
            push!(result, bind!(code, :($call($(part[1])))))
        else
            packed = bind!(code, :($call(vec4($(part...), $(fill(part[1], 4 - length(part))...)))))
            append!(result, [bind!(code, :(lane($packed, $k))) for k in 1:length(part)])
        end
    end
    return result
end

function scalar_call(operation::Symbol, x)
    if operation === :power && x[2] isa Float64
        x[2] == 2.0 && return :($(x[1]) * $(x[1]))
        x[2] == 3.0 && return :($(x[1]) * $(x[1]) * $(x[1]))
        x[2] == 0.5 && return :(real_sqrt($(x[1])))
        isinteger(x[2]) && abs(x[2]) <= 64 && return :($(x[1])^$(Int(x[2])))
    end
    return Expr(:call, scalar_function(operation), x...)
end

sum_of(terms) = isempty(terms) ? 0.0 : length(terms) == 1 ? terms[1] : reduce((p, q) -> :($p + $q), terms)

"Σ left · right, the products fused into the sum."
function dot_of(left, right)
    isempty(left) && return 0.0
    return foldl((s, k) -> :(muladd($(left[k]), $(right[k]), $s)), 2:length(left); init = :($(left[1]) * $(right[1])))
end

function scalar_matmul(code, node, operands, atoms)
    m, k, n = operands[1].shape[end-1], operands[1].shape[end], operands[2].shape[end]
    batch = node.shape[1:end-2]
    left = spread_batch(operands[1], atoms[1], batch)
    right = spread_batch(operands[2], atoms[2], batch)
    return Atom[
        bind!(code, dot_of([left[b*m*k+i*k+l+1] for l in 0:k-1], [right[b*k*n+l*n+j+1] for l in 0:k-1])) for
        b in 0:prod(batch; init = 1)-1 for i in 0:m-1 for j in 0:n-1
    ]
end

spread_batch(node, atoms, batch) = spread(node, atoms, vcat(batch, node.shape[end-1:end]))

function scalar_concatenate(code, node, operands, atoms)
    result = Vector{Atom}(undef, length(node))
    p = positions(node.shape)
    d = julia_axis(node.shape, node.attributes["axis"])
    start = 0
    for (o, a) in zip(operands, atoms)
        n = o.shape[node.attributes["axis"]+1]
        result[vec(selectdim(p, d, start+1:start+n))] = a
        start += n
    end
    return result
end

function scalar_scatter(code, node, operands, atoms)
    terms = [Atom[] for _ in 1:length(node)]
    p = positions(node.shape)
    d = julia_axis(node.shape, node.attributes["axis"])
    source = positions(operands[1].shape)
    for (i, target) in enumerate(mod.(integers(node.attributes["indices"]), node.attributes["size"]))
        for (to, from) in zip(vec(selectdim(p, d, target + 1)), vec(selectdim(source, d, i)))
            push!(terms[to], atoms[1][from])
        end
    end
    return Atom[bind!(code, sum_of(t)) for t in terms]
end

groups_of(node, operand) = reduced_groups(operand.shape, integers(node.attributes["axes"]) .+ 1)

scalar_sum(code, node, operands, atoms) =
    Atom[bind!(code, sum_of(atoms[1][g])) for g in groups_of(node, operands[1])]

scalar_amax(code, node, operands, atoms) =
    Atom[bind!(code, reduce((p, q) -> :(max($p, $q)), atoms[1][g])) for g in groups_of(node, operands[1])]

function scalar_stencil(code, node, operands, atoms; adjoint = false)
    terms = [Any[] for _ in 1:length(node)]
    for (to, from, c) in stencil_entries(node, operands[1])
        adjoint && ((to, from) = (from, to))
        push!(terms[to], :($c * $(atoms[1][from])))
    end
    return Atom[bind!(code, sum_of(t)) for t in terms]
end

"Sizes of the tables of a `piecewise_polynomial`: rows (0: it has none), breaks a row, coefficients, numbers in a value."
struct Pieces
    rows::Int
    breaks::Int
    degree::Int
    inner::Int
end

function Pieces(node)
    shape, rows = node.attributes["coefficients"].shape, length(node.inputs) == 2
    by_row = rows ? shape[2:end] : shape
    return Pieces(rows ? shape[1] : 0, by_row[2] - 1, by_row[1], prod(by_row[3:end]; init = 1))
end

"Which row a number means; one that is no row means none of other arrays."
row_of(number::Float64, rows::Int) = clamp(unsafe_trunc(Int, number), 0, rows - 1)

"Of tables in the workspace: anchors, breaks, and coefficients (row, degree, piece, value), from these offsets on."
function scalar_polynomial(code, p::Pieces, atoms, anchors::Int, breaks::Int, coefficients::Int)
    result = Atom[]
    for (k, t) in enumerate(atoms[1])
        row = p.rows == 0 ? 0 : bind!(code, :(row_of($(atoms[2][k]), $(p.rows))))
        piece = bind!(code, :(last_not_above(w, $breaks + $row * $(p.breaks), $(p.breaks), $t)))
        local_t = bind!(code, :($t - @inbounds w[$anchors + $row * $(p.breaks + 1) + $piece + 1]))
        first = bind!(code, :($coefficients + ($row * $(p.degree * (p.breaks + 1)) + $piece) * $(p.inner)))
        at(d, v) = :(@inbounds w[$first + $(d * (p.breaks + 1) * p.inner + v)])
        for v in 1:p.inner
            value = at(p.degree - 1, v)
            for d in p.degree-2:-1:0
                value = :(muladd($value, $local_t, $(at(d, v))))
            end
            push!(result, bind!(code, value))
        end
    end
    return result
end

const SCALAR_NODES = Dict{Symbol,Function}(
    :matmul => scalar_matmul,
    :concatenate => scalar_concatenate,
    :scatter_add => scalar_scatter,
    :sum => scalar_sum,
    :amax => scalar_amax,
    :stencil => scalar_stencil,
    :stencil_adjoint => (args...) -> scalar_stencil(args...; adjoint = true),
)
