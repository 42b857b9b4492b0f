# BFGS and L-BFGS, one seed at a time: a turn is one evaluation of the loss, an iteration one or more turns.

"""
A quasi-Newton method with dense curvature, updated by a rule, or that of the last pairs: `curvature` is the rule or
the number of pairs.

The first turn only evaluates the start. A search that finds no decrease forgets the curvature, once: the next one goes
down the gradient. If that one fails too, the seed has finished: converged as far as the values resolve it, or given
up if trials weren't finite.
"""
struct QuasiNewton{C}
    tolerance::Float64
    longest::Int
    curvature::C
end

"Where one seed stands; `known`: the start is evaluated. `trial`, `s`, `y` are space to work in."
mutable struct QuasiNewtonState{C}
    const theta::Vector{Float64}
    const best_theta::Vector{Float64}
    best_total::Float64
    iteration::Int
    finished::Int
    known::Bool
    total::Float64
    const terms::Vector{Float64}
    const gradient::Vector{Float64}
    const direction::Vector{Float64}
    const memory::C
    const search::LineSearch
    const trial::Vector{Float64}
    const s::Vector{Float64}
    const y::Vector{Float64}
end

make_curvature(rule, parameters) = DenseCurvature(parameters, rule)
make_curvature(pairs::Int, parameters) = LimitedCurvature(parameters, pairs)

function start_state(method::QuasiNewton, parameters::Int, terms::Int)
    zero() = zeros(parameters)
    return QuasiNewtonState(
        zero(), zero(), Inf, 0, 0,
        false, Inf, fill(NaN, terms), zero(), zero(),
        make_curvature(method.curvature, parameters), LineSearch(parameters, terms),
        zero(), zero(), zero(),
    )
end

"One turn of one seed: one evaluation, and an iteration where it ends a line search."
function turn!(
    method::QuasiNewton,
    state::QuasiNewtonState,
    value::LossValue,
    problem,
    worker,
    logs::Logs,
    seed::Int,
)
    search, trial = state.search, state.trial
    trial .= state.theta .+ search.step .* state.direction
    evaluate_loss!(value, worker, trial, problem.free)
    value.finite || fill!(value.gradient, 0.0)
    if value.finite && value.total < state.best_total
        state.best_total = value.total
        copyto!(state.best_theta, trial)
    end
    state.known || return keep_start!(method, state, value)

    step = search.step
    slope = scalar_product(value.gradient, state.direction)
    done, wolfe = advance!(search, state.total, value, slope, method.longest)
    done || return nothing
    found = wolfe || search.safe > 0
    wolfe || (step = found ? search.safe : 0.0)
    log!(logs, seed, state.iteration, state.total, state.terms, euclidean_norm(state.gradient), step, !found)
    state.iteration += 1
    if !found
        lose!(state)
    elseif wolfe
        arrive!(method, state, step, value.total, value.terms, value.gradient)
    else
        arrive!(method, state, step, search.safe_total, search.safe_terms, search.safe_gradient)
    end
    aim!(state)
    return nothing
end

"The first turn: keep what is known of the start."
function keep_start!(method::QuasiNewton, state::QuasiNewtonState, value::LossValue)
    state.known, state.total = true, value.total
    copyto!(state.terms, value.terms)
    copyto!(state.gradient, value.gradient)
    state.finished = !value.finite ? 2 : is_flat(method, state) ? 1 : 0
    aim!(state)
    return nothing
end

is_flat(method::QuasiNewton, state::QuasiNewtonState) = maximum(abs, state.gradient; init = 0.0) < method.tolerance

"Move to a point that a search has found."
function arrive!(method::QuasiNewton, state::QuasiNewtonState, step, total, terms, gradient)
    state.s .= step .* state.direction
    state.y .= gradient .- state.gradient
    # The direction being −H g, the model's curvature along the step s is sᵀBs = −step · sᵀg.
    update!(state.memory, state.s, state.y, -step^2 * state.search.slope)
    state.theta .+= state.s
    state.total = total
    copyto!(state.terms, terms)
    copyto!(state.gradient, gradient)
    state.finished = is_flat(method, state) ? 1 : 0
    return nothing
end

"After a search without decrease: forget the curvature, or finish."
function lose!(state::QuasiNewtonState)
    state.finished = state.memory.pairs > 0 ? 0 : state.search.broken ? 2 : 1
    reset!(state.memory)
    return nothing
end

"Choose the next direction, and begin a search along it."
function aim!(state::QuasiNewtonState)
    gradient, direction = state.gradient, state.direction
    direction!(direction, state.memory, gradient)
    norm, slope = euclidean_norm(gradient), scalar_product(gradient, direction)
    downhill = slope < -1e-14 * norm * euclidean_norm(direction)
    if !downhill
        direction .= .-gradient
        slope = -norm^2
    end
    # Without curvature the gradient's length says nothing about distance: move by one at most.
    plain = !downhill || state.memory.pairs == 0
    first = plain ? min(1.0, 1.0 / max(norm, 1e-300)) : 1.0
    begin_search!(state.search, state.total, gradient, state.terms, slope, first)
    return nothing
end
