# From Julia source to a Lux model, and what can be learned from the model before it is used.

"The Lux model that the source makes; the source sees the names that Lux exports."
function read_model(source::String)
    room = Module(:LuxSource)
    Core.eval(room, :(const Lux = $Lux))
    Core.eval(room, :(const NNlib = $(Lux.NNlib)))
    Core.eval(room, :(using .Lux, .NNlib))
    model = Core.eval(room, Meta.parseall(source; filename = "source"))
    model isa Lux.AbstractLuxLayer || throw(ArgumentError("the source makes a $(typeof(model)), not a Lux model"))
    return model
end

"The number of features that a layer reads, where it says so."
function first_features(layer)
    if layer isa Lux.Chain
        for inner in values(layer.layers)
            inner isa Union{Lux.Dropout,Lux.AlphaDropout} || return first_features(inner)
        end
    end
    layer isa Lux.SkipConnection && return first_features(layer.layers)
    for name in (:in_dims, :chs)
        hasproperty(layer, name) && return Int(getproperty(layer, name))
    end
    return nothing
end

"The number of outputs, once the model has been seen to treat the samples of a batch one by one."
function check_samples(model, weights, states, inputs)
    x = randn(Lux.Random.Xoshiro(1), inputs, 2)
    y, _ = model(x, weights, states)
    y isa AbstractMatrix && size(y, 2) == 2 ||
        throw(DimensionMismatch("for an input of size ($inputs, 2) the model returns $(summary(y)), not 2 columns"))
    for k in 1:2
        alone, _ = model(x[:, k:k], weights, states)
        isapprox(vec(alone), y[:, k]; rtol = 1e-10, atol = 1e-12) ||
            throw(ArgumentError("the model mixes the samples of a batch, or isn't deterministic"))
    end
    return size(y, 1)
end
