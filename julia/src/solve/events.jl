# What happens to the state on the way: at known times, and where functions of it cross zero.

"""
Functions whose crossings of zero are events, for one thread: `level` computes them, `rate` their derivatives along the
solution. `numbers` are the events, `directions` the signs of the slopes that count (0: either).

`signs` are those of the functions on the side of zero where the step at hand began. Where one of them changes within a
step, that is made again up to the crossing (`target`, of the `hunted` function), so that the state there has the
method's order, not its dense output's.
"""
mutable struct Watched
    const level::Runner
    const rate::Runner
    const numbers::Vector{Int}
    const directions::Vector{Int}
    const signs::Vector{Float64}
    const running::Vector{Float64}      # signs within a step
    const levels::Vector{Float64}
    const rates::Vector{Float64}
    const fired::Vector{Bool}
    const before::Vector{Float64}       # state before the step at hand
    const state::Vector{Float64}
    const found::Vector{Float64}        # time, number and state before, one crossing after the other
    target::Float64
    hunted::Int
    tries::Int
    latest::Float64                     # crossing
    crowded::Int                        # crossings in a row that are next to no time apart
end

function Watched(level::Runner, rate::Runner, numbers::Vector{Int}, directions::Vector{Int}, n::Int)
    m = length(numbers)
    return Watched(
        level, rate, numbers, directions, (zeros(m) for _ in 1:4)..., zeros(Bool, m), zeros(n), zeros(n), Float64[], Inf,
        0, 0, -Inf, 0,
    )
end

"What happens to a state, for one thread: `jump` makes the one after from the one before and from `e`, which event it is."
struct Happening
    jump::Runner
    p::Vector{Float64}
    e::Vector{Float64}
    u::Vector{Float64}
    after::Vector{Float64}
    watched::Union{Nothing,Watched}
end

"Fractions of a step at which crossings are looked for: this many, to its end."
const LOOKS = 4

"Crossings nearer than this, relative to the times of a solve, are next to no time apart."
const CROWDED = 1e-10

"So many in a row are without end."
const MOST_CROWDED = 3

"Forget the solve before."
function begin_events!(h::Happening)
    w = h.watched
    w === nothing && return nothing
    empty!(w.found)
    w.target, w.hunted, w.tries, w.latest, w.crowded = Inf, 0, 0, -Inf, 0
    fill!(w.fired, false)
    return nothing
end

"One event: `h.u` becomes the state after it."
function happen!(h::Happening, t::Float64, tape::Tape, recorded::Bool)
    run!(h.jump, t; x = h.u, h.p, v = h.e, y = h.after)
    copyto!(h.u, h.after)
    recorded && record_jump!(tape, t, h.u, h.e)
    return nothing
end

"All events that are known to be at `now`, one after the other; whether there were any."
function happen_known!(h::Happening, course::Course, now::Float64, same::Float64, tape::Tape, recorded::Bool)
    width, any = length(h.e), false
    for k in searchsortedfirst(course.events, now - same):length(course.events)
        course.events[k] <= now + same || break
        copyto!(h.e, 1, course.rows, width * (k - 1) + 1, width)
        happen!(h, now, tape, recorded)
        any = true
    end
    return any
end

# ---- crossings ------------------------------------------------------------------------------------------------------

levels!(w::Watched, p::Vector{Float64}, u::Vector{Float64}, t::Float64) = (run!(w.level, t; x = u, p, y = w.levels); w.levels)
rates!(w::Watched, p::Vector{Float64}, u::Vector{Float64}, t::Float64) = (run!(w.rate, t; x = u, p, y = w.rates); w.rates)

"On which sides of zero the functions are at `t`; one that just crossed, or is zero, is where it goes."
function begin_watch!(w::Watched, p::Vector{Float64}, u::Vector{Float64}, t::Float64, span::Float64)
    levels!(w, p, u, t)
    rates!(w, p, u, t)
    for i in eachindex(w.signs)
        level, rate = w.levels[i], w.rates[i]
        near = level == 0.0 || (w.fired[i] && abs(level) <= 1e-9 * span * abs(rate))
        w.signs[i] = near && rate != 0.0 ? sign(rate) : sign(level)
    end
    fill!(w.fired, false)
    w.target, w.hunted = Inf, 0
    return nothing
end

"Whether function i, now at `level`, has crossed zero from the side `from` in a direction that counts."
crossed(w::Watched, i::Int, from::Float64, level::Float64) =
    from * level < 0.0 && (w.directions[i] == 0 || w.directions[i] == -sign(from))

"""
    look!(watched, p, dense!, u, before, now, same)

What the step from `before` to `now`, where the state is `u`, means: `:keep` it, or make it again (`:back`) up to
`watched.target`; `:endless` where crossings crowd. `dense!(state, fraction)` is the state within it.
"""
function look!(w::Watched, p::Vector{Float64}, dense!, u::Vector{Float64}, before::Float64, now::Float64, same::Float64)
    if w.hunted > 0
        now < w.target - same && return :keep
        levels!(w, p, u, now)
        rates!(w, p, u, now)
        late = -w.levels[w.hunted] / w.rates[w.hunted]
        (abs(late) <= 4.0 * same || !isfinite(late) || w.tries >= 6) && return :keep
        w.target = clamp(w.target + late, before + 0.1 * (now - before), now + 0.5 * (now - before))
        w.tries += 1
        return :back
    end
    copyto!(w.running, w.signs)
    h = now - before
    for k in 1:LOOKS
        k < LOOKS ? dense!(w.state, k / LOOKS) : copyto!(w.state, u)
        levels!(w, p, w.state, before + h * k / LOOKS)
        best = Inf
        for i in eachindex(w.running)
            if crossed(w, i, w.running[i], w.levels[i])
                fraction = crossing(w, p, dense!, i, (k - 1) / LOOKS, k / LOOKS, before, h)
                fraction < best && ((best, w.hunted) = (fraction, i))
            end
        end
        if best < Inf
            w.target, w.tries = before + best * h, 0
            best * h > same && return :back
            return :endless
        end
        for i in eachindex(w.running)
            w.levels[i] == 0.0 || (w.running[i] = sign(w.levels[i]))
        end
    end
    copyto!(w.signs, w.running)
    return :keep
end

"Where function i crosses zero between two fractions of a step, by bisection along its dense output."
function crossing(w::Watched, p::Vector{Float64}, dense!, i::Int, low::Float64, high::Float64, before::Float64, h::Float64)
    from, levels = w.running[i], copy(w.levels)
    for _ in 1:60
        middle = 0.5 * (low + high)
        low < middle < high || break
        dense!(w.state, middle)
        levels!(w, p, w.state, before + middle * h)
        from * w.levels[i] > 0.0 ? (low = middle) : (high = middle)
    end
    copyto!(w.levels, levels)
    return high
end

"The crossings at `now`, where a hunt ended: what happens at each of them. Whether they crowd."
function fire!(h::Happening, now::Float64, span::Float64, tape::Tape, recorded::Bool)
    w = h.watched::Watched
    levels!(w, h.p, h.u, now)
    rates!(w, h.p, h.u, now)
    for i in eachindex(w.fired)
        toward = w.rates[i] * w.signs[i] < 0.0 && (w.directions[i] == 0 || w.directions[i] == -sign(w.signs[i]))
        w.fired[i] = i == w.hunted || (toward && abs(w.levels[i]) <= 1e-12 * span * abs(w.rates[i]))
    end
    for i in findall(w.fired)
        fill!(h.e, 0.0)
        h.e[1] = w.numbers[i]
        push!(w.found, now, w.numbers[i])
        append!(w.found, h.u)
        happen!(h, now, tape, recorded)
    end
    w.crowded = now - w.latest <= CROWDED * span ? w.crowded + 1 : 0
    w.latest = now
    return w.crowded >= MOST_CROWDED
end
