# An objective's value and derivatives, in one thread or with threads of its own.

"`Objective` of `unideq.objective.program`, compiled. The data are set separately: see `set_data!`."
mutable struct CompiledObjective
    parameters::Int
    terms::Vector{String}
    sources::Vector{CompiledSource}
    offsets::Vector{Int}                # of each source's arrays
    backwards::Vector{Int}              # order in which cotangents are taken: to a source come those of its readers
    arrays::Int
    weights::Vector{Float64}
    loss::CompiledGraph                 # of the arrays (x) and θ (p)
    squares::Vector{MeanSquare}         # of all terms, or empty
    program::Any                        # as it was read: derivatives are compiled when first asked for
    reverse::Bool
    forward::Bool
    workers::Vector{Any}
    lock::ReentrantLock
end

function CompiledObjective(data::AbstractDict)
    sources = CompiledSource[compile_source(s) for s in data["sources"]]
    lengths = Int[arrays_length(s) for s in sources]
    terms = String[name for name in data["terms"]]
    layout, outputs = array_layout(sources), Layout(terms, ones(Int, length(terms)))
    arrays = places(layout, :x)
    foreach(source -> place_reads!(source, layout), sources)
    return CompiledObjective(
        Int(data["parameters"]),
        terms,
        sources,
        cumsum(lengths) .- lengths,
        all(s -> reads(s) === nothing, sources) ? collect(eachindex(sources)) : reverse(eachindex(sources)),
        sum(lengths; init = 0),
        ones(length(terms)),
        CompiledGraph(data["loss"], arrays, THETA; fixed = String[], outputs),
        read_squares(sources, get(data, "squares", nothing)),
        data,
        false,
        false,
        [],
        ReentrantLock(),
    )
end

function array_layout(sources)
    arrays = Tuple{String,Int}[a for s in sources for a in source_arrays(s)]
    return Layout(first.(arrays), last.(arrays))
end

"Compile the derivatives in reverse mode, if that hasn't been done."
function need_reverse!(o::CompiledObjective)
    o.reverse && return o
    for (source, data) in zip(o.sources, o.program["sources"])
        compile_reverse!(source, data["gradient"])
    end
    compile_reverse!(o.loss, o.program["gradient"])
    empty!(o.workers)
    o.reverse = true
    return o
end

"Compile the derivatives in forward mode, if that hasn't been done."
function need_forward!(o::CompiledObjective)
    o.forward && return o
    for (source, data) in zip(o.sources, o.program["sources"])
        compile_forward!(source, data["tangent"])
    end
    compile_forward!(o.loss, o.program["tangent"])
    empty!(o.workers)
    o.forward = true
    return o
end

"Everything that one evaluation of an objective needs; one for each that run at the same time."
mutable struct Worker
    objective::CompiledObjective
    sources::Vector{Evaluator}
    arrays::Vector{Float64}
    cotangents::Vector{Float64}         # of the arrays; in forward mode their tangents
    seeds::Vector{Float64}              # cotangents of the terms; in forward mode their tangents
    loss::GraphRunner
    # copies of what callers hand over by address
    theta::Vector{Float64}
    gradient::Vector{Float64}
    terms::Vector{Float64}
end

"""
    make_worker(objective; threads = 1)

A worker for `loss!` and `loss_and_gradient!`, whose batches of trajectories are spread over that many threads.
"""
make_worker(objective::CompiledObjective; threads::Int = 1) = bare_worker(need_reverse!(objective), threads)

"A worker for what has been compiled so far."
function bare_worker(o::CompiledObjective, threads::Int)
    return Worker(
        o,
        Evaluator[evaluator(s, threads) for s in o.sources],
        zeros(o.arrays),
        zeros(o.arrays),
        zeros(length(o.terms)),
        GraphRunner(o.loss),
        zeros(o.parameters),
        zeros(o.parameters),
        zeros(length(o.terms)),
    )
end

"""
    loss!(worker, theta, terms) -> total, failed

The terms at θ and their weighted sum; NaN where a solve failed.
"""
function loss!(worker::Worker, theta::Vector{Float64}, terms::Vector{Float64})
    o = worker.objective
    failed = false
    for (source, offset) in zip(worker.sources, o.offsets)
        failed |= solve_batch!(source, theta, worker.arrays, offset)::Bool
    end
    if failed
        fill!(terms, NaN)
        return NaN, true
    end
    evaluate_terms!(worker, theta, terms)
    return dot(o.weights, terms), false
end

"The terms of the sources' arrays."
function evaluate_terms!(worker::Worker, theta::Vector{Float64}, terms::Vector{Float64})
    loss = worker.loss.value
    setup!(loss)
    run!(loss; x = worker.arrays, p = theta, y = terms)
    return nothing
end

"""
    loss_and_gradient!(worker, theta, gradient, terms, weights = the objective's) -> total, failed

As `loss!`, with the gradient of the total.
"""
function loss_and_gradient!(
    worker::Worker,
    theta::Vector{Float64},
    gradient::Vector{Float64},
    terms::Vector{Float64},
    weights::Vector{Float64} = worker.objective.weights,
)
    isempty(worker.objective.squares) || return squares_and_gradient!(worker, theta, gradient, terms, weights)
    _, failed = loss!(worker, theta, terms)
    if failed
        fill!(gradient, NaN)
        return NaN, true
    end
    prepare_reverse!(worker)
    copyto!(worker.seeds, weights)
    pull_loss!(worker, theta, gradient)
    return dot(weights, terms), false
end

function prepare_reverse!(worker::Worker)
    for source in worker.sources
        prepare_reverse!(source)
    end
    return nothing
end

"The gradient for the cotangents of the terms in `worker.seeds`, after `loss!` and `prepare_reverse!`."
function pull_loss!(worker::Worker, theta::Vector{Float64}, gradient::Vector{Float64})
    o = worker.objective
    fill!(gradient, 0.0)
    fill!(worker.cotangents, 0.0)       # the loss doesn't read all arrays
    setup!(worker.loss.reverse)
    run!(worker.loss.reverse; x = worker.arrays, p = theta, dy = worker.seeds, dx = worker.cotangents, dp = gradient)
    for k in o.backwards
        # A single term reads few of the sources.
        is_silent(worker.cotangents, o.offsets[k], arrays_length(o.sources[k])) && continue
        pull_batch!(worker.sources[k], theta, worker.cotangents, o.offsets[k], gradient)
    end
    return nothing
end

"Are these `count` numbers all zero?"
is_silent(values::Vector{Float64}, offset::Int, count::Int) = all(i -> @inbounds(iszero(values[i])), offset+1:offset+count)

"Derivative of the total along `tangent`; NaN where a solve failed."
function directional_derivative(worker::Worker, theta::Vector{Float64}, tangent::Vector{Float64})
    o = worker.objective
    _, failed = loss!(worker, theta, worker.terms)
    failed && return NaN
    for (source, offset) in zip(worker.sources, o.offsets)
        push_batch!(source, theta, tangent, worker.cotangents, offset)
    end
    setup!(worker.loss.forward)
    run!(worker.loss.forward; x = worker.arrays, p = theta, dx = worker.cotangents, dp = tangent, dy = worker.seeds)
    return dot(o.weights, worker.seeds)
end
