# Rules of Optimisers.jl, by name: the extension UnideqOptimisersExt has them.

const RULE_PACKAGES = [Base.PkgId(Base.UUID("3bd65402-5787-11e9-1adc-39752487f4e2"), "Optimisers")]

"`make_rule(name, settings)`: a rule, or an `ArgumentError` that names what there is."
function make_rule end
"`start_rule(rule, theta)`: its state."
function start_rule end
"`apply_rule!(direction, rule, tree, theta, gradient)`: fills in the direction; its new state."
function apply_rule! end

struct RuleSettings
    rule::Any
end

function RuleSettings(beside::AbstractDict)
    foreach(Base.require, RULE_PACKAGES)
    return RuleSettings(Base.invokelatest(make_rule, beside["rule"], beside["settings"]))
end

"What a rule has for one seed: its state as a `tree`, and where that and the direction lie in the state's `numbers`."
mutable struct RuleState
    const rule::Any
    tree::Any
    const numbers::Vector{Float64}
    const flat::UnitRange{Int}
    const direction::Vector{Float64}
    const update::UnitRange{Int}
end

function make_beside(settings::RuleSettings, layout::Layout, numbers)
    update = stretch_of(layout, "update")
    tree = Base.invokelatest(start_rule, settings.rule, zeros(length(update)))
    return RuleState(settings.rule, tree, numbers, stretch_of(layout, "rule"), zeros(length(update)), update)
end

"The rule sees gradients that are good; after others the last direction is taken again."
function prepare!(rule::RuleState, method, state::FirstOrderState, value::LossValue)
    value.finite || return nothing
    rule.tree = apply_rule!(rule.direction, rule.rule, rule.tree, state.theta, value.gradient)
    copyto!(rule.numbers, first(rule.update), rule.direction, 1, length(rule.direction))
    write_tree!(rule.numbers, first(rule.flat), rule.tree)
    return nothing
end

follow!(::RuleState, state, used) = nothing

reload!(rule::RuleState) = ((rule.tree, _) = read_tree(rule.tree, rule.numbers, first(rule.flat)); nothing)

"""
    rule_numbers(beside, parameters) -> the number of numbers in a rule's state

or, as a text, why there is no such rule.
"""
function rule_numbers(beside::AbstractString, parameters)
    rule = try
        RuleSettings(JSON.parse(beside)).rule
    catch error
        error isa ArgumentError || rethrow()
        return error.msg
    end
    return tree_length(Base.invokelatest(start_rule, rule, zeros(parameters)))
end

"The numbers that a rule's state begins with go to the address."
function begin_rule!(beside::AbstractString, parameters, address)
    tree = Base.invokelatest(start_rule, RuleSettings(JSON.parse(beside)).rule, zeros(parameters))
    write_tree!(numbers(address, tree_length(tree)), 1, tree)
    return nothing
end

tree_length(::Nothing) = 0
tree_length(::Number) = 1
tree_length(x::AbstractArray) = length(x)
tree_length(x::Union{Tuple,NamedTuple}) = sum(tree_length, x; init = 0)

"Write a tree's numbers from position `at` on; the position after."
write_tree!(out, at::Int, ::Nothing) = at
write_tree!(out, at::Int, x::Number) = (out[at] = x; at + 1)
write_tree!(out, at::Int, x::AbstractArray) = (copyto!(out, at, x, 1, length(x)); at + length(x))
write_tree!(out, at::Int, x::Union{Tuple,NamedTuple}) = foldl((place, part) -> write_tree!(out, place, part), x; init = at)

"A tree like `x` of the numbers from position `at` on; and the position after."
read_tree(::Nothing, from, at::Int) = nothing, at
read_tree(x::Number, from, at::Int) = convert(typeof(x), from[at]), at + 1
read_tree(x::AbstractArray, from, at::Int) = copyto!(similar(x), 1, from, at, length(x)), at + length(x)

function read_tree(x::Union{Tuple,NamedTuple}, from, at::Int)
    parts = map(x) do part
        value, at = read_tree(part, from, at)
        value
    end
    return parts, at
end
