# When each step is carried out, in which loop, and where its result is kept.

"Steps carried out together: in one nest of loops over `domain`, or written out, or one call."
struct Group
    members::Vector{Int}
    domain::Vector{Int}
    tiny::Bool
    fixed::Bool
end

"More boxes than this, and a group of loops is split."
const MOST_BOXES = 27

short_domain(step::Step) = filter(!=(1), step.domain)

"Can `step` use the value of step `source` in the very iteration that computes it?"
function inlines(steps, step::Step, source::Int, view::View)
    other = steps[source]
    is_loop(step) && is_loop(other) && step.fixed == other.fixed || return false
    is_tiny(step) && is_tiny(other) && return true
    return other.kind === :map && !is_tiny(step) && !is_tiny(other) &&
           short_domain(step) == short_domain(other) && is_whole(view, other.shape)
end

reads(step::Step) = ((p.source, v) for v in step.operands for p in v.pieces if p.source != 0)

function set_levels!(steps)
    for step in steps
        is_data(step) && continue
        step.level = 1
        for (source, view) in reads(step)
            other = steps[source]
            is_data(other) && continue
            step.level = max(step.level, inlines(steps, step, source, view) ? other.level : other.level + 1)
        end
    end
    sink!(steps)
end

"Maps move down to the first loop that uses them, so that they needn't be stored."
function sink!(steps)
    users = [Tuple{Int,View}[] for _ in steps]
    for (i, step) in enumerate(steps), (source, view) in reads(step)
        push!(users[source], (i, view))
    end
    for i in length(steps):-1:1
        step = steps[i]
        step.kind === :map && isempty(step.stores) && !isempty(users[i]) || continue
        all(u -> inlines(steps, steps[u[1]], i, u[2]), users[i]) || continue
        step.level = max(step.level, minimum(steps[u[1]].level for u in users[i]))
    end
end

function make_groups!(steps)
    groups = Group[]
    open = Dict{Any,Int}()
    order = sort(findall(s -> !is_data(s), steps); by = i -> (steps[i].level, i))
    for i in order
        step = steps[i]
        domain = short_domain(step)
        if !is_loop(step)
            push!(groups, Group([i], domain, false, step.fixed))
        else
            key = (step.level, step.fixed, is_tiny(step) ? :tiny : domain)
            g = get(open, key, 0)
            if g == 0 || !(is_tiny(step) || box_count(steps, [groups[g].members; i], domain) <= MOST_BOXES)
                push!(groups, Group(Int[], domain, is_tiny(step), step.fixed))
                g = open[key] = length(groups)
            end
            push!(groups[g].members, i)
        end
        step.group = i
    end
    for (g, group) in enumerate(groups), i in group.members
        steps[i].group = g
    end
    return groups
end

"Innermost axes up to this length are written out within the loop around them: loops so short aren't worth it."
const SHORT_AXIS = 4
writes_out(domain) = length(domain) >= 2 && domain[end] <= SHORT_AXIS

"Where the loops over each axis are split, so that no box reaches across the pieces of a view."
function breakpoints(steps, members, domain)
    cuts = [Set([0, n]) for n in domain]
    for i in members, view in steps[i].operands
        length(view.pieces) == 1 && continue
        for p in squeezed(view).pieces, k in eachindex(domain)
            push!(cuts[k], p.low[k], p.high[k])
        end
    end
    writes_out(domain) && (cuts[end] = Set([0, domain[end]]))
    return [sort!(collect(c)) for c in cuts]
end

box_count(steps, members, domain) = prod(length(c) - 1 for c in breakpoints(steps, members, domain); init = 1)

"Local variables hold the elements of tiny maps, and whole sums."
has_locals(step::Step) = is_tiny(step) || (step.kind in (:sum, :amax) && length(step) == 1)

"Does reading the view at an index known only at run time need the array in memory?"
function needs_memory(steps, step::Step, source::Int, view::View, group_of_reader)
    other = steps[source]
    is_data(other) && return false
    other.fixed && !step.fixed && return true
    if has_locals(other)
        is_loop(step) || return true
        is_tiny(step) && return false
        varies(p) = any(k -> p.strides[k] != 0 && p.high[k] - p.low[k] > 1, eachindex(view.shape))
        return any(p -> p.source == source && varies(p), view.pieces)
    end
    return !(inlines(steps, step, source, view) && other.group == step.group)
end

"The workspace, and where it holds tables that are data."
mutable struct Memory
    start::Vector{Float64}
    tables::Places
end

function reserve!(memory::Memory, n::Int)
    offset = length(memory.start)
    append!(memory.start, zeros(cld(n, 4) * 4))
    return offset
end

function place!(memory, step::Step)
    step.port === :none || return
    step.port, step.offset = :w, reserve!(memory, length(step))
end

function place_constant!(memory, step::Step)
    step.port === :none || return
    place!(memory, step)
    memory.start[step.offset+1:step.offset+length(step)] = step.value
end

function set_places!(steps, memory)
    for step in steps
        if is_taken(step)
            place!(memory, step)
        elseif step.kind === :constant && length(step) > 1
            place_constant!(memory, step)
        elseif !is_data(step) && !is_loop(step)
            place!(memory, step)
        elseif step.kind in (:sum, :amax) && !has_locals(step)
            place!(memory, step)
        end
        for (source, view) in reads(step)
            # One number, which loops have in their code, and which a product of matrices reads again and again.
            steps[source].kind === :constant && !is_loop(step) && place_constant!(memory, steps[source])
            needs_memory(steps, step, source, view, step.group) && place!(memory, steps[source])
        end
    end
end

"Each output is written by the step that computes it, where that can be, else by a copy."
function set_outputs!(lowering::Lowering, graph, outputs)
    steps = lowering.steps
    for (name, position) in graph.outputs
        haskey(outputs, name) || continue
        place, view = outputs[name], squeezed(lowering.values[position])
        strides = dense_strides(view.shape)
        for p in view.pieces
            isempty(p.low) || !is_empty(p) || continue
            shape = p.high - p.low
            low_offset = place.offset + sum(strides .* p.low; init = 0)
            local_view = View(shape, [Piece(zero(shape), shape, p.source, address(p, p.low), p.strides)])
            isbool = p.source != 0 && steps[p.source].isbool
            computed = p.source != 0 && !is_data(steps[p.source]) && !steps[p.source].fixed
            if computed && is_whole(local_view, steps[p.source].shape) && (
                filter(!=(1), shape) == filter(!=(1), steps[p.source].shape) || is_dense(shape, strides)
            )
                i = p.source
            else
                p.source == 0 && place.add && continue
                copied!(lowering, local_view, isbool)
                i = length(steps)
                steps[i].fixed = false
            end
            write_to!(steps[i], place, low_offset, shape, strides)
        end
    end
end

is_dense(shape, strides) = strides[findall(!=(1), shape)] == dense_strides(filter(!=(1), shape))

function write_to!(step::Step, place::Place, offset, shape, strides)
    dense = is_dense(shape, strides)
    # The step's own axes count its elements; a reshaped output has others.
    squeezed_strides = dense ? dense_strides(filter(!=(1), step.shape)) : strides[findall(!=(1), shape)]
    if dense && !place.add && step.port === :none && !has_locals(step)
        step.port, step.offset = place.port, offset
    else
        push!(step.stores, Store(place.port, offset, squeezed_strides, place.add))
    end
end
