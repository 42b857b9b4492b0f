# Objectives whose terms are all means of squares of arrays at points: the derivative of a term in its array is known
# before the array is, so values and gradients come out of one pass through the points.

"A term as the mean over points of the squares of an output: which source's, and which output."
struct MeanSquare
    source::Int
    output::Int
end

"What all terms are the means of squares of; empty where that doesn't hold, or a source doesn't run in blocks."
function read_squares(sources, given)
    given === nothing && return MeanSquare[]
    all(s -> s isa CompiledPointwise && s.blocks !== nothing, sources) || return MeanSquare[]
    return map(given) do (name, output)
        source = findfirst(s -> s.name == name, sources)
        MeanSquare(source, findfirst(==(output), sources[source].outputs.names))
    end
end
