# Delays: what a solve reads of its own past, by the dense output of the steps on its tape, and derivatives through that.
# Steps are no longer than the least delay, so that the past is known (the method of steps).

"""
For one thread, the delays and how many components of the state are read so long before, the first ones. The body reads
them behind the state, one delay after the other: `wide`. Before the start the state was what it is there.

`bound` is the last step that may be read. `before` and `slopes` are cotangents that reads have left on the steps' states
before and slopes, laid out as on the tape, and `first` those on the state at the start; in forward mode their tangents.
"""
mutable struct History
    const delays::Vector{Float64}
    const read::Int
    const wide::Vector{Float64}
    const moved::Vector{Float64}        # cotangent or tangent of `wide`
    const weights::Vector{Float64}
    const before::Vector{Float64}
    const slopes::Vector{Float64}
    const first::Vector{Float64}
    tape::Tape
    tableau::Tableau
    bound::Int
end

function History(delays::Vector{Float64}, read::Int, n::Int, tableau)
    isempty(delays) && return nothing
    wide, s = n + read * length(delays), stages(tableau)
    return History(
        delays, read, zeros(wide), zeros(wide), zeros(s), Float64[], Float64[], zeros(n), Tape(n, s, 0), tableau, 0,
    )
end

"The longest step of a field."
longest_step(field::Field) = field.history === nothing ? Inf : minimum((field.history::History).delays)

begin_history!(h::History, tape::Tape) = (h.tape = tape; h.bound = 0; nothing)

"The step just recorded may be read."
function remember_step!(h::History, field::Field, buffers)
    tape, step = h.tape, h.tape.steps
    tape.extended[step] || extend!(tape, h.tableau, step, field, buffers.state, buffers.slope)
    h.bound = step
    return nothing
end

"The recorded step, at most `bound`, in which a time is, and at which fraction; step 0: the start, or before."
function place_of(tape::Tape, time::Float64, bound::Int)
    (bound == 0 || time <= tape.t[1]) && return 0, 0.0
    step = searchsortedlast(tape.t, time, 1, bound, Base.Order.Forward)
    return step, min(1.0, (time - tape.t[step]) / tape.h[step])
end

"""
    read!(history, to, t, bound, u, k, first)

For every delay at time `t`: `to` gets, behind the state, what the steps say of the past; `u` and `k` are the values or
tangents of their states before and slopes, and `first` that of the state at the start.
"""
function read!(h::History, to::Vector{Float64}, t::Float64, bound::Int, u, k, first)
    tape, tableau, at = h.tape, h.tableau, h.tape.n
    for delay in h.delays
        step, fraction = place_of(tape, t - delay, bound)
        if step == 0
            copyto!(to, at + 1, first, 1, h.read)
        else
            output_weights!(h.weights, tableau, fraction)
            scale = output_scale(tableau, tape.h[step])
            copyto!(to, at + 1, u, state_offset(tape, step) + 1, h.read)
            for j in 1:recorded_stages(tape, tableau, step)
                w, from = scale * h.weights[j], slope_offset(tape, step, j)
                w == 0.0 && continue
                @inbounds for r in 1:h.read
                    to[at+r] = muladd(w, k[from+r], to[at+r])
                end
            end
        end
        at += h.read
    end
    return nothing
end

"The state at `t` and, behind it, those of the past."
function look_back!(h::History, u::Vector{Float64}, t::Float64, bound::Int)
    copyto!(h.wide, u)
    read!(h, h.wide, t, bound, h.tape.u, h.tape.k, h.tape.u)
    return h.wide
end

function evaluate!(du::Vector{Float64}, u::Vector{Float64}, field::Field, h::History, t::Float64)
    x = look_back!(h, u, t, h.bound)
    run!(field.body, seen_time(field, t); x, field.p, y = du)
    return nothing
end

# ---- derivatives ----------------------------------------------------------------------------------------------------

begin_past!(::Nothing, tape::Tape, first) = nothing

"Nothing is left on the steps yet; `first` is on the state at the start."
function begin_past!(h::History, tape::Tape, first)
    h.tape = tape
    fill!(resize!(h.before, tape.n * (tape.steps + 1)), 0.0)
    fill!(resize!(h.slopes, tape.n * tape.stages * tape.steps), 0.0)
    copyto!(h.first, first)
    return nothing
end

"The body's vjp at a stage of a step, from the cotangent `dy` of its slope to that of the state, `dx`, and what that leaves."
function pull_stage!(s, h::History, step::Int, stage::Int, state, dy, dx)
    tape, c = s.tape, s.tableau.c[stage]
    t = tape.t[step] + c * tape.h[step]
    x = look_back!(h, state, t, step - 1)
    run!(s.body, step_time(tape, step, c); x, s.p, dy, dx = h.moved, s.dp)
    copyto!(dx, 1, h.moved, 1, tape.n)
    at = tape.n
    for delay in h.delays
        from, fraction = place_of(tape, t - delay, step - 1)
        if from == 0
            @inbounds for r in 1:h.read
                h.first[r] += h.moved[at+r]
            end
        else
            output_weights!(h.weights, s.tableau, fraction)
            scale = output_scale(s.tableau, tape.h[from])
            add_at!(h.before, state_offset(tape, from), 1.0, h, at)
            for j in 1:recorded_stages(tape, s.tableau, from)
                add_at!(h.slopes, slope_offset(tape, from, j), scale * h.weights[j], h, at)
            end
        end
        at += h.read
    end
    return nothing
end

"y[to .+ …] .+= w .* what moved behind `at`"
@inline function add_at!(y::Vector{Float64}, to::Int, w::Float64, h::History, at::Int)
    w == 0.0 && return nothing
    @inbounds for r in 1:h.read
        y[to+r] = muladd(w, h.moved[at+r], y[to+r])
    end
    return nothing
end

"What later steps have left on a step."
pull_past!(::Nothing, s, step::Int) = nothing

function pull_past!(h::History, s, step::Int)
    b, tape = s.buffers, s.tape
    add_scaled!(b.before, 1.0, h.before, state_offset(tape, step))
    for j in 1:recorded_stages(tape, s.tableau, step)
        add_slope!(b, j, 1.0, h.slopes, slope_offset(tape, step, j))
    end
    return nothing
end

"The body's jvp at a stage of a step, from the tangent `dx` of its state to that of its slope, `dy`."
function push_stage!(s, h::History, step::Int, stage::Int, state, dx, dy)
    tape, c = s.tape, s.tableau.c[stage]
    t = tape.t[step] + c * tape.h[step]
    x = look_back!(h, state, t, step - 1)
    copyto!(h.moved, dx)
    read!(h, h.moved, t, step - 1, h.before, h.slopes, h.first)
    run!(s.body, step_time(tape, step, c); x, s.p, dx = h.moved, s.dp, dy)
    return nothing
end

"Later steps may read a step's tangents."
push_past!(::Nothing, s, step::Int) = nothing

function push_past!(h::History, s, step::Int)
    b, tape = s.buffers, s.tape
    copyto!(h.before, state_offset(tape, step) + 1, b.before, 1, tape.n)
    for j in 1:recorded_stages(tape, s.tableau, step)
        copyto!(h.slopes, slope_offset(tape, step, j) + 1, b.slopes[j], 1, tape.n)
    end
    return nothing
end

# A stage without a past.
pull_stage!(s, ::Nothing, step::Int, stage::Int, state, dy, dx) =
    run!(s.body, step_time(s.tape, step, s.tableau.c[stage]); x = state, s.p, dy, dx, s.dp)

push_stage!(s, ::Nothing, step::Int, stage::Int, state, dx, dy) =
    run!(s.body, step_time(s.tape, step, s.tableau.c[stage]); x = state, s.p, dx, s.dp, dy)
