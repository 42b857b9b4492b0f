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
    name == "soap" && return read_soap(s)
    tolerance, longest = get(s, "tolerance", 1e-9), get(s, "line_search", 20)
    name == "bfgs" && return QuasiNewton(tolerance, longest, read_update(get(s, "update", "bfgs")))
    name == "lbfgs" && return QuasiNewton(tolerance, longest, get(s, "memory", 20))
    name == "gauss_newton" && return GaussNewton(get(s, "damping", 1e-3), get(s, "tolerance", 1e-12), s["residuals"])
    throw(ArgumentError("there is no optimiser `$name`"))
end

function read_soap(s::AbstractDict)
    blocks = sort!([Tuple{Int,Int,Int}(block) for block in something(get(s, "blocks", nothing), [])])
    defaults = Dict{String,Any}("learning_rate" => 3e-3, "beta1" => 0.95, "beta2" => 0.95)
    bases = isempty(blocks) ? nothing : BasesSettings(blocks, get(s, "precondition_every", 10))
    return read_adam(merge(defaults, s), 0.0, bases)
end

function read_adam(s::AbstractDict, weight_decay, bases = nothing)
    clip, skip = get(s, "clip", nothing), get(s, "skip", nothing)
    return Adam(
        read_learning_rate(get(s, "learning_rate", 1e-3)),
        get(s, "beta1", 0.9),
        get(s, "beta2", 0.999),
        get(s, "epsilon", 1e-8),
        clip === nothing ? Inf : clip,
        skip === nothing ? Inf : skip,
        weight_decay,
        bases,
    )
end
