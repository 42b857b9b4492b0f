# State by name, as it is saved: `theta`, `search.step`, `memory.inverse_hessian`. In memory every name is an array with
# the seeds in front: float64, int64, or one byte a truth value.

"The object that a dotted name belongs to, and the name within."
function locate_field(state, name::String)
    outer, dot, field = rpartition(name)
    return dot ? getfield(state, Symbol(outer)) : state, Symbol(field)
end

function rpartition(name::String)
    at = findlast('.', name)
    return at === nothing ? ("", false, name) : (name[1:at-1], true, name[at+1:end])
end

"Read one seed's share of an array of that name at an address."
function load_state!(state, name::String, address::Integer, seed::Int)
    holder, field = locate_field(state, name)
    read_share!(holder, field, getfield(holder, field), address, seed)
    return nothing
end

read_share!(holder, field, array::Array{Float64}, address, seed) =
    unsafe_copyto!(pointer(array), Ptr{Float64}(address) + (seed - 1) * sizeof(array), length(array))
read_share!(holder, field, ::T, address, seed) where {T<:Union{Float64,Int64,Bool}} =
    setfield!(holder, field, unsafe_load(Ptr{T}(address), seed))

"Write one seed's share of an array of that name to an address."
function store_state(state, name::String, address::Integer, seed::Int)
    holder, field = locate_field(state, name)
    write_share(getfield(holder, field), address, seed)
    return nothing
end

write_share(array::Array{Float64}, address, seed) =
    unsafe_copyto!(Ptr{Float64}(address) + (seed - 1) * sizeof(array), pointer(array), length(array))
write_share(value::T, address, seed) where {T<:Union{Float64,Int64,Bool}} = unsafe_store!(Ptr{T}(address), value, seed)
