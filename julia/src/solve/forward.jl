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
    solve!(integrator, field, settings, tableau, tape, course, states, buffers, happening, consistency)

Solve from `buffers.u0` along a `Course` and write the states at its times to columns `first .+ (1:K)` of `states`,
K = `length(tape.where)`. With a tableau the steps go on the tape. Returns the status and the statistics.

From jump to jump it is a solve of its own, which sees its own side of both. Newton iterations begin anew at every stop:
what they know of their convergence doesn't hold behind a kink. With `happening` the state changes at events on the way.
With `consistency` the algebraic states follow the others at the start, and behind every jump.
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
    happening::Union{Nothing,Happening} = nothing,
    consistency::Union{Nothing,Consistency} = nothing,
)
    n, count, times, first = tape.n, length(tape.where), course.times, course.first
    start, stop = course.start, times[first+count]
    field.evaluations = 0
    reset!(tape, buffers.u0)
    field.history === nothing || begin_history!(field.history, tape)
    all(isfinite, buffers.u0) || return NONFINITE, Statistics()
    fixed, newton = settings.method.fixed, iterates(settings.method)
    ends = newton ? course.stops : course.jumps
    tape.margin = isempty(course.jumps) ? 0.0 : 2.0 * slack(course, stop, fixed)
    if consistency !== nothing
        see_between!(field, start, next_end(course, ends, start, stop, fixed), tape.margin)
        make_consistent!(consistency, buffers.u0, field, start, tape) || return NO_CONVERGENCE, Statistics()
    end
    done = 0
    while done < count && times[first+done+1] <= start
        done += 1
        tape.where[done], tape.fraction[done] = tape.steps, 1.0
        copyto!(states, n * (first + done - 1) + 1, buffers.u0, 1, n)
    end
    done == count && return SUCCESS, Statistics(0, 0, 0, 0, count)
    stops = ends_at_outputs(settings.method) ? with_outputs(course, count) : course.stops
    limit = settings.max_steps + length(stops)      # steps that end at a forcing's knots, or at an output, don't count
    attempts = accepted = 0
    code, now, begun, endless = ReturnCode.Success, start, buffers.u0, false
    same, span = slack(course, stop, fixed), max(abs(start), abs(stop))
    watched = happening === nothing ? nothing : happening.watched
    if happening !== nothing
        begin_events!(happening)
        begun = copyto!(happening.u, begun)
        happen_known!(happening, course, now, same, tape, tableau !== nothing)
        watched === nothing || begin_watch!(watched, happening.p, begun, now, span)
    end
    while now < stop && !endless
        next = next_end(course, ends, now, stop, fixed)
        watched === nothing || watched.target >= next || (next = watched.target)
        see_between!(field, now, next, tape.margin)
        if consistency !== nothing && now > start
            begun = copyto!(buffers.state, begun)
            if !make_consistent!(consistency, begun, field, now, tape)
                code = ReturnCode.ConvergenceFailure
                break
            end
        end
        inside = stops_between(stops, now, next)
        again = now > start
        verdict = :keep
        restart!(integrator, begun, now, next, course.dt, inside, limit - attempts, again && !newton)
        begin_steps!(field)
        fresh = true
        while integrator.t < next
            before = integrator.t
            watched === nothing || copyto!(watched.before, integrator.u)
            code = step!(integrator)
            code in (ReturnCode.Success, ReturnCode.Default) || break
            accepted += 1
            if watched !== nothing
                verdict = look!(happening, integrator, field, tableau, tape, before, fresh, same, buffers)
                if verdict !== :keep
                    now, endless = before, verdict === :endless
                    break
                end
            end
            if tableau === nothing
                done = observe_solver!(states, integrator, times, first, done, count, n, buffers)
            else
                watched === nothing && record_step!(tape, tableau, integrator, field, before, fresh)
                field.history === nothing || remember_step!(field.history, field, buffers)
                next_step!(field)
                done = observe_tape!(states, tape, tableau, times, first, done, count, integrator.t, field, buffers)
            end
            fresh = false
        end
        attempts += integrator.iter
        code in (ReturnCode.Success, ReturnCode.Default) || break
        if verdict === :back
            begun = copyto!(happening.u, watched.before)
            continue
        end
        endless && break
        now = next
        begun = happening === nothing ? integrator.u : copyto!(happening.u, integrator.u)
        if happening !== nothing
            crossed = watched !== nothing && watched.hunted > 0 && now >= watched.target - same
            crossed && (endless = fire!(happening, now, span, tape, tableau !== nothing))
            known = now < stop - same && happen_known!(happening, course, now, same, tape, tableau !== nothing)
            (crossed || known) && watched !== nothing && begin_watch!(watched, happening.p, begun, now, span)
        end
    end
    endless && return ENDLESS, Statistics(min(attempts, limit), accepted, 0, field.evaluations, done)
    attempts = min(attempts, limit)
    while done > 0 && !all(isfinite, view(states, n*(first+done-1)+1:n*(first+done)))
        done -= 1
    end
    statistics = Statistics(attempts, accepted, attempts - accepted, field.evaluations, done)
    return status_of(code, all(isfinite, integrator.u)), statistics
end

"The step just made, with a tape where there is a tableau; taken off it again where it isn't kept."
function look!(
    happening::Happening, integrator, field::Field, tableau, tape::Tape, before::Float64, fresh::Bool, same::Float64,
    buffers::Buffers,
)
    w, now = happening.watched::Watched, integrator.t
    if tableau === nothing
        dense!(state, fraction) = integrator(state, before + fraction * (now - before))
        return look!(w, happening.p, dense!, integrator.u, before, now, same)
    end
    step = record_step!(tape, tableau, integrator, field, before, fresh)
    function recorded!(state, fraction)
        tape.extended[step] || extend!(tape, tableau, step, field, buffers.state, buffers.slope)
        output_weights!(buffers.weights, tableau, fraction)
        dense_state!(state, tape, step, buffers.weights, output_scale(tableau, tape.h[step]))
    end
    verdict = look!(w, happening.p, recorded!, integrator.u, before, now, same)
    verdict === :keep || (tape.steps -= 1)
    return verdict
end

function record_step!(tape::Tape, tableau, integrator, field::Field, before::Float64, fresh::Bool)
    slopes = recorded_slopes(tableau, integrator, field)
    return record!(tape, before, integrator.t - before, integrator.u, slopes, fresh)
end

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
