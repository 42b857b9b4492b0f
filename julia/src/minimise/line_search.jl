# A strong-Wolfe line search as a state machine: each turn takes one evaluation and says where to look next.
#
# Nocedal & Wright 2006, algorithms 3.5 (bracketing) and 3.6 (zoom), with the approximate decrease condition of
# Hager & Zhang 2005 near the minimum, where values no longer resolve the decrease.

const WOLFE_DECREASE = 1e-4
const WOLFE_CURVATURE = 0.9
"Relative rise of the value within which the slope decides (Hager & Zhang's ε)."
const WOLFE_NOISE = 1e-6
const BRACKET_GROWTH = 2.5
"Relative width of the bracket below which a point with sufficient decrease is good enough."
const SHORTEST_BRACKET = 1e-5

"A step along the search direction: its length, the value there, and the slope."
struct Trial
    step::Float64
    total::Float64
    slope::Float64
end

"""
A line search. The next trial is `step`; the bracket reaches from `low` to `high`; `safe` is the best step of sufficient
decrease so far, 0 for none; `broken`: some trial wasn't finite.
"""
mutable struct LineSearch
    step::Float64
    turns::Int
    bracketed::Bool
    broken::Bool
    slope::Float64
    low::Float64
    low_total::Float64
    low_slope::Float64
    high::Float64
    high_total::Float64
    high_slope::Float64
    safe::Float64
    safe_total::Float64
    const safe_terms::Vector{Float64}
    const safe_gradient::Vector{Float64}
end

LineSearch(parameters::Int, terms::Int) =
    LineSearch(0.0, 0, false, false, zeros(9)..., zeros(terms), zeros(parameters))

"Begin along a direction of negative `slope` from a point of known value; the first trial is `step`."
function begin_search!(search::LineSearch, total, gradient, terms, slope, step)
    search.step, search.slope, search.turns = step, slope, 0
    search.bracketed = search.broken = false
    set_low!(search, Trial(0.0, total, slope))
    set_high!(search, Trial(0.0, total, slope))
    search.safe, search.safe_total = 0.0, total
    copyto!(search.safe_terms, terms)
    copyto!(search.safe_gradient, gradient)
    return search
end

low_end(s::LineSearch) = Trial(s.low, s.low_total, s.low_slope)
high_end(s::LineSearch) = Trial(s.high, s.high_total, s.high_slope)
set_low!(s::LineSearch, t::Trial) = ((s.low, s.low_total, s.low_slope) = (t.step, t.total, t.slope))
set_high!(s::LineSearch, t::Trial) = ((s.high, s.high_total, s.high_slope) = (t.step, t.total, t.slope))

"Minimiser of the cubic through two values and two slopes (Nocedal & Wright, equation 3.59)."
function cubic_minimiser(a::Trial, b::Trial)
    d1 = a.slope + b.slope - 3.0 * (a.total - b.total) / (a.step - b.step)
    root = real_sqrt(d1^2 - a.slope * b.slope) * sign(b.step - a.step)
    return b.step - (b.step - a.step) * (b.slope + root - d1) / (b.slope - a.slope + 2.0 * root)
end

"Next trial within a bracket: the cubic's minimiser where it lies well inside, else the middle."
function next_within(low::Trial, high::Trial)
    width = high.step - low.step
    # An end without a finite value tells nothing but that it is too far.
    isfinite(high.total) || return low.step + 0.2 * width
    fraction = (cubic_minimiser(low, high) - low.step) / width
    return low.step + (0.05 < fraction < 0.95 ? fraction : 0.5) * width
end

"""
Take the evaluation at `search.step` of a search that began at a value of `origin`.

Returns `(done, wolfe)`: whether the search is over, and whether this trial fulfils Wolfe's conditions. If it is over
without, the best point of sufficient decrease is `search.safe`, if there is one.
"""
function advance!(search::LineSearch, origin, value::LossValue, slope, longest::Int)
    step, first, finite = search.step, search.slope, value.finite
    total = finite ? value.total : Inf
    trial = Trial(step, total, finite ? slope : 0.0)
    near = total <= origin + WOLFE_NOISE * abs(origin) && trial.slope <= (2 * WOLFE_DECREASE - 1) * first
    enough = finite && (near || total <= origin + WOLFE_DECREASE * step * first)
    wolfe = enough && abs(trial.slope) <= WOLFE_CURVATURE * abs(first)

    too_far = !enough || (total >= search.low_total && search.turns > 0 && !near)
    past = !too_far &&
        (search.bracketed ? trial.slope * (search.high - search.low) >= 0 : trial.slope >= 0)
    past && set_high!(search, low_end(search))
    too_far ? set_high!(search, trial) : set_low!(search, trial)
    search.bracketed |= too_far || past
    search.broken |= !finite
    search.turns += 1
    if enough && (search.safe == 0 || total < search.safe_total)
        search.safe, search.safe_total = step, total
        copyto!(search.safe_terms, value.terms)
        copyto!(search.safe_gradient, value.gradient)
    end

    width = abs(search.high - search.low)
    narrow = search.bracketed && (
        (width <= SHORTEST_BRACKET * max(search.high, search.low) && search.safe > 0) || width <= 1e-16 * (1 + step)
    )
    search.step = search.bracketed ? next_within(low_end(search), high_end(search)) : BRACKET_GROWTH * step
    return wolfe || narrow || search.turns >= longest, wolfe
end
