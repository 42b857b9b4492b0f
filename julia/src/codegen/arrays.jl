# Array mode: graphs of large arrays as fused loops and calls of precompiled functions.

"See `generate`."
function generate_arrays(graph::Graph, outputs, inputs, fixed, taken)
    lowering = lower(graph, outputs, inputs, fixed, taken)
    set_outputs!(lowering, graph, outputs)
    steps, memory = lowering.steps, Memory(Float64[], Places())
    set_levels!(steps)
    groups = make_groups!(steps)
    add_in_place!(steps)
    set_places!(steps, memory)
    share_scratch!(steps, memory)
    run, setup = Emitter(steps, memory), Emitter(steps, memory)
    for group in groups
        emit!(group.fixed ? setup : run, group)
    end
    places = append!(memory.tables, [(step.attributes["node"], "", step.offset) for step in steps if is_taken(step)])
    return Expr(:block, run.statements...), Expr(:block, setup.statements...), memory.start, places
end

"Sums and products that nothing else reads are added straight to their output."
function add_in_place!(steps)
    read = falses(length(steps))
    for step in steps, source in sources(step)
        read[source] = true
    end
    for (i, step) in enumerate(steps)
        can_add = step.kind in (:product, :convolution) || (step.kind === :sum && !has_locals(step))
        can_add && !read[i] && length(step.stores) == 1 || continue
        s = step.stores[1]
        s.add && step.port === :none && s.strides == dense_strides(filter(!=(1), step.shape)) || continue
        step.port, step.offset = s.port, s.offset
        empty!(step.stores)
        step.attributes = merge(step.attributes, Dict{String,Any}("adds" => true))
    end
end

function emit!(e::Emitter, group::Group)
    if group.tiny
        foreach(i -> emit_tiny!(e, i), group.members)
        return
    end
    i = group.members[1]
    step = e.steps[i]
    is_loop(step) && return emit_loops!(e, group)
    step.kind === :call && emit_call!(e, step)
    step.kind === :product && emit_product!(e, step)
    step.kind === :move && emit_move!(e, step)
    step.kind === :fourier && emit_fourier!(e, step)
    step.kind === :convolution && emit_convolution!(e, step)
    step.kind === :polynomial && emit_polynomial!(e, step)
    step.kind === :network && emit_network!(e, step)
    flush_stores!(e, i)
end

function operand_place(e::Emitter, view::View)
    source = e.steps[view.pieces[1].source]
    return source.port, source.offset + view.pieces[1].offset
end

function emit_call!(e::Emitter, step::Step)
    port, offset = operand_place(e, step.operands[1])
    call! = Symbol(step.operation, :_of!)
    push!(e.statements, :($call!($(step.port), $(step.offset), $port, $offset, $(length(step)))))
end

function emit_product!(e::Emitter, step::Step)
    (a, b), shape = step.operands, step.shape
    batch = length(shape) - 2
    m, n, k = shape[end-1], shape[end], a.shape[end]
    (a_port, a_offset), (b_port, b_offset) = operand_place(e, a), operand_place(e, b)
    a_strides, b_strides = a.pieces[1].strides, b.pieces[1].strides
    nest = Nest(zeros(Int, batch), shape[1:batch])
    at(offset, strides) = (place = place_of(offset - 1, strides[1:batch], nest.index); place)
    single = haskey(step.attributes, "single")
    push!(
        nest.before[end],
        :($(single ? :single_product! : :product!)(
            $(step.port), $(at(step.offset, dense_strides(shape))),
            $a_port, $(at(a_offset, a_strides)), $(a_strides[end-1]), $(a_strides[end]),
            $b_port, $(at(b_offset, b_strides)), $(b_strides[end-1]), $(b_strides[end]),
            $m, $k, $n, $(adds_in_place(step)), $((single ? (:w, step.attributes["scratch"]) : ())...),
        )),
    )
    push!(e.statements, loop_code(nest))
end

"Element by element from one array to another, one index through a table."
function emit_move!(e::Emitter, step::Step)
    view, at = step.operands[1], step.attributes
    piece, source = view.pieces[1], e.steps[view.pieces[1].source]
    from, to = copy(piece.strides), dense_strides(step.shape)
    from_offset, to_offset = source.offset + piece.offset, step.offset
    nest = Nest(zero(step.domain), copy(step.domain))
    from_index, to_index = copy(nest.index), copy(nest.index)
    if step.operation === :pad
        to_offset += sum(to[k] * w[1] for (k, w) in enumerate(at["window"]); init = 0)
        to = [to[k] * w[3] for (k, w) in enumerate(at["window"])]
    else
        axis = at["axis"]
        table = reserve!(e.memory, length(at["indices"]))
        e.memory.start[table+1:table+length(at["indices"])] = at["indices"]
        through = step.operation === :gather ? from_index : to_index
        target = Symbol(:j, axis)
        push!(nest.before[axis+1], :($target = unsafe_trunc(Int, w[$(place_of(table, (1,), (nest.index[axis],)))])))
        through[axis] = target
    end
    step.operation === :gather || fill_code!(e, step, 0.0)
    value = :($(source.port)[$(place_of(from_offset, from, from_index))])
    target = :($(step.port)[$(place_of(to_offset, to, to_index))])
    push!(nest.before[end], step.operation === :scatter_add ? :($target += $value) : :($target = $value))
    push!(e.statements, loop_code(nest; independent = step.operation !== :scatter_add))
end

function emit_polynomial!(e::Emitter, step::Step)
    p = step.attributes["pieces"]
    offsets = map(TABLES) do name
        offset = reserve!(e.memory, length(floats(step.attributes[name])))
        push!(e.memory.tables, (step.attributes["node"], name, offset))
        offset
    end
    source = e.steps[step.operands[1].pieces[1].source]
    points = source.port === :t ? 1 : length(source)
    value = source.port === :t ? :((t,)) : source.port
    offset = source.port === :t ? 0 : operand_place(e, step.operands[1])[2]
    rows = p.rows == 0 ? (:((0.0,)), 0) : operand_place(e, step.operands[2])
    push!(
        e.statements,
        :(piecewise!(
            $(step.port), $(step.offset), $value, $offset, $points, $(rows...), $(max(p.rows, 1)), w, $(offsets...),
            $(p.breaks), $(p.degree), $(p.inner),
        )),
    )
end

"""
Piecewise polynomials; anchors, breaks and coefficients (row, degree, piece, value) lie in the workspace. `row` says of
each time which of so many `rows` is meant; where there is one, it isn't looked at.
"""
function piecewise!(
    to, i0::Int, t, t0::Int, points::Int, row, r0::Int, rows::Int, w, a0::Int, b0::Int, c0::Int, breaks::Int,
    degree::Int, inner::Int,
)
    @inbounds for k in 1:points
        r = rows == 1 ? 0 : row_of(row[r0+k], rows)
        piece = last_not_above(w, b0 + r * breaks, breaks, t[t0+k])
        x = t[t0+k] - w[a0+r*(breaks+1)+piece+1]
        first = c0 + (r * degree * (breaks + 1) + piece) * inner
        for v in 1:inner
            value = w[first+(degree-1)*(breaks+1)*inner+v]
            for d in degree-2:-1:0
                value = muladd(value, x, w[first+d*(breaks+1)*inner+v])
            end
            to[i0+(k-1)*inner+v] = value
        end
    end
end

"How many of `n` sorted numbers are not above `x`; all of them for NaN, as NumPy sorts."
function last_not_above(w, offset::Int, n::Int, x::Float64)
    low, high = 0, n
    while low < high
        middle = (low + high) >>> 1
        if @inbounds w[offset+middle+1] > x
            high = middle
        else
            low = middle + 1
        end
    end
    return low
end

const NETWORK_CALLS =
    Dict(:network => :network_value!, :network_vjp => :network_pullback!, :network_jvp => :network_pushforward!)

function emit_network!(e::Emitter, step::Step)
    arguments = Any[place for v in step.operands for place in operand_place(e, v)]
    if step.operation === :network_jvp
        step.attributes["wrt"] == "x" && append!(arguments, [:NOTHING, 0])
        step.attributes["wrt"] == "weights" && splice!(arguments, 5:4, [:NOTHING, 0])
    end
    samples = prod(e.steps[step.operands[1].pieces[1].source].shape) ÷ Int(step.attributes["inputs"])
    call, number = NETWORK_CALLS[step.operation], step.attributes["number"]
    push!(e.statements, :($call($number, $(step.port), $(step.offset), $(arguments...), $samples)))
end
