# An optimiser from the text of its settings.

"""
What all methods are told about the problem: which entries may move, which decay, how long the phase is, and whether
every iteration has data of its own.
"""
struct MinimiseProblem
    free::Vector{Bool}
    decay::Vector{Bool}
    iterations::Int
    fresh::Bool
end

"A method from its name and settings."
function read_method(name::AbstractString, s::AbstractDict)
    name == "adam" && return read_adam(s, 0.0)
    name == "adamw" && return read_adam(s, get(s, "weight_decay", 1e-4))
    tolerance, longest = get(s, "tolerance", 1e-9), get(s, "line_search", 20)
    name == "bfgs" && return QuasiNewton{DenseCurvature}(tolerance, longest, 0)
    name == "lbfgs" && return QuasiNewton{LimitedCurvature}(tolerance, longest, get(s, "memory", 20))
    throw(ArgumentError("there is no optimiser `$name`"))
end

function read_adam(s::AbstractDict, weight_decay)
    clip, skip = get(s, "clip", nothing), get(s, "skip", nothing)
    return Adam(
        read_learning_rate(get(s, "learning_rate", 1e-3)),
        get(s, "beta1", 0.9),
        get(s, "beta2", 0.999),
        get(s, "epsilon", 1e-8),
        clip === nothing ? Inf : clip,
        skip === nothing ? Inf : skip,
        weight_decay,
    )
end
