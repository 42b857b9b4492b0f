# What an objective is made of: sources of arrays. What each kind of them says, stated once.

"""
A kind of source, compiled. A kind of its own is a file of its own, with two types.

The compiled source, `K <: CompiledSource`, has a `name` and

- `K(data)`: from the program that Python wrote; `SOURCES[kind] = K` says of which `kind`;
- `source_arrays(source)`: names and sizes of the arrays that it makes, as the loss reads them;
- `data_length(source)`, `set_data!(source, data)`: how many numbers it reads with every new data, and reading them;
- `compile_reverse!(source, data)`, `compile_forward!(source, data)`: compile its derivatives from the program's
  `gradient` or `tangent`, when they are first wanted;
- `evaluator(source, threads)`: what one evaluation needs, an `Evaluator`; made anew when derivatives have been compiled.

Sources that can also be solved alone (`solve_source!`) have `trajectories` and

- `counts_each(source)`: how many numbers tell how a trajectory's solve went; `unideq.engine.julia.programs` names them.
"""
abstract type CompiledSource end

"""
What evaluating a source needs and leaves behind. For `E <: Evaluator` there are

- `solve_batch!(e, theta, arrays, offset)`: compute the arrays, from `offset` on in `arrays`; whether that failed;
- `prepare_reverse!(e)`, then `pull_batch!(e, theta, cotangents, offset, gradient)`, any number of times: add to `gradient`
  what the arrays' cotangents amount to, after `solve_batch!` at the same θ;
- `push_batch!(e, theta, tangent, arrays, offset)`: write the arrays' tangents, after `solve_batch!` at the same θ;

and of sources that can be solved alone the `status` of each trajectory, and

- `counts_of(e, trajectory)`: the numbers that `counts_each` announces.
"""
abstract type Evaluator end

"Compiled sources by kind; each kind's file adds its own."
const SOURCES = Dict{String,Type{<:CompiledSource}}()

compile_source(data::AbstractDict) = SOURCES[data["kind"]](data)

"Size of the arrays that a source makes."
arrays_length(source::CompiledSource) = sum(last, source_arrays(source); init = 0)

"""
A source that records its outputs at many places, trajectories at times or graphs at points, one array an output:
`outputs(source)` are those of one place, `points(source)` is the number of places.
"""
abstract type Recording <: CompiledSource end

arrays_length(source::Recording) = outputs(source).total * points(source)

function source_arrays(source::Recording)
    names, sizes = outputs(source).names, outputs(source).sizes
    return [(source.name * "." * name, size * points(source)) for (name, size) in zip(names, sizes)]
end

"Where the output after `from` others begins at point `at`, `size` numbers a point, in arrays that begin at `offset`."
place_at(source::Recording, offset::Int, from::Int, size::Int, at::Int) =
    offset + points(source) * from + size * (at - 1) + 1

"What was observed at point `at` goes to the arrays, which lie one after the other."
function scatter!(arrays::Vector{Float64}, offset::Int, observed::Vector{Float64}, source::Recording, at::Int)
    for (size, from) in zip(outputs(source).sizes, outputs(source).offsets)
        copyto!(arrays, place_at(source, offset, from, size, at), observed, from + 1, size)
    end
    return nothing
end

"The reverse of `scatter!`."
function gather!(observed::Vector{Float64}, arrays::Vector{Float64}, offset::Int, source::Recording, at::Int)
    for (size, from) in zip(outputs(source).sizes, outputs(source).offsets)
        copyto!(observed, from + 1, arrays, place_at(source, offset, from, size, at), size)
    end
    return nothing
end
