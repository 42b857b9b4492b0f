# One evaluation with weights of a seed's own, which a rule may move.

"The same as `loss_and_gradient!`, with the balance's rule first moving the weights where that is due."
function balanced_loss_and_gradient!(weighing, worker, theta::Vector{Float64}, gradient, terms)
    balance, weights = weighing.balance, weighing.weights
    balance === nothing && return loss_and_gradient!(worker, theta, gradient, terms, weights)
    is_due(balance.rule, weighing.iteration) || return loss_and_gradient!(worker, theta, gradient, terms, weights)
    return move_and_evaluate!(balance, weighing, worker, theta, gradient, terms)
end

"The direction is made of the terms' gradients, which the rule has looked at."
function move_and_evaluate!(balance::Balance, weighing, worker, theta::Vector{Float64}, gradient, terms)
    weights, gradients = weighing.weights, weighing.gradients
    failed = term_gradients!(gradients, gradient, balance, weights, worker, theta, terms)
    failed && return NaN, true
    set_weights!(weights, balance, gradients, weighing.iteration)
    for (b, i) in enumerate(balance.balanced)
        add_multiple!(gradient, weights[i], view(gradients, :, b))
    end
    return scalar_product(weights, terms), false
end

"The neural tangent kernel's rule looks at single points, and the direction is an evaluation of its own."
function move_and_evaluate!(balance::Balance{EqualTraces}, weighing, worker, theta::Vector{Float64}, gradient, terms)
    _, failed = loss!(worker, theta, terms)
    if !failed
        traces = [kernel_trace(worker, theta, balance, s, key) for (s, key) in balance.rule.residuals]
        move_weights!(weighing.weights, balance, sum(traces) ./ traces)
    end
    return loss_and_gradient!(worker, theta, gradient, terms, weighing.weights)
end

"""
The balanced terms' own gradients (P, B); in `rest` (P) that of the weighted sum of the others. Whether a solve failed.
"""
function term_gradients!(gradients::Matrix{Float64}, rest, balance::Balance, weights, worker, theta, terms)
    gradients_of_terms!(gradients, worker, theta, terms, balance.balanced) && return true
    fill!(rest, 0.0)
    isempty(balance.others) || gradient_of_some!(rest, worker, theta, weights, balance.others)
    return false
end

"tr K of a term: the mean over its points of ‖∂r/∂θ‖², over what counts and may move; after `loss!`."
function kernel_trace(worker, theta::Vector{Float64}, balance::Balance, s::Int, key::String)
    prepare_reverse!(worker)
    batch, offset = worker.sources[s], worker.objective.offsets[s]
    where = array_place(worker.objective.sources[s], key)
    cotangents, row, sum = fill!(worker.cotangents, 0.0), worker.gradient, 0.0
    for entry in where
        cotangents[offset+entry] = 1.0
        fill!(row, 0.0)
        pull_batch!(batch, theta, cotangents, offset, row)
        cotangents[offset+entry] = 0.0
        for p in eachindex(row)
            counts(balance, p) && (sum += row[p]^2)
        end
    end
    return sum / points(worker.objective.sources[s])
end

"Where among its own arrays a source has the values of an output."
function array_place(source, key::String)
    layout = Layout(first.(source_arrays(source)), last.(source_arrays(source)))
    i = findfirst(==("$(source.name).$key"), layout.names)
    return layout.offsets[i]+1:layout.offsets[i]+layout.sizes[i]
end
