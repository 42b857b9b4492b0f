# A graph as steps: what is computed, with operands that are views of earlier steps.

"Where a step's elements are written, by the step's own index: `port[offset + Σ strides · index + 1]`."
struct Store
    port::Symbol
    offset::Int
    strides::Vector{Int}
    add::Bool
end

"""
One computation. `kind` says how it is carried out: `:input`, `:constant`; `:map` element by element, `:sum` and `:amax`
over axes, all three in fused loops; `:call` of an array function; `:product` of matrices; `:move` for tables of
indices; `:fourier` transforms; `:convolution`s and their derivatives by the kernel. `domain` is what its loops run
over, `shape` that of its result.
"""
mutable struct Step
    kind::Symbol
    operation::Symbol
    shape::Vector{Int}
    domain::Vector{Int}
    isbool::Bool
    operands::Vector{View}
    attributes::Dict{String,Any}
    value::Vector{Float64}      # constants
    fixed::Bool                 # depends on fixed inputs and constants alone: computed by the set-up
    level::Int
    group::Int
    port::Symbol                # where the result is kept; :none as long as nowhere
    offset::Int
    stores::Vector{Store}       # outputs it is written to besides
end

function Step(kind, operation, shape; domain = shape, isbool = false, operands = View[],
              attributes = Dict{String,Any}(), value = Float64[], fixed = false)
    return Step(kind, operation, shape, domain, isbool, operands, attributes, value, fixed, 0, 0, :none, 0, Store[])
end

Base.length(step::Step) = prod(step.shape; init = 1)
sources(step::Step) = (p.source for v in step.operands for p in v.pieces if p.source != 0)
is_loop(step::Step) = step.kind in (:map, :sum, :amax)
is_data(step::Step) = step.kind in (:input, :constant)
"A constant whose numbers aren't in the code: those of graph node `attributes[\"node\"]`."
is_taken(step::Step) = step.kind === :constant && haskey(step.attributes, "node")

"Few enough elements to be written out, each a local variable."
const TINY = 4
is_tiny(step::Step) = is_loop(step) && prod(step.domain; init = 1) <= TINY

"Views in more pieces than this are copied first."
const MOST_PIECES = 9

"Tables of indices in more runs of equal steps than this aren't views."
const MOST_RUNS = 4

"Inner lengths up to which a product with a vector is written out within a loop."
const SHORT_PRODUCT = 8

struct Lowering
    steps::Vector{Step}
    values::Vector{View}        # of the graph's nodes
end

function lower(graph::Graph, outputs, inputs, fixed, taken)
    lowering = Lowering(Step[], Vector{View}(undef, length(graph.nodes)))
    needed = reachable(graph, outputs)
    for (i, node) in enumerate(graph.nodes)
        needed[i] || continue
        if node.operation === :input
            place = inputs[node.name]
            step = Step(:input, :input, node.shape; fixed = node.name in fixed)
            step.port, step.offset = place.port, place.offset
            view = push_step!(lowering, step)
        elseif node.operation === :constant
            view = lower_constant!(lowering, node, i in taken ? Dict{String,Any}("node" => i) : Dict{String,Any}())
        elseif node.operation === :piecewise_polynomial
            view = lower_polynomial!(lowering, node, [lowering.values[j] for j in node.inputs], i)
        else
            view = lower_node!(lowering, node, [lowering.values[j] for j in node.inputs])
        end
        lowering.values[i] = piece_count(view) > MOST_PIECES ? copied!(lowering, view, node.isbool) : view
    end
    return lowering
end

function push_step!(lowering::Lowering, step::Step)
    is_data(step) || (step.fixed = all(s -> lowering.steps[s].fixed, sources(step)))
    push!(lowering.steps, step)
    return whole(length(lowering.steps), step.shape)
end

"The view as an array of its own."
copied!(lowering, view::View, isbool = false) =
    push_step!(lowering, Step(:map, :copy, view.shape; isbool, operands = [view]))

"The view if it is of one piece, else a copy."
in_one_piece!(lowering, view::View) =
    length(view.pieces) == 1 && view.pieces[1].source != 0 ? view : copied!(lowering, view)

"The view if it is all of a stored array, else a copy."
stored_whole!(lowering, view::View) =
    length(view.pieces) == 1 && view.pieces[1].source != 0 &&
    is_whole(view, lowering.steps[view.pieces[1].source].shape) ? view : copied!(lowering, view)

function lower_constant!(lowering, node, attributes)
    uniform = is_uniform(node.value)
    step = Step(:constant, :constant, uniform ? Int[] : node.shape; isbool = node.isbool,
                value = uniform ? node.value[1:1] : node.value, attributes, fixed = true)
    view = push_step!(lowering, step)
    return uniform ? broadcasted(view, node.shape) : view
end

is_bool(lowering, view::View) = any(p -> p.source != 0 && lowering.steps[p.source].isbool, view.pieces)

function lower_node!(lowering, node::Node, operands::Vector{View})
    view = moved(lowering, node, operands)
    view === nothing || return view
    haskey(LOWERED, node.operation) && return LOWERED[node.operation](lowering, node, operands)
    if node.operation in FOUR_AT_ONCE && length(node) > TINY
        step = Step(:call, node.operation, node.shape; operands = [stored_whole!(lowering, operands[1])])
    else
        step = Step(:map, node.operation, node.shape; isbool = node.isbool,
                    operands = [broadcasted(v, node.shape) for v in operands])
    end
    return push_step!(lowering, step)
end

"The view that an operation which only moves elements amounts to; `nothing` for others."
function moved(lowering, node::Node, operands)
    at, operation = node.attributes, node.operation
    operation in (:stop_gradient, :learned) && return operands[1]
    operation === :transpose && return transposed(operands[1], integers(at["axes"]) .+ 1)
    operation === :broadcast_to && return broadcasted(operands[1], node.shape)
    operation === :concatenate && return joined(operands, at["axis"] + 1)
    operation === :roll && return rolled(operands[1], at["axis"] + 1, Int(at["shift"]))
    if operation === :reshape
        view = reshaped(operands[1], node.shape)
        return view === nothing ? reshaped(copied!(lowering, operands[1], node.isbool), node.shape) : view
    elseif operation === :gather
        axis = at["axis"] + 1
        n = operands[1].shape[axis]
        return gathered(operands[1], axis, mod.(integers(at["indices"]), max(n, 1)))
    elseif operation === :scatter_add
        axis = at["axis"] + 1
        n = node.shape[axis]
        return scattered(operands[1], axis, mod.(integers(at["indices"]), max(n, 1)), n)
    elseif operation === :slice
        view = operands[1]
        for (axis, (start, _, step)) in enumerate(map(integers, at["window"]))
            view = sliced(view, axis, start, step, node.shape[axis])
        end
        return view
    elseif operation === :pad && all(w -> integers(w)[3] == 1, at["window"])
        view = operands[1]
        for (axis, (start, _, _)) in enumerate(map(integers, at["window"]))
            view = padded(view, axis, start, node.shape[axis] - start - view.shape[axis])
        end
        return view
    end
    return nothing
end

function lower_reduction!(lowering, node, operands)
    step = Step(node.operation, node.operation, node.shape; domain = operands[1].shape, operands,
                attributes = Dict{String,Any}("axes" => integers(node.attributes["axes"]) .+ 1))
    return push_step!(lowering, step)
end

"Σₖ cₖ · (view k): a map of its own."
function weighted!(lowering, views, coefficients)
    attributes = Dict{String,Any}("coefficients" => coefficients)
    return push_step!(lowering, Step(:map, :weighted, views[1].shape; operands = views, attributes))
end

function lower_stencil!(lowering, node, operands; sign = 1)
    at, x = node.attributes, operands[1]
    piece_count(x) > 1 && (x = copied!(lowering, x))
    axis, boundary = at["axis"] + 1, at["boundary"]
    offsets, coefficients = sign .* integers(at["offsets"]), copy(floats(at["coefficients"]))
    periodic, edge = boundary == "periodic", boundary == "edge" && sign == 1
    move = periodic ? (v, a, o) -> rolled(v, a, -o) : edge ? shifted_edge : shifted
    views = View[move(x, axis, o) for o in offsets]
    boundary == "edge" && sign == -1 && append_edges!(views, coefficients, x, axis, offsets)
    isempty(views) && return zero_view(node.shape)
    return weighted!(lowering, views, coefficients)
end

"What the adjoint of repeating the outermost value adds to that value."
function append_edges!(views, coefficients, x, axis, offsets)
    n = x.shape[axis]
    for (o, c) in zip(offsets, coefficients[1:length(offsets)])
        for i in (o > 0 ? (0:min(o, n)-1) : (max(n + o, 0):n-1))
            outer = sliced(x, axis, i, 1, 1)
            push!(views, o > 0 ? padded(outer, axis, 0, n - 1) : padded(outer, axis, n - 1, 0))
            push!(coefficients, c)
        end
    end
end

"Whether a product is to be in single precision."
in_single(node::Node) = get(node.attributes, "precision", "float64") == "float32"

"Can BLAS read the last two axes?"
is_matrix(v::View) = is_matrix(v.pieces[1].strides[end-1], v.pieces[1].strides[end], v.shape[end-1], v.shape[end])

function lower_matmul!(lowering, node, operands)
    shape = node.shape
    m, n, k = shape[end-1], shape[end], operands[1].shape[end]
    batch = shape[1:end-2]
    a = broadcasted(operands[1], [batch; m; k])
    b = broadcasted(operands[2], [batch; k; n])
    (k == 0 || prod(shape; init = 1) == 0) && return zero_view(shape)
    rows, columns = length(shape) - 1, length(shape)
    if k == 1 || (k <= SHORT_PRODUCT && (m == 1 || n == 1 || m * n <= TINY))
        left = [broadcasted(sliced(a, columns, l, 1, 1), shape) for l in 0:k-1]
        right = [broadcasted(sliced(b, rows, l, 1, 1), shape) for l in 0:k-1]
        pairs = View[(isodd(l) ? left : right)[(l+1)÷2] for l in 1:2k]
        return push_step!(lowering, Step(:map, :dot, shape; operands = [unit_stride!(lowering, v) for v in pairs]))
    elseif prod(shape) <= TINY && isempty(batch)
        left = [sliced(a, rows, i, 1, 1) for i in 0:m-1]
        right = [sliced(b, columns, j, 1, 1) for j in 0:n-1]
        sums = [inner_product!(lowering, l, r, k) for l in left, r in right]
        return joined([joined([reshaped(sums[i, j], [1, 1]) for j in 1:n], 2) for i in 1:m], 1)
    end
    m >= 4 && (b = contiguous_rows!(lowering, b))
    factors = [in_one_piece!(lowering, a), in_one_piece!(lowering, b)]
    attributes = Dict{String,Any}()
    if in_single(node) && m * k * n > BLAS_PRODUCTS && all(is_matrix, factors)
        attributes["single"], attributes["scratch_length"] = true, single_room(m, k, n)
    end
    return push_step!(lowering, Step(:product, :matmul, shape; operands = factors, attributes))
end

function inner_product!(lowering, row, column, k)
    a, b = squeezed(row), squeezed(column)
    product = push_step!(lowering, Step(:map, :multiply, [k]; operands = [a, b]))
    attributes = Dict{String,Any}("axes" => [1])
    return push_step!(lowering, Step(:sum, :sum, Int[]; domain = [k], operands = [product], attributes))
end

"Fixed arrays that a long loop would read in big strides are laid out anew by the set-up."
function unit_stride!(lowering, view::View)
    v = squeezed(view)
    (isempty(v.shape) || v.shape[end] < 8 || length(v.pieces) != 1) && return view
    p = v.pieces[1]
    (p.source == 0 || p.strides[end] in (0, 1) || !lowering.steps[p.source].fixed || 0 in p.strides) && return view
    return reshaped(copied!(lowering, v), view.shape)
end

"A fixed matrix read by columns is laid out anew by the set-up."
function contiguous_rows!(lowering, view::View)
    p = view.pieces[1]
    length(view.pieces) == 1 && p.source != 0 && lowering.steps[p.source].fixed && p.strides[end] != 1 &&
        view.shape[end] > 1 && !(0 in p.strides) || return view
    return copied!(lowering, view)
end

function lower_move!(lowering, node, operands)
    at = Dict{String,Any}("operation" => node.operation)
    if node.operation === :pad
        at["window"] = map(integers, node.attributes["window"])
        domain = operands[1].shape
    else
        axis = node.attributes["axis"] + 1
        n = node.operation === :gather ? operands[1].shape[axis] : node.shape[axis]
        at["axis"], at["indices"] = axis, mod.(integers(node.attributes["indices"]), max(n, 1))
        domain = node.operation === :gather ? node.shape : operands[1].shape
    end
    step = Step(:move, node.operation, node.shape; domain, isbool = node.isbool,
                operands = [in_one_piece!(lowering, operands[1])], attributes = at)
    return push_step!(lowering, step)
end

function lower_polynomial!(lowering, node, operands, i::Int)
    step = Step(:polynomial, node.operation, node.shape; operands = [stored_whole!(lowering, v) for v in operands],
                attributes = merge(node.attributes, Dict{String,Any}("node" => i, "pieces" => Pieces(node))))
    return push_step!(lowering, step)
end

"A Lux network's value or derivative: arrays as they are stored, in the order of its arguments."
function lower_network!(lowering, node, operands)
    step = Step(:network, node.operation, node.shape; operands = [stored_whole!(lowering, v) for v in operands],
                attributes = merge(node.attributes, Dict{String,Any}("number" => network_number(node))))
    return push_step!(lowering, step)
end

const LOWERED = Dict{Symbol,Function}(
    :matmul => lower_matmul!,
    :sum => lower_reduction!,
    :amax => lower_reduction!,
    :stencil => lower_stencil!,
    :stencil_adjoint => (args...) -> lower_stencil!(args...; sign = -1),
    :gather => lower_move!,
    :scatter_add => lower_move!,
    :pad => lower_move!,
    :rfft => lower_rfft!,
    :irfft => lower_irfft!,
    :convolution => lower_convolution!,
    :convolution_kernel => lower_convolution_kernel!,
    :network => lower_network!,
    :network_vjp => lower_network!,
    :network_jvp => lower_network!,
)
