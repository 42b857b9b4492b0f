# Gauss–Newton with Levenberg–Marquardt damping, one seed at a time: a turn is one Jacobian and one iteration.

"Steps tried with one Jacobian, each with more damping than the last."
const MOST_TRIALS = 30
"Least damping, as a fraction of the Gram matrix' largest diagonal entry: below it Cholesky may fail."
const DAMPING_FLOOR = 1e-15
"A promised decrease below this fraction of the total is a rounding error."
const RESOLVED = 1e-15
"Most that a good step takes from the damping."
const LEAST_FACTOR = 1 / 3
"Fraction of the step at which its curvature is measured."
const PROBE = 0.1

"""
Gauss–Newton steps on the total |R|² = Σ weight · mean of squares, damped after Nielsen (1999).

A step is δ₁ + δ₂: (JᵀJ + μI) δ₁ = −JᵀR, and the second-order correction along the geodesic (Transtrum & Sethna 2012,
arXiv:1201.5885, section 4), (JᵀJ + μI) δ₂ = −½ Jᵀ R″, R″ = ∂²R/∂t² (θ + tδ₁) by differences. δ₂ is left out where the
total is lower without. `arrays` are the residuals of every term.
"""
struct GaussNewton
    damping::Float64
    tolerance::Float64
    arrays::Vector{String}
end

"Where one seed stands; `damping` 0: not chosen yet."
mutable struct GaussNewtonState
    const theta::Vector{Float64}
    const best_theta::Vector{Float64}
    best_total::Float64
    iteration::Int
    finished::Int
    damping::Float64
    growth::Float64
end

start_state(::GaussNewton, parameters::Int, terms::Int) =
    GaussNewtonState(zeros(parameters), zeros(parameters), Inf, 0, 0, 0.0, 2.0)

"What one thread (and its helpers) needs for turns: R and its Jacobian, the Gram matrix and its Cholesky factor."
struct LeastSquares
    objective::CompiledObjective
    rows::ResidualRows
    terms::Vector{Float64}
    unread::Vector{Float64}             # the terms of trials
    r::Vector{Float64}
    j::Matrix{Float64}                  # (P, N)
    slope::Vector{Float64}
    gram::Matrix{Float64}
    factor::Matrix{Float64}
    first::Vector{Float64}
    both::Vector{Float64}
    trial::Vector{Float64}
    moved::Vector{Float64}              # R at a trial
    bend::Vector{Float64}
    solved::Vector{Float64}
end

function LeastSquares(objective::CompiledObjective, method::GaussNewton, threads::Int)
    rows = ResidualRows(objective, method.arrays; threads)
    n, p, t = rows.count, objective.parameters, length(objective.terms)
    size = min(n, p)
    return LeastSquares(
        objective, rows, zeros(t), zeros(t), zeros(n), zeros(p, n), zeros(p), zeros(size, size), zeros(size, size),
        zeros(p), zeros(p), zeros(p), zeros(n), zeros(n), zeros(n),
    )
end

worker_for(method::GaussNewton, objective, threads::Int) = LeastSquares(objective, method, threads)

"One turn of one seed: one Jacobian, and trials until one lowers the total."
function turn!(method::GaussNewton, state::GaussNewtonState, value, problem, w::LeastSquares, logs::Logs, seed::Int)
    weights = value.weighing === nothing ? w.objective.weights : value.weighing.weights
    residuals!(w.r, w.rows, weights, state.theta, w.terms)
    finite = all(isfinite, w.terms)
    finite && jacobian!(w.j, w.rows, weights, state.theta, problem.free)
    finite = finite && all(isfinite, w.j)
    total, logged = scalar_product(w.r, w.r), scalar_product(weights, w.terms)
    used, lost = 0.0, true
    finite && ((total, used, lost) = descend!(method, state, w, weights, total))
    norm = finite ? 2.0 * euclidean_norm(w.slope) : NaN
    log!(logs, seed, state.iteration, logged, w.terms, norm, used, used == 0.0)
    state.iteration += 1
    state.finished = !finite ? 2 : lost ? 1 : 0
    if finite && total < state.best_total
        state.best_total = total
        copyto!(state.best_theta, state.theta)
    end
    return nothing
end

"Move to a lower total: that total, the damping that led there (0: none), and whether no damping does."
function descend!(method::GaussNewton, state::GaussNewtonState, w::LeastSquares, weights, total::Float64)
    BLAS.gemv!('N', 1.0, w.j, w.r, 0.0, w.slope)
    2.0 * maximum(abs, w.slope; init = 0.0) < method.tolerance && return total, 0.0, true
    make_gram!(w)
    largest = largest_square(w.j)
    state.damping > 0 || (state.damping = method.damping * largest)
    for _ in 1:MOST_TRIALS
        damping = state.damping = max(state.damping, DAMPING_FLOOR * largest)
        if factorise!(w, damping)
            new = trial_step!(w, state.theta, weights)
            promised = damping * scalar_product(w.first, w.first) - scalar_product(w.first, w.slope)
            if new < total && promised > 0
                state.theta .+= w.both
                gain = (total - new) / promised
                state.damping *= clamp(1.0 - (2.0 * gain - 1.0)^3, LEAST_FACTOR, 2.0)
                state.growth = 2.0
                return new, damping, false
            end
            hopeless = promised <= RESOLVED * total
        else
            hopeless = false
        end
        state.damping *= state.growth
        state.growth *= 2.0
        hopeless && break
    end
    return total, 0.0, true
end

"The step δ₁ in `first`, the better of δ₁ and δ₁ + δ₂ in `both`; the total that it leads to."
function trial_step!(w::LeastSquares, theta::Vector{Float64}, weights)
    solve!(w.first, w, w.r)
    w.first .*= -1.0
    evaluate_at!(w, theta, PROBE, w.first, weights)
    BLAS.gemv!('T', 1.0, w.j, w.first, 0.0, w.bend)
    w.bend .= (2.0 / PROBE) .* ((w.moved .- w.r) ./ PROBE .- w.bend)
    solve!(w.both, w, w.bend)
    w.both .= w.first .- 0.5 .* w.both
    plain = evaluate_at!(w, theta, 1.0, w.first, weights)
    corrected = evaluate_at!(w, theta, 1.0, w.both, weights)
    corrected < plain && return corrected
    copyto!(w.both, w.first)
    return plain
end

"R at θ + c·step in `moved`; the total there, infinite where it isn't a number."
function evaluate_at!(w::LeastSquares, theta::Vector{Float64}, c::Float64, step::Vector{Float64}, weights)
    w.trial .= theta .+ c .* step
    residuals!(w.moved, w.rows, weights, w.trial, w.unread)
    total = scalar_product(w.moved, w.moved)
    return isnan(total) ? Inf : total
end

is_dual(w::LeastSquares) = size(w.j, 2) < size(w.j, 1)

"JᵀJ (P, P), or JJᵀ (N, N) where that is smaller; the lower triangle."
make_gram!(w::LeastSquares) = BLAS.syrk!('L', is_dual(w) ? 'T' : 'N', 1.0, w.j, 0.0, w.gram)

"Cholesky factor of the damped Gram matrix; whether it exists."
function factorise!(w::LeastSquares, damping::Float64)
    copyto!(w.factor, w.gram)
    for i in axes(w.factor, 1)
        w.factor[i, i] += damping
    end
    _, info = LAPACK.potrf!('L', w.factor)
    return info == 0
end

"out ← (JᵀJ + μI)⁻¹ Jᵀ r = Jᵀ (JJᵀ + μI)⁻¹ r"
function solve!(out::Vector{Float64}, w::LeastSquares, r::Vector{Float64})
    if is_dual(w)
        copyto!(w.solved, r)
        LAPACK.potrs!('L', w.factor, w.solved)
        BLAS.gemv!('N', 1.0, w.j, w.solved, 0.0, out)
    else
        BLAS.gemv!('N', 1.0, w.j, r, 0.0, out)
        LAPACK.potrs!('L', w.factor, out)
    end
    return out
end

"Largest diagonal entry of JᵀJ."
function largest_square(j::Matrix{Float64})
    largest = 0.0
    for k in axes(j, 1)
        row = view(j, k, :)
        largest = max(largest, scalar_product(row, row))
    end
    return largest
end
