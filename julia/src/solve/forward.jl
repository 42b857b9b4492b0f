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
    solve!(integrator, field, settings, tableau, tape, times, first, dt, start, states, buffers)

Solve from `buffers.u0` at `start` to the last of `times[first .+ (1:K)]`, K = `length(tape.where)`, and write the
states there to columns `first .+ (1:K)` of `states`. With a tableau the steps go on the tape. Returns the status and
the statistics.
"""
function solve!(
    integrator,
    field::Field,
    settings::Settings,
    tableau,
    tape::Tape,
    times::Vector{Float64},
    first::Int,
    dt::Float64,
    start::Float64,
    states::Vector{Float64},
    buffers::Buffers,
)
    n, count = tape.n, length(tape.where)
    stop = times[first+count]
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
    restart!(integrator, buffers.u0, start, stop, dt)
    begin_steps!(field)
    accepted = 0
    code = ReturnCode.Success
    while integrator.t < stop
        before = integrator.t
        code = step!(integrator)
        code in (ReturnCode.Success, ReturnCode.Default) || break
        accepted += 1
        if tableau === nothing
            done = observe_solver!(states, integrator, times, first, done, count, n, buffers)
        else
            record!(tape, before, integrator.t - before, integrator.u, recorded_slopes(tableau, integrator, field))
            next_step!(field)
            done = observe_tape!(states, tape, tableau, times, first, done, count, integrator.t, field, buffers)
        end
    end
    attempts = min(integrator.iter, settings.max_steps)
    while done > 0 && !all(isfinite, view(states, n*(first+done-1)+1:n*(first+done)))
        done -= 1
    end
    statistics = Statistics(attempts, accepted, attempts - accepted, field.evaluations, done)
    return status_of(code, all(isfinite, integrator.u)), statistics
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
