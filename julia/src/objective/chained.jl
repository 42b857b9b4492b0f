# What a source reads of the arrays of those before it.

"""
Arrays of earlier sources that a source's graphs read, side by side, and where each begins among all of the objective:
`place_reads!` says so.
"""
struct Reads
    arrays::Layout
    from::Vector{Int}
end

Reads(data) = (arrays = Layout([String(n) for (n, _) in data], [Int(s) for (_, s) in data]); Reads(arrays, zeros(Int, length(arrays.names))))

"Those of a kind of source; most read none."
reads(::CompiledSource) = nothing

place_reads!(source::CompiledSource, all::Layout) = place_reads!(reads(source), all)
place_reads!(::Nothing, all::Layout) = nothing
place_reads!(r::Reads, all::Layout) =
    (map!(name -> all.offsets[findfirst(==(name), all.names)], r.from, r.arrays.names); nothing)

"Copy what is read out of all arrays, or their tangents."
function take_reads!(to::Vector{Float64}, r::Reads, arrays::Vector{Float64})
    for (size, at, from) in zip(r.arrays.sizes, r.arrays.offsets, r.from)
        copyto!(to, at + 1, arrays, from + 1, size)
    end
    return nothing
end

"Add the cotangents of what is read to those of all arrays."
function give_reads!(cotangents::Vector{Float64}, r::Reads, read::Vector{Float64})
    for (size, at, from) in zip(r.arrays.sizes, r.arrays.offsets, r.from), k in 1:size
        cotangents[from+k] += read[at+k]
    end
    return nothing
end
