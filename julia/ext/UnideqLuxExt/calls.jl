# A model as the four functions of a `CompiledNetwork`.

"Features by samples, from after `offset`."
samples(flat, offset, features, count) = reshape(view(flat, offset+1:offset+features*count), features, count)

struct Value{M,S,L} <: Function
    model::M
    states::S
    layout::L
    inputs::Int
end

function (f::Value)(y, oy, x, ox, p, op, count)
    found, _ = f.model(samples(x, ox, f.inputs, count), restore(f.layout, p, op), f.states)
    copyto!(y, oy + 1, found, 1, length(found))
    return nothing
end

struct Pullback{M,S,L} <: Function
    model::M
    states::S
    layout::L
    inputs::Int
    outputs::Int
end

function (f::Pullback)(gradient, og, x, ox, p, op, cotangent, oc, count)
    model, states = f.model, f.states
    _, back = Zygote.pullback(
        (x, weights) -> first(model(x, weights, states)),
        samples(x, ox, f.inputs, count),
        restore(f.layout, p, op),
    )
    by_x, by_weights = back(samples(cotangent, oc, f.outputs, count))
    n = f.inputs * count
    by_x === nothing ? fill!(view(gradient, og+1:og+n), 0.0) : copyto!(gradient, og + 1, by_x, 1, n)
    store!(gradient, og + n, f.layout, by_weights)
    return nothing
end

struct Tangent end

struct Pushforward{M,S,L} <: Function
    model::M
    states::S
    layout::L
    inputs::Int
end

"Numbers with their tangents, both from after their offsets."
duals(values, offset, tangents, start, count) =
    [Dual{Tangent}(values[offset+i], tangents[start+i]) for i in 1:count]

function (f::Pushforward)(y, oy, x, ox, p, op, moved_x, omx, moved_p, omp, count)
    n, weights = f.inputs * count, weight_count(f.layout)
    if isempty(moved_p)
        moved = samples(duals(x, ox, moved_x, omx, n), 0, f.inputs, count)
        push_tangent!(y, oy, f.model(moved, restore(f.layout, p, op), f.states))
    elseif isempty(moved_x)
        moved = restore(f.layout, duals(p, op, moved_p, omp, weights), 0)
        push_tangent!(y, oy, f.model(samples(x, ox, f.inputs, count), moved, f.states))
    else
        moved = samples(duals(x, ox, moved_x, omx, n), 0, f.inputs, count)
        push_tangent!(y, oy, f.model(moved, restore(f.layout, duals(p, op, moved_p, omp, weights), 0), f.states))
    end
    return nothing
end

function push_tangent!(y, oy, (found, _))
    for (i, value) in enumerate(found)
        y[oy+i] = value isa Dual ? partials(value, 1) : 0.0
    end
    return nothing
end

struct Draw{M,L} <: Function
    model::M
    layout::L
end

function (f::Draw)(weights, seed)
    store!(weights, 0, f.layout, Lux.initialparameters(Lux.Random.Xoshiro(seed), f.model))
    return nothing
end
