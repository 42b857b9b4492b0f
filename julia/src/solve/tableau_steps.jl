# Steps of methods that come as coefficients: an integrator that `solve!` uses as it does OrdinaryDiffEq's.

"M/(hγ) − J of a Rosenbrock method, its k_i, and ∂f/∂t, for one thread; J and ∂f/∂t are those at the step's start."
struct StepMatrix{M<:ShiftedMatrix,D<:SolverDerivatives}
    derivatives::D
    matrix::M
    slopes::Vector{Vector{Float64}}
    rate::Vector{Float64}
end

function StepMatrix(d::SolverDerivatives, n::Int, stages::Int)
    return StepMatrix(d, shifted_matrix(d.jacobian.source), [zeros(n) for _ in 1:stages], zeros(n))
end

"Residuals of algebraic states, which are no slopes, don't count for the first step."
still!(x::Vector{Float64}, ::Nothing) = x

function still!(x::Vector{Float64}, m::StepMatrix)
    for r in m.derivatives.jacobian.source.algebraic
        x[r] = 0.0
    end
    return x
end

const Stops = SubArray{Float64,1,Vector{Float64},Tuple{UnitRange{Int}},true}

"""
The steps of one thread. The tableau's first stage is at the step's start; an explicit one's last is at its end, and the
next step's first. `attempt!` makes the state `next` and the error `wrong` of a step.
"""
mutable struct TableauIntegrator{T,S}
    const field::Field
    const tableau::T
    const matrix::S                     # of a Rosenbrock method
    const settings::Settings
    const u::Vector{Float64}
    const next::Vector{Float64}
    const wrong::Vector{Float64}
    const state::Vector{Float64}
    t::Float64
    dt::Float64
    origin::Float64
    stop::Float64
    stops::Stops
    passed::Int                         # stops, or fixed steps
    limit::Int
    iter::Int
    error::Float64                      # of the step before, for the controller
    fresh::Bool                         # whether J must be computed
end

function TableauIntegrator(field::Field, n::Int, settings::Settings, derivatives)
    tableau = settings.method.tableau
    matrix = tableau isa Tableau ? nothing : StepMatrix(derivatives, n, stages(tableau))
    return TableauIntegrator(
        field, tableau, matrix, settings, (zeros(n) for _ in 1:4)..., 0.0, 1.0, 0.0, 1.0, view(Float64[], 1:0), 0, 0, 0,
        0.0, true,
    )
end

function restart!(
    i::TableauIntegrator, u0::Vector{Float64}, start::Float64, stop::Float64, dt::Float64, stops, limit::Int, again::Bool,
)
    copyto!(i.u, u0)
    i.t = i.origin = start
    i.stop, i.stops, i.passed, i.limit, i.iter, i.fresh = stop, stops, 0, limit, 0, true
    begin_solve!(i, i.tableau)
    if i.settings.method.fixed
        i.dt = dt
    elseif !again
        i.dt, i.error = first_step!(i), 1e-4
    end
    return nothing
end

"Compute the first slope of the first step."
function begin_solve!(i::TableauIntegrator, ::Tableau)
    evaluate!(i.field.slopes[1], i.u, i.field, i.t)
    i.field.evaluations += 1
    i.field.latest = 1
    return nothing
end

begin_solve!(::TableauIntegrator, ::RosenbrockTableau) = nothing

"The first step's size: Hairer, Nørsett & Wanner, Solving ODEs I (1993), section II.4; as `unideq.engine.jax.first_step`."
function first_step!(i::TableauIntegrator)
    f0, f1, y, span = i.next, i.wrong, i.state, i.stop - i.origin
    evaluate!(f0, i.u, i.field, i.t)
    still!(f0, i.matrix)
    d0, d1 = scaled_size(i, i.u, i.u), scaled_size(i, f0, i.u)
    h0 = min(d0 < 1e-5 || d1 < 1e-5 ? 1e-6 : 0.01 * d0 / d1, span)
    copyto!(y, i.u)
    add_scaled!(y, h0, f0)
    evaluate!(f1, y, i.field, i.t + h0)
    still!(f1, i.matrix)
    i.field.evaluations += 2
    add_scaled!(f1, -1.0, f0)
    most = max(d1, scaled_size(i, f1, i.u) / h0)
    h1 = most <= 1e-15 ? max(1e-6, 1e-3h0) : (0.01 / most)^(1 / i.settings.method.order)
    h = min(100h0, h1, span)
    return isfinite(h) ? h : h0
end

"Root mean square of x in units of the tolerances of a state that was `u` and is `next`."
function scaled_size(i::TableauIntegrator, x::Vector{Float64}, next::Vector{Float64})
    sum = 0.0
    @inbounds for r in eachindex(x)
        sum += (x[r] / (tolerance(i.settings.atol, r) + i.settings.rtol * max(abs(i.u[r]), abs(next[r]))))^2
    end
    return sqrt(sum / length(x))
end

tolerance(atol::Float64, ::Int) = atol
tolerance(atol::Vector{Float64}, r::Int) = @inbounds atol[r]

"""
Make one step that is good enough. The step size follows the PI controller of OrdinaryDiffEq (Hairer & Wanner, Solving
ODEs II (1996), section IV.2).
"""
function SciMLBase.step!(i::TableauIntegrator)
    fixed, order = i.settings.method.fixed, i.settings.method.order
    while true
        i.iter >= i.limit && return ReturnCode.MaxIters
        i.iter += 1
        i.dt > 1e-15 * abs(i.t) || return ReturnCode.DtLessThanMin
        time, clipped = end_of_step(i, fixed)
        h = time - i.t
        attempt!(i, i.tableau, h)
        finite = all(isfinite, i.next)
        wrong = fixed ? 0.0 : finite ? scaled_size(i, i.wrong, i.next) : Inf
        shrunk = wrong^(7 / (10 * order))
        if !(wrong <= 1.0)
            i.dt = h / min(5.0, isfinite(shrunk) ? shrunk / 0.9 : 5.0)
            i.fresh = false
            continue
        end
        if !fixed
            wanted = h / clamp(shrunk / i.error^(2 / (5 * order)) / 0.9, 0.1, 5.0)
            i.dt = clipped ? max(i.dt, wanted) : wanted
            i.error = max(wrong, 1e-4)
        end
        (fixed || (clipped && time < i.stop)) && (i.passed += 1)
        copyto!(i.u, i.next)
        i.t, i.fresh = time, true
        return finite ? ReturnCode.Success : ReturnCode.Unstable
    end
end

"Where the next step ends, and whether that is a stop."
function end_of_step(i::TableauIntegrator, fixed::Bool)
    if fixed
        time = i.origin + (i.passed + 1) * i.dt
        return time > i.stop - 1e-6 * i.dt ? (i.stop, true) : (time, false)
    end
    stop = i.passed < length(i.stops) ? i.stops[i.passed+1] : i.stop
    return i.t + (1.0 + 1e-10) * i.dt >= stop ? (stop, true) : (i.t + i.dt, false)
end

function attempt!(i::TableauIntegrator, tableau::Tableau, h::Float64)
    slopes = i.field.slopes
    for stage in 2:tableau.main
        copyto!(i.next, i.u)
        for j in tableau.rows[stage]
            add_scaled!(i.next, h * tableau.a[stage, j], slopes[j])
        end
        evaluate!(slopes[stage], i.next, i.field, i.t + tableau.c[stage] * h)
        i.field.evaluations += 1
    end
    add_up!(i.wrong, h, i.settings.method.error, slopes)
    return nothing
end

function attempt!(i::TableauIntegrator, tableau::RosenbrockTableau, h::Float64)
    m, slopes = i.matrix, i.matrix.slopes
    jacobian = m.derivatives.jacobian
    moving = jacobian.source.moving
    if i.fresh
        evaluate!(jacobian, i.u, seen_time(i.field, i.t))
        m.derivatives.time(m.rate, i.u, i.field, i.t)
    end
    factorise!(m.matrix, jacobian.values, 1.0 / (h * tableau.gamma))
    for stage in 1:stages(tableau)
        copyto!(i.state, i.u)
        for j in 1:stage-1
            add_scaled!(i.state, tableau.a[stage, j], slopes[j])
        end
        slope = slopes[stage]
        evaluate!(slope, i.state, i.field, i.t + tableau.c[stage] * h)
        i.field.evaluations += 1
        add_scaled!(slope, h * tableau.d[stage], m.rate)
        for j in 1:stage-1
            add_moving!(slope, tableau.C[stage, j] / h, slopes[j], moving)
        end
        solve!(m.matrix, slope)
    end
    add_up!(i.next, 1.0, tableau.b, slopes)
    add_scaled!(i.next, 1.0, i.u)
    add_up!(i.wrong, 1.0, i.settings.method.error, slopes)
    return nothing
end

"x = h Σ_j weights_j slopes_j; zero where there are no weights."
function add_up!(x::Vector{Float64}, h::Float64, weights::Vector{Float64}, slopes::Vector{Vector{Float64}})
    fill!(x, 0.0)
    for j in eachindex(weights)
        add_scaled!(x, h * weights[j], slopes[j])
    end
    return x
end

recorded_slopes(::RosenbrockTableau, i::TableauIntegrator, ::Field) = i.matrix.slopes
