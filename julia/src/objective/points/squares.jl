# Values and gradients of objectives whose terms are all means of squares, see `MeanSquare`.

blocks_of(worker::Worker, source::Int) = worker.sources[source]::BlockBatch

"Add the derivative of weight · term to the coefficients of the term's source: 2 · weight / points."
function add_coefficient!(worker::Worker, square::MeanSquare, weight::Float64)
    batch = blocks_of(worker, square.source)
    batch.coefficients[square.output] += 2 * weight / batch.problem.count
    return nothing
end

function clear_coefficients!(worker::Worker)
    for source in eachindex(worker.sources)
        fill!(blocks_of(worker, source).coefficients, 0.0)
    end
    return nothing
end

"As `loss_and_gradient!`, in one pass; nothing can fail."
function squares_and_gradient!(worker::Worker, theta::Vector{Float64}, gradient, terms, weights)
    o = worker.objective
    clear_coefficients!(worker)
    for (square, weight) in zip(o.squares, weights)
        add_coefficient!(worker, square, weight)
    end
    fill!(gradient, 0.0)
    for (source, offset) in enumerate(o.offsets)
        sweep_batch!(blocks_of(worker, source), theta, worker.arrays, offset, gradient)
    end
    evaluate_terms!(worker, theta, terms)
    return dot(weights, terms), false
end

"""
    gradients_of_terms!(gradients, worker, theta, terms, chosen) -> failed

The terms, and the gradients (P, n) of the n `chosen` ones, unweighted; NaN where a solve failed. Each term is pulled
through the sources that it reads alone.
"""
function gradients_of_terms!(gradients::AbstractMatrix, worker::Worker, theta::Vector{Float64}, terms, chosen)
    isempty(worker.objective.squares) || return gradients_of_squares!(gradients, worker, theta, terms, chosen)
    _, failed = loss!(worker, theta, terms)
    failed ? fill!(gradients, NaN) : prepare_reverse!(worker)
    failed && return true
    for (column, term) in enumerate(chosen)
        fill!(worker.seeds, 0.0)
        worker.seeds[term] = 1.0
        pull_loss!(worker, theta, worker.gradient)
        copyto!(view(gradients, :, column), worker.gradient)
    end
    return false
end

function gradients_of_squares!(gradients, worker::Worker, theta::Vector{Float64}, terms, chosen)
    o = worker.objective
    for (column, term) in enumerate(chosen)
        square = o.squares[term]
        clear_coefficients!(worker)
        add_coefficient!(worker, square, 1.0)
        fill!(worker.gradient, 0.0)
        batch, offset = blocks_of(worker, square.source), o.offsets[square.source]
        sweep_batch!(batch, theta, worker.arrays, offset, worker.gradient)
        copyto!(view(gradients, :, column), worker.gradient)
    end
    for (source, offset) in enumerate(o.offsets)
        any(term -> o.squares[term].source == source, chosen) ||
            solve_batch!(blocks_of(worker, source), theta, worker.arrays, offset)
    end
    evaluate_terms!(worker, theta, terms)
    return false
end

"""
    gradient_of_some!(gradient, worker, theta, weights, chosen)

The gradient of the weighted sum of the `chosen` terms; after `gradients_of_terms!` at the same θ.
"""
function gradient_of_some!(gradient::Vector{Float64}, worker::Worker, theta::Vector{Float64}, weights, chosen)
    o = worker.objective
    if isempty(o.squares)
        fill!(worker.seeds, 0.0)
        worker.seeds[chosen] .= view(weights, chosen)
        return pull_loss!(worker, theta, gradient)
    end
    clear_coefficients!(worker)
    foreach(term -> add_coefficient!(worker, o.squares[term], weights[term]), chosen)
    fill!(gradient, 0.0)
    for (source, offset) in enumerate(o.offsets)
        any(term -> o.squares[term].source == source, chosen) || continue
        sweep_batch!(blocks_of(worker, source), theta, worker.arrays, offset, gradient)
    end
    return nothing
end
