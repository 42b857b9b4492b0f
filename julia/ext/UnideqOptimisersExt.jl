"Rules of Optimisers.jl."
module UnideqOptimisersExt

using Optimisers: Optimisers, AbstractRule
using Unideq: Unideq

"Rules that wrap others, or that see no gradient of their own."
const WRAPPERS = (:OptimiserChain, :MixedPrecision, :AccumGrad)

is_rule(name::Symbol) =
    name ∉ WRAPPERS && (found = getfield(Optimisers, name); found isa Type && found <: AbstractRule && found !== AbstractRule)

rules() = sort!([String(name) for name in names(Optimisers) if isdefined(Optimisers, name) && is_rule(name)])

function Unideq.make_rule(name::AbstractString, settings::AbstractDict)
    name in rules() || throw(ArgumentError("Optimisers.jl has no rule `$name`. It has: $(quoted(rules()))."))
    rule = getfield(Optimisers, Symbol(name))
    known = String.(fieldnames(rule))
    for setting in keys(settings)
        setting in known ||
            throw(ArgumentError("The rule `$name` of Optimisers.jl has no setting `$setting`. It has: $(quoted(known))."))
    end
    given = [Symbol(setting) => plain(value) for (setting, value) in settings]
    return try
        made = rule(; given...)
        Unideq.apply_rule!(zeros(2), made, Optimisers.init(made, zeros(2)), zeros(2), ones(2)) # for settings of no use
        made
    catch error
        error isa InterruptException && rethrow()
        throw(ArgumentError("The rule `$name` of Optimisers.jl refuses its settings: $(sprint(showerror, error))"))
    end
end

quoted(names) = join(("`$name`" for name in names), ", ")
plain(value) = value
plain(value::AbstractVector) = Tuple(Float64(v) for v in value)

Unideq.start_rule(rule::AbstractRule, theta::Vector{Float64}) = Optimisers.init(rule, theta)

function Unideq.apply_rule!(direction::Vector{Float64}, rule::AbstractRule, tree, theta::Vector{Float64}, gradient)
    new, found = Optimisers.apply!(rule, tree, theta, copy(gradient))
    direction .= found
    return new
end

end
