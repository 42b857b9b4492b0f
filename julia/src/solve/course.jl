# The times of a solve: where it starts, ends and must stop.

"""
The times of one solve on the solver's clock: from `start` to the last of `times[first .+ (1:K)]`, by steps of `dt`
where they are fixed. Other steps end at `stops` too. At `jumps` the vector field jumps. At `events` something happens,
as the `rows` say, one after the other.
"""
struct Course
    start::Float64
    times::Vector{Float64}
    first::Int
    dt::Float64
    stops::Vector{Float64}
    jumps::Vector{Float64}
    events::Vector{Float64}
    rows::Vector{Float64}
end

"Times that differ by less than this, relative to the largest, are one; as in `unideq.engine.stops`."
const ROUNDING = 1e-14

"A jump this part of a fixed step beside the end of one is at its end; as in `unideq.engine.clock`."
const ON_GRID = 1e-9

"Times of a solve that differ by less are one."
slack(course::Course, stop::Float64, fixed::Bool) =
    ROUNDING * max(abs(course.start), abs(stop)) + (fixed ? ON_GRID * course.dt : 0.0)

"Where the solve from `now` on must begin anew: at the next jump (of fixed steps, one that they meet), or at the end."
next_jump(course::Course, now::Float64, stop::Float64, fixed::Bool) = next_end(course, course.jumps, now, stop, fixed)

"The first of the times `ends` after `now`, of fixed steps the first that they meet; or the last time."
function next_end(course::Course, ends::Vector{Float64}, now::Float64, stop::Float64, fixed::Bool)
    isempty(ends) && return stop
    same = slack(course, stop, fixed)
    for k in searchsortedfirst(ends, now + same):length(ends)
        jump = ends[k]
        jump < stop - same || return stop
        jump > now + same || continue
        fixed && abs(now + round((jump - now) / course.dt) * course.dt - jump) > same && continue
        return jump
    end
    return stop
end

"The stops strictly between two times."
function stops_between(stops::Vector{Float64}, low::Float64, high::Float64)
    same = ROUNDING * max(abs(low), abs(high))
    first, last = searchsortedlast(stops, low + same) + 1, searchsortedfirst(stops, high - same) - 1
    return view(stops, first:last)
end

stops_between(course::Course, low::Float64, high::Float64) = stops_between(course.stops, low, high)

"The stops and the times of output: for methods whose dense output, of third order, isn't worth their steps."
with_outputs(course::Course, count::Int) =
    sort!(unique!([course.stops; view(course.times, course.first+1:course.first+count)]))
