# One solve: step by step, with every observation taken from the dense output of the step it lies in.

"What a solve counts: attempted, accepted and rejected steps, evaluations of the right-hand side; times it reached."
struct Statistics
    steps::Int
    accepted::Int
    rejected::Int
    evaluations::Int
    reached::Int
end

Statistics() = Statistics(0, 0, 0, 0, 0)

"Buffers of one thread for one integration."
struct Buffers
    u0::Vector{Float64}
    state::Vector{Float64}
    slope::Vector{Float64}
    weights::Vector{Float64}
end

Buffers(n::Int, stages::Int) = Buffers(zeros(n), zeros(n), zeros(n), zeros(stages))

"""
The times of one solve on the solver's clock: from `start` to the last of `times[first .+ (1:K)]`, by steps of `dt`
where they are fixed. Other steps end at `stops` too. At `jumps` the vector field jumps.
"""
struct Course
    start::Float64
    times::Vector{Float64}
    first::Int
    dt::Float64
    stops::Vector{Float64}
    jumps::Vector{Float64}
end

"""
    solve!(integrator, field, settings, tableau, tape, course, states, buffers)

Solve from `buffers.u0` along a `Course` and write the states at its times to columns `first .+ (1:K)` of `states`,
K = `length(tape.where)`. With a tableau the steps go on the tape. Returns the status and the statistics.

From jump to jump it is a solve of its own, which sees its own side of both. Newton iterations begin anew at every stop:
what they know of their convergence doesn't hold behind a kink.
"""
function solve!(
    integrator,
    field::Field,
    settings::Settings,
    tableau,
    tape::Tape,
    course::Course,
    states::Vector{Float64},
    buffers::Buffers,
)
    n, count, times, first = tape.n, length(tape.where), course.times, course.first
    start, stop = course.start, times[first+count]
    field.evaluations = 0
    reset!(tape, buffers.u0)
    done = 0
    while done < count && times[first+done+1] <= start
        done += 1
        tape.where[done], tape.fraction[done] = 0, 0.0
        copyto!(states, n * (first + done - 1) + 1, buffers.u0, 1, n)
    end
    all(isfinite, buffers.u0) || return NONFINITE, Statistics()
    done == count && return SUCCESS, Statistics(0, 0, 0, 0, count)
    fixed, newton = settings.method.fixed, iterates(settings.method)
    ends = newton ? course.stops : course.jumps
    tape.margin = isempty(course.jumps) ? 0.0 : 2.0 * slack(course, stop, fixed)
    stops = ends_at_outputs(settings.method) ? with_outputs(course, count) : course.stops
    limit = settings.max_steps + length(stops)      # steps that end at a forcing's knots, or at an output, don't count
    attempts = accepted = 0
    code, now = ReturnCode.Success, start
    while now < stop
        next = next_end(course, ends, now, stop, fixed)
        see_between!(field, now, next, tape.margin)
        inside = stops_between(stops, now, next)
        again = now > start
        begun = again ? integrator.u : buffers.u0
        restart!(integrator, begun, now, next, course.dt, inside, limit - attempts, again && !newton)
        begin_steps!(field)
        fresh = true
        while integrator.t < next
            before = integrator.t
            code = step!(integrator)
            code in (ReturnCode.Success, ReturnCode.Default) || break
            accepted += 1
            if tableau === nothing
                done = observe_solver!(states, integrator, times, first, done, count, n, buffers)
            else
                slopes = recorded_slopes(tableau, integrator, field)
                record!(tape, before, integrator.t - before, integrator.u, slopes, fresh)
                next_step!(field)
                done = observe_tape!(states, tape, tableau, times, first, done, count, integrator.t, field, buffers)
            end
            fresh = false
        end
        attempts += integrator.iter
        code in (ReturnCode.Success, ReturnCode.Default) || break
        now = next
    end
    attempts = min(attempts, limit)
    while done > 0 && !all(isfinite, view(states, n*(first+done-1)+1:n*(first+done)))
        done -= 1
    end
    statistics = Statistics(attempts, accepted, attempts - accepted, field.evaluations, done)
    return status_of(code, all(isfinite, integrator.u)), statistics
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

"The slopes of the step just made, stage by stage."
recorded_slopes(::Tableau, integrator, field::Field) = field.slopes
recorded_slopes(::RosenbrockTableau, integrator, field::Field) = integrator.cache.ks

"Take the observations up to `now` from the last step on the tape."
function observe_tape!(
    states,
    tape::Tape,
    tableau::Union{Tableau,RosenbrockTableau},
    times::Vector{Float64},
    first::Int,
    done::Int,
    count::Int,
    now::Float64,
    field::Field,
    buffers::Buffers,
)
    n, step = tape.n, tape.steps
    while done < count && times[first+done+1] <= now
        done += 1
        tape.where[done] = step
        time = times[first+done]
        if time == now
            tape.fraction[done] = 1.0
            copyto!(states, n * (first + done - 1) + 1, tape.u, n * step + 1, n)
        else
            tape.extended[step] || extend!(tape, tableau, step, field, buffers.state, buffers.slope)
            fraction = tape.fraction[done] = (time - tape.t[step]) / tape.h[step]
            output_weights!(buffers.weights, tableau, fraction)
            dense_state!(buffers.state, tape, step, buffers.weights, output_scale(tableau, tape.h[step]))
            copyto!(states, n * (first + done - 1) + 1, buffers.state, 1, n)
        end
    end
    return done
end

"Take the observations up to the integrator's time from its own dense output."
function observe_solver!(states, integrator, times, first, done, count, n, buffers::Buffers)
    while done < count && times[first+done+1] <= integrator.t
        done += 1
        time = times[first+done]
        if time == integrator.t
            copyto!(states, n * (first + done - 1) + 1, integrator.u, 1, n)
        else
            integrator(buffers.state, time)
            copyto!(states, n * (first + done - 1) + 1, buffers.state, 1, n)
        end
    end
    return done
end
