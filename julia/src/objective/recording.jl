# Sources that record their outputs at many points: trajectories at times, graphs at points.

"A compiled source whose `outputs` are recorded at `points(source)` places, one array an output."
abstract type Recording end

"Size of the arrays that a source makes."
arrays_length(source::Recording) = source.outputs.total * points(source)

"Array names with their sizes, as the loss graph sees them."
function source_arrays(source::Recording)
    names, sizes = source.outputs.names, source.outputs.sizes
    return [(source.name * "." * name, size * points(source)) for (name, size) in zip(names, sizes)]
end

"Where the output after `from` others begins at point `at`, `size` numbers a point, in arrays that begin at `offset`."
place_at(source::Recording, offset::Int, from::Int, size::Int, at::Int) =
    offset + points(source) * from + size * (at - 1) + 1

"What was observed at point `at` goes to the arrays, which lie one after the other."
function scatter!(arrays::Vector{Float64}, offset::Int, observed::Vector{Float64}, source::Recording, at::Int)
    for (size, from) in zip(source.outputs.sizes, source.outputs.offsets)
        copyto!(arrays, place_at(source, offset, from, size, at), observed, from + 1, size)
    end
    return nothing
end

"The reverse of `scatter!`."
function gather!(observed::Vector{Float64}, arrays::Vector{Float64}, offset::Int, source::Recording, at::Int)
    for (size, from) in zip(source.outputs.sizes, source.outputs.offsets)
        copyto!(observed, from + 1, arrays, place_at(source, offset, from, size, at), size)
    end
    return nothing
end
