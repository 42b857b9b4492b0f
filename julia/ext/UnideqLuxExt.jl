"Lux models on flat arrays: values by Lux, pullbacks by Zygote, pushforwards by ForwardDiff."
module UnideqLuxExt

using ForwardDiff: ForwardDiff, Dual, partials
using Lux: Lux
using PrecompileTools: @compile_workload, @setup_workload
using Unideq: Unideq, CompiledNetwork, FunctionWrapper, NOTHING, NetworkPullback, NetworkPushforward, NetworkValue
using Zygote: Zygote

include("UnideqLuxExt/source.jl")
include("UnideqLuxExt/weights.jl")
include("UnideqLuxExt/calls.jl")

Unideq.compile_network(source::String, inputs::Int, outputs::Int) =
    Base.invokelatest(compile_model, read_model(source), inputs, outputs)

function compile_model(model, inputs::Int, outputs::Int)
    weights = Lux.f64(Lux.initialparameters(Lux.Random.Xoshiro(0), model))
    states = Lux.f64(Lux.testmode(Lux.initialstates(Lux.Random.Xoshiro(0), model)))
    features = inputs > 0 ? inputs : first_features(model)
    features === nothing && throw(ArgumentError("the first layer doesn't tell the number of inputs: say `inputs=`"))
    found = check_samples(model, weights, states, features)
    outputs in (0, found) || throw(ArgumentError("the model has $found outputs, not $outputs"))
    layout, names, shapes, _ = weight_layout(weights)
    return CompiledNetwork(
        features,
        found,
        names,
        shapes,
        NetworkValue(Value(model, states, layout, features)),
        NetworkPullback(Pullback(model, states, layout, features, found)),
        NetworkPushforward(Pushforward(model, states, layout, features)),
        FunctionWrapper{Nothing,Tuple{Vector{Float64},Int}}(Draw(model, layout)),
    )
end

include("UnideqLuxExt/workload.jl")

end
