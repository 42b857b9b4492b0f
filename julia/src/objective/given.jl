# Arrays that the loss reads as they are.

"`Given` of `unideq.objective.program`: named arrays, one after the other."
struct CompiledGiven <: CompiledSource
    name::String
    arrays::Layout
    values::Vector{Float64}
end

function CompiledGiven(data::AbstractDict)
    arrays = Layout(data["arrays"], data["sizes"])
    return CompiledGiven(String(data["name"]), arrays, zeros(arrays.total))
end

SOURCES["given"] = CompiledGiven

source_arrays(given::CompiledGiven) =
    [(given.name * "." * name, size) for (name, size) in zip(given.arrays.names, given.arrays.sizes)]
data_length(given::CompiledGiven) = given.arrays.total
set_data!(given::CompiledGiven, data::AbstractVector{Float64}) = (copyto!(given.values, data); nothing)

# Nothing is derived: the loss has no derivative in what is given.
compile_reverse!(::CompiledGiven, data) = nothing
compile_forward!(::CompiledGiven, data) = nothing

struct GivenArrays <: Evaluator
    values::Vector{Float64}
end

evaluator(given::CompiledGiven, threads::Int) = GivenArrays(given.values)

solve_batch!(given::GivenArrays, theta, arrays::Vector{Float64}, offset::Int) =
    (copyto!(arrays, offset + 1, given.values, 1, length(given.values)); false)
prepare_reverse!(::GivenArrays) = nothing
pull_batch!(::GivenArrays, theta, cotangents, offset::Int, gradient) = nothing
push_batch!(::GivenArrays, theta, tangent, arrays, offset::Int) = nothing
