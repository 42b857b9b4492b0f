# Adam and AdamW with rejected steps. Kingma & Ba 2015, algorithm 1; Loshchilov & Hutter 2019, algorithm 2.

"Rejected steps in a row after which a seed stops."
const GIVE_UP = 20
"Growth of the learning-rate factor with every accepted step, up to 1; a rejected step halves it."
const RECOVERY = 1.05

struct Adam
    rate::LearningRate
    beta1::Float64
    beta2::Float64
    epsilon::Float64
    clip::Float64
    weight_decay::Float64
end

"Where one seed stands. `good_theta` is the last θ that could be evaluated; `mean`, `square`: the gradient's moments."
mutable struct AdamState
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
end

function start_state(::Adam, parameters::Int, terms::Int)
    zero() = zeros(parameters)
    return AdamState(zero(), zero(), Inf, 0, 0, zero(), zero(), zero(), 0, 1.0, 0)
end

"One turn of one seed: one evaluation and one iteration."
function turn!(method::Adam, state::AdamState, value::LossValue, problem, worker, logs::Logs, seed::Int)
    evaluate_loss!(value, worker, state.theta, problem.free)
    good = value.finite
    norm = euclidean_norm(value.gradient)
    state.streak = good ? 0 : state.streak + 1
    state.factor = good ? min(1.0, RECOVERY * state.factor) : 0.5 * state.factor
    if good
        state.accepted += 1
        copyto!(state.good_theta, state.theta)
        update_moments!(method, state, value.gradient, norm)
        if value.total < state.best_total
            state.best_total = value.total
            copyto!(state.best_theta, state.theta)
        end
    end
    rate = state.factor * method.rate(state.iteration, problem.iterations)::Float64
    # A start that fails stays where it is: trying it again would fail again.
    gave_up = state.streak >= GIVE_UP || state.accepted == 0
    copyto!(state.theta, state.good_theta)
    gave_up || take_step!(method, state, rate, problem)
    log!(logs, seed, state.iteration, value.total, value.terms, norm, rate, !good)
    state.iteration += 1
    state.finished = gave_up ? 2 : 0
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

"One step from the last good point, where `theta` is already."
function take_step!(method::Adam, state::AdamState, rate, problem)
    c1, c2 = 1 - method.beta1^state.accepted, 1 - method.beta2^state.accepted
    theta, mean, square, decay = state.theta, state.mean, state.square, method.weight_decay
    @inbounds for i in eachindex(theta)
        problem.free[i] || continue
        direction = (mean[i] / c1) / (sqrt(square[i] / c2) + method.epsilon)
        problem.decay[i] && (direction += decay * theta[i])
        theta[i] -= rate * direction
    end
    return nothing
end
