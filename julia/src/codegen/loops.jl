# Julia code of groups of steps: fused loops, one nest for each box that the views' pieces cut their domain into.

mutable struct Emitter
    steps::Vector{Step}
    memory::Memory
    statements::Vector{Any}
    locals::Dict{Int,Vector{Atom}}   # elements of steps that are local variables
    count::Int
end

function Emitter(steps, memory)
    e = Emitter(steps, memory, Any[], Dict{Int,Vector{Atom}}(), 0)
    for (i, step) in enumerate(steps)  # before all loops: what these write might be it, as far as the compiler knows
        is_taken(step) && length(step) == 1 && (e.locals[i] = Atom[bind!(e, :(w[$(step.offset + 1)]))])
    end
    return e
end

fresh!(e::Emitter, prefix) = Symbol(prefix, e.count += 1)

function bind!(e::Emitter, expression)::Atom
    expression isa Atom && return expression
    name = fresh!(e, :x)
    push!(e.statements, :($name = $expression))
    return name
end

literal(step::Step, k::Int) = step.isbool ? step.value[k] != 0 : step.value[k]
loaded(step::Step, place) = step.isbool ? :($(step.port)[$place] != 0.0) : :($(step.port)[$place])
stored(step::Step, value) = step.isbool ? :(Float64($value)) : value
assigned(store::Store, place, value) =
    store.add ? :($(store.port)[$place] += $value) : :($(store.port)[$place] = $value)

"Position in a port (from 1) of the element at `offset + Σ strides · index`; indices are numbers or symbols."
function place_of(offset::Int, strides, index)
    terms = Any[]
    for (s, i) in zip(strides, index)
        s == 0 && continue
        i isa Int ? (offset += s * i) : push!(terms, s == 1 ? i : :($s * $i))
    end
    isempty(terms) && return offset + 1
    return Expr(:call, :+, terms..., offset + 1)
end

# ---- tiny arrays: written out ---------------------------------------------------------------------------------

all_indices(shape) = vec([collect(reverse(Tuple(i))) .- 1 for i in CartesianIndices(Tuple(reverse(shape)))])

"One element of an operand, at a known index."
function element(e::Emitter, view::View, index)::Atom
    p = piece_at(view, index)
    p.source == 0 && return 0.0
    step, k = e.steps[p.source], address(p, index)
    step.kind === :constant && !is_taken(step) && return literal(step, k + 1)
    haskey(e.locals, p.source) && return e.locals[p.source][k+1]
    step.port === :t && return :t
    return bind!(e, loaded(step, step.offset + k + 1))
end

function emit_tiny!(e::Emitter, i::Int)
    step = e.steps[i]
    columns = [Atom[element(e, v, index) for index in all_indices(step.domain)] for v in step.operands]
    e.locals[i] = if step.kind === :map
        step.operation in FOUR_AT_ONCE ? four_at_once!(e, SCALAR_CALLS[step.operation], columns[1]) :
        Atom[bind!(e, map_call(step, [c[k] for c in columns])) for k in 1:length(step)]
    else
        groups = reduced_groups(step.domain, step.attributes["axes"])
        combine = step.kind === :sum ? sum_of : x -> reduce((p, q) -> :(max($p, $q)), x)
        Atom[bind!(e, combine(columns[1][g])) for g in groups]
    end
    write_locals!(e, i)
end

"Local variables that are read elsewhere by index, or are outputs, go to memory."
function write_locals!(e::Emitter, i::Int)
    step = e.steps[i]
    for (k, (atom, index)) in enumerate(zip(e.locals[i], all_indices(filter(!=(1), step.shape))))
        value = stored(step, atom)
        step.port === :none || push!(e.statements, :($(step.port)[$(step.offset + k)] = $value))
        for s in step.stores
            push!(e.statements, assigned(s, place_of(s.offset, s.strides, index), value))
        end
    end
end

"What a map computes from an element of each operand."
function map_call(step::Step, x)
    step.operation === :copy && return x[1]
    step.operation === :dot && return dot_of(x[1:2:end], x[2:2:end])
    step.operation === :weighted && return weighted_sum(step.attributes["coefficients"], x)
    return scalar_call(step.operation, x)
end

"Σ coefficients · x; terms known to be zero are left out."
function weighted_sum(coefficients, x)
    kept = findall(v -> v !== 0.0, x)
    return dot_of(coefficients[kept], x[kept])
end

# ---- loops ----------------------------------------------------------------------------------------------------

"One nest of loops: statements by depth, those before and after the loop below them."
struct Nest
    low::Vector{Int}
    high::Vector{Int}
    corner::Vector{Int}              # an index within the box
    index::Vector{Any}
    before::Vector{Vector{Any}}      # [d + 1]: within d loops
    after::Vector{Vector{Any}}
    loads::Dict{Any,Symbol}
    sums::Dict{Any,Symbol}
end

function Nest(low, high)
    index = Any[high[k] - low[k] == 1 ? low[k] : Symbol(:i, k) for k in eachindex(low)]
    levels = 0:length(low)
    return Nest(
        low, high, copy(low), index, [Any[] for _ in levels], [Any[] for _ in levels], Dict{Any,Symbol}(),
        Dict{Any,Symbol}(),
    )
end

"The innermost loop on which something with these strides depends."
depth(nest::Nest, strides) =
    something(findlast(k -> strides[k] != 0 && nest.index[k] isa Symbol, eachindex(strides)), 0)

"The nest as code. `independent`: no iteration of the innermost loop writes what another one reads or writes."
function loop_code(nest::Nest; independent = true)
    n = length(nest.low)
    body = Expr(:block, nest.before[n+1]..., nest.after[n+1]...)
    innermost = something(findlast(i -> i isa Symbol, nest.index), 0)
    for k in n:-1:1
        if nest.index[k] isa Symbol
            i = nest.index[k]
            push!(body.args, :($i += 1))
            if independent && k == innermost
                push!(body.args, Expr(:loopinfo, Symbol("julia.simdloop"), Symbol("julia.ivdep")))
            end
            loop = [:($i = $(nest.low[k])), Expr(:while, :($i < $(nest.high[k])), body)]
        else
            loop = body.args
        end
        body = Expr(:block, nest.before[k]..., loop..., nest.after[k]...)
    end
    return body
end

function emit_loops!(e::Emitter, group::Group)
    accumulators = start_sums!(e, group)
    views = Dict(i => [squeezed(v) for v in e.steps[i].operands] for i in group.members)
    fold = foldable_axes(e.steps, group, views)
    domain = folded_shape(group.domain, fold)
    cuts = fold == 0 ? breakpoints(e.steps, group.members, domain) : [[0, n] for n in domain]
    fold == 0 || foreach(i -> views[i] = [folded(v, fold) for v in views[i]], group.members)
    for box in Iterators.product([1:length(c)-1 for c in cuts]...)
        low, high = [cuts[k][b] for (k, b) in enumerate(box)], [cuts[k][b+1] for (k, b) in enumerate(box)]
        nest = Nest(low, high)
        for last in (writes_out(domain) ? (low[end]:high[end]-1) : (nothing,))
            last === nothing || (nest.index[end] = nest.corner[end] = last)
            emit_members!(e, nest, group, views, fold)
        end
        push!(e.statements, loop_code(nest))
    end
    for (i, name) in accumulators
        e.locals[i] = Atom[name]
        write_locals!(e, i)
    end
    for i in group.members
        e.steps[i].kind === :map || has_locals(e.steps[i]) || flush_stores!(e, i)
    end
end

# The last axes are run through as one where they lie one after the other in every array of a group.
folded(strides::Vector{Int}, fold::Int) = fold == 0 ? strides : [strides[1:end-1-fold]; strides[end]]
folded_shape(shape, fold::Int) = fold == 0 ? shape : [shape[1:end-1-fold]; prod(shape[end-fold:end])]

function folded(v::View, fold::Int)
    p, shape = v.pieces[1], folded_shape(v.shape, fold)
    return View(shape, [Piece(zero(shape), copy(shape), p.source, p.offset, folded(p.strides, fold))])
end

"How many axes before the last one go into it."
function foldable_axes(steps, group::Group, views)
    all(i -> all(v -> length(v.pieces) == 1 && covers(v.pieces[1], v.shape), views[i]), group.members) || return 0
    strides = Vector{Int}[v.pieces[1].strides for i in group.members for v in views[i]]
    for i in group.members
        steps[i].kind === :map ? append!(strides, [s.strides for s in steps[i].stores]) :
        push!(strides, result_strides(steps[i]))
    end
    fold, domain = 0, group.domain
    while length(domain) >= 2 && all(s -> follows(folded(s, fold), domain), strides)
        fold += 1
        domain = folded_shape(group.domain, fold)
    end
    return fold
end

follows(strides, domain) = strides[end-1] == domain[end] * strides[end]

function emit_members!(e::Emitter, nest::Nest, group::Group, views, fold)
    values = Dict{Int,Atom}()
    for i in group.members
        arguments = Atom[read!(e, nest, values, i, v, w) for (v, w) in zip(views[i], e.steps[i].operands)]
        if e.steps[i].kind === :map
            values[i] = emit_map!(e, nest, i, arguments, fold)
        else
            emit_sum!(e, nest, i, arguments[1], fold)
        end
    end
end

"An operand's element in this iteration."
function read!(e::Emitter, nest::Nest, values, reader::Int, view::View, original::View)::Atom
    p = piece_at(view, nest.corner)
    p.source == 0 && return 0.0
    step = e.steps[p.source]
    step.kind === :constant && length(step) == 1 && !is_taken(step) && return literal(step, 1)
    if haskey(values, p.source) && inlines(e.steps, e.steps[reader], p.source, original)
        return values[p.source]
    end
    step.port === :t && return :t
    active = [nest.index[k] isa Symbol ? p.strides[k] : 0 for k in eachindex(p.strides)]
    chosen = filter(k -> nest.index[k] isa Int, eachindex(p.strides))
    start = p.offset + sum(k -> p.strides[k] * nest.index[k], chosen; init = 0)
    haskey(e.locals, p.source) && all(iszero, active) && return e.locals[p.source][start+1]
    return get!(nest.loads, (p.source, start, active)) do
        name = fresh!(e, :l)
        place = place_of(step.offset + start, active, nest.index)
        push!(nest.before[depth(nest, active)+1], :($name = $(loaded(step, place))))
        name
    end
end

function emit_map!(e::Emitter, nest::Nest, i::Int, arguments, fold)
    # Stores come last: between them and the loads of elements further on nothing would be known.
    step, stores = e.steps[i], nest.after[end]
    value = map_call(step, arguments)
    if !(value isa Atom)
        name = fresh!(e, :v)
        push!(nest.before[end], :($name = $value))
        value = name
    end
    if step.port !== :none
        place = place_of(step.offset, folded(dense_strides(short_domain(step)), fold), nest.index)
        push!(stores, :($(step.port)[$place] = $(stored(step, value))))
    end
    for s in step.stores
        push!(stores, assigned(s, place_of(s.offset, folded(s.strides, fold), nest.index), stored(step, value)))
    end
    return value
end

"Strides of a reduction's result along its domain's axes, 0 where they are summed over."
function result_strides(step::Step)
    kept = setdiff(1:length(step.domain), step.attributes["axes"])
    strides = zeros(Int, length(step.domain))
    strides[kept] = dense_strides(step.domain[kept])
    return strides[findall(!=(1), step.domain)]
end

neutral(step::Step) = step.kind === :sum ? 0.0 : -Inf
combined(step::Step, a, b) = step.kind === :sum ? :($a + $b) : :(max($a, $b))

function start_sums!(e::Emitter, group::Group)
    accumulators = Pair{Int,Symbol}[]
    for i in group.members
        step = e.steps[i]
        step.kind === :map && continue
        if has_locals(step)
            name = Symbol(:s, i)
            push!(accumulators, i => name)
            push!(e.statements, :($name = $(neutral(step))))
        elseif !adds_in_place(step)
            fill_code!(e, step, neutral(step))
        end
    end
    return accumulators
end

"Is the result added straight to an output?"
adds_in_place(step::Step) = get(step.attributes, "adds", false)

fill_code!(e::Emitter, step::Step, value) =
    push!(e.statements, :(fill_range!($(step.port), $(step.offset), $(length(step)), $value)))

function emit_sum!(e::Emitter, nest::Nest, i::Int, value, fold)
    step = e.steps[i]
    if has_locals(step)
        name = Symbol(:s, i)
        push!(nest.before[end], :($name = $(combined(step, name, value))))
        return
    end
    strides = folded(result_strides(step), fold)
    target = :($(step.port)[$(place_of(step.offset, strides, nest.index))])
    d = depth(nest, strides)
    innermost = something(findlast(k -> k isa Symbol, nest.index), 0)
    if d == innermost
        push!(nest.before[end], :($target = $(combined(step, target, value))))
    else
        name = get!(nest.sums, (i, target)) do
            new = fresh!(e, :p)  # `s` and a number are the names of whole sums
            push!(nest.before[d+1], :($new = $(neutral(step))))
            push!(nest.after[d+1], :($target = $(combined(step, target, new))))
            new
        end
        push!(nest.before[end], :($name = $(combined(step, name, value))))
    end
end

"Copy a stored result to its outputs."
function flush_stores!(e::Emitter, i::Int)
    step = e.steps[i]
    shape = filter(!=(1), step.shape)
    for s in step.stores
        nest = Nest(zero(shape), copy(shape))
        value = :($(step.port)[$(place_of(step.offset, dense_strides(shape), nest.index))])
        push!(nest.before[end], assigned(s, place_of(s.offset, s.strides, nest.index), value))
        push!(e.statements, loop_code(nest))
    end
end

@inline function fill_range!(x::Vector{Float64}, offset::Int, n::Int, value::Float64)
    for k in offset+1:offset+n
        @inbounds x[k] = value
    end
end
