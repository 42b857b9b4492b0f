# Adam and AdamW with rejected steps. Kingma & Ba 2015, algorithm 1; Loshchilov & Hutter 2019, algorithm 2.

"Rejected steps in a row after which a seed stops."
const GIVE_UP = 20
"Updates left out in a row, their gradients being too large, after which a seed stops."
const SKIPPED = 200
"Weight of what came before in the running mean of gradient norms."
const MEMORY_OF_NORMS = 0.99
"Growth of the learning-rate factor with every accepted step, up to 1; a rejected step halves it."
const RECOVERY = 1.05

struct Adam{B}
    rate::LearningRate
    beta1::Float64
    beta2::Float64
    epsilon::Float64
    clip::Float64
    skip::Float64                       # in mean gradient norms
    weight_decay::Float64
    bases::B                            # SOAP: where its matrices lie; else nothing
end

"""
Where one seed stands. `good_theta` is the last θ that could be evaluated; `mean`, `square`: the gradient's moments;
`norm_mean`: the running mean of accepted updates' gradient norms, `norm_weight` the sum of its weights, `skipped` the
updates left out in a row; `bases`: what SOAP has beyond Adam, else nothing.
"""
mutable struct AdamState{B}
    const theta::Vector{Float64}
    const best_theta::Vector{Float64}
    best_total::Float64
    iteration::Int
    finished::Int
    const good_theta::Vector{Float64}
    const mean::Vector{Float64}
    const square::Vector{Float64}
    accepted::Int
    factor::Float64
    streak::Int
    norm_mean::Float64
    norm_weight::Float64
    skipped::Int
    const bases::B
end

function start_state(method::Adam, parameters::Int, terms::Int)
    zero() = zeros(parameters)
    mean, square = zero(), zero()
    bases = make_bases(method.bases, mean, square)
    return AdamState(zero(), zero(), Inf, 0, 0, zero(), mean, square, 0, 1.0, 0, 0.0, 0.0, 0, bases)
end

"One turn of one seed: one evaluation and one iteration."
function turn!(method::Adam, state::AdamState, value::LossValue, problem, worker, logs::Logs, seed::Int)
    evaluate_loss!(value, worker, state.theta, problem.free)
    good = value.finite
    norm = euclidean_norm(value.gradient)
    skipped = good && is_skipped(method, state, norm)
    state.streak = good ? 0 : state.streak + 1
    state.factor = skipped ? state.factor : good ? min(1.0, RECOVERY * state.factor) : 0.5 * state.factor
    if good
        copyto!(state.good_theta, state.theta)
        skipped ? (state.skipped += 1) : accept!(method, state, value.gradient, norm)
        keep_best!(state, value)
    end
    rate = state.factor * method.rate(state.iteration, problem.iterations)::Float64
    # A start that fails stays where it is: trying it again would fail again, unless the data are others.
    hopeless = state.accepted == 0 && !problem.fresh
    gave_up = state.streak >= GIVE_UP || hopeless || state.skipped >= SKIPPED
    copyto!(state.theta, state.good_theta)
    gave_up || skipped || take_step!(method, state, rate, problem)
    good && !skipped && learn!(method, state)
    log!(logs, seed, state.iteration, value.total, value.terms, norm, rate, !good || skipped)
    state.iteration += 1
    state.finished = gave_up ? 2 : 0
    return nothing
end

"Is the gradient too large for an update? The mean's bias is corrected as that of the moments is."
is_skipped(method::Adam, state::AdamState, norm) =
    state.norm_weight > 0 && norm * state.norm_weight > method.skip * state.norm_mean

function accept!(method::Adam, state::AdamState, gradient, norm)
    state.accepted += 1
    state.skipped = 0
    update_moments!(method, state, gradient, norm)
    if isfinite(method.skip)
        state.norm_mean = MEMORY_OF_NORMS * state.norm_mean + (1 - MEMORY_OF_NORMS) * norm
        state.norm_weight = MEMORY_OF_NORMS * state.norm_weight + (1 - MEMORY_OF_NORMS)
    end
    return nothing
end

function update_moments!(method::Adam, state::AdamState, gradient, norm)
    scale = min(1.0, method.clip / max(norm, 1e-300))
    b1, b2, mean, square = method.beta1, method.beta2, state.mean, state.square
    @inbounds @simd for i in eachindex(mean, square, gradient)
        g = scale * gradient[i]
        mean[i] = b1 * mean[i] + (1 - b1) * g
        square[i] = b2 * square[i] + (1 - b2) * g^2
    end
    return nothing
end

"What an update teaches beyond the moments: nothing, but for SOAP."
learn!(::Adam, ::AdamState{Nothing}) = nothing

"One step from the last good point, where `theta` is already."
function take_step!(method::Adam, state::AdamState, rate, problem)
    age = max(state.accepted, 1)
    c1, c2 = 1 - method.beta1^age, 1 - method.beta2^age
    theta, mean, square, decay = state.theta, state.mean, state.square, method.weight_decay
    @inbounds for i in eachindex(theta)
        problem.free[i] || continue
        direction = (mean[i] / c1) / (sqrt(square[i] / c2) + method.epsilon)
        problem.decay[i] && (direction += decay * theta[i])
        theta[i] -= rate * direction
    end
    return nothing
end
