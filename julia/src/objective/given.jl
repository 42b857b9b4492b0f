# Arrays that the loss reads as they are.

"`Given` of `unideq.objective.program`: named arrays, one after the other."
struct CompiledGiven
    name::String
    arrays::Layout
    values::Vector{Float64}
end

function CompiledGiven(data::AbstractDict)
    arrays = Layout(data["arrays"], data["sizes"])
    return CompiledGiven(String(data["name"]), arrays, zeros(arrays.total))
end

# Nothing is derived: the loss has no derivative in what is given.
compile_reverse!(::CompiledGiven, data) = nothing
compile_forward!(::CompiledGiven, data) = nothing

arrays_length(given::CompiledGiven) = given.arrays.total
data_length(given::CompiledGiven) = given.arrays.total
set_data!(given::CompiledGiven, data::AbstractVector{Float64}) = (copyto!(given.values, data); nothing)
source_arrays(given::CompiledGiven) =
    [(given.name * "." * name, size) for (name, size) in zip(given.arrays.names, given.arrays.sizes)]

solve_batch!(given::CompiledGiven, theta::Vector{Float64}, arrays::Vector{Float64}, offset::Int) =
    (copyto!(arrays, offset + 1, given.values, 1, length(given.values)); false)
prepare_reverse!(::CompiledGiven) = nothing
pull_batch!(::CompiledGiven, theta, cotangents::Vector{Float64}, offset::Int, gradient::Vector{Float64}) = nothing
push_batch!(::CompiledGiven, theta, tangent, arrays::Vector{Float64}, offset::Int) = nothing
