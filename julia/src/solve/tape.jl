# What a solve leaves behind for its derivatives.

"""
The steps of one solve: `t[i]`, `h[i]`, the state before (columns of `u`, with the final state as last column) and the
slopes of all stages (`k`, stage after stage, step after step). `extended[i]` says whether the stages of the dense
output were computed, `fresh[i]` whether its first slope was, though the method takes it from the step before
otherwise. At events, `jumps` are steps of no length with what `e` was (`rows`, `width` each); so are `made`, which
made algebraic states consistent. Observation j lies in step `where[j]` (0: at the start) at its fraction `fraction[j]`. Stages are evaluated by
`margin` inside their step.
"""
mutable struct Tape
    n::Int
    stages::Int
    steps::Int
    t::Vector{Float64}
    h::Vector{Float64}
    u::Vector{Float64}
    k::Vector{Float64}
    extended::Vector{Bool}
    fresh::Vector{Bool}
    where::Vector{Int}
    fraction::Vector{Float64}
    margin::Float64
    jumps::Vector{Int}
    rows::Vector{Float64}
    width::Int
    made::Vector{Int}
end

Tape(n::Int, stages::Int, times::Int) =
    Tape(
        n, stages, 0, Float64[], Float64[], zeros(n), Float64[], Bool[], Bool[], zeros(Int, times), zeros(times), 0.0,
        Int[], Float64[], 0, Int[],
    )

function reset!(tape::Tape, u0::Vector{Float64})
    tape.steps = 0
    empty!(tape.jumps)
    empty!(tape.rows)
    empty!(tape.made)
    copyto!(tape.u, 1, u0, 1, tape.n)
    return tape
end

"Record a step from `t` of size `h` that ended in `u` with these slopes of the main stages."
function record!(tape::Tape, t::Float64, h::Float64, u::Vector{Float64}, slopes::Vector{Vector{Float64}}, fresh::Bool)
    i = tape.steps += 1
    n, m = tape.n, tape.stages
    if length(tape.t) < i
        capacity = max(16, 2 * length(tape.t))
        resize!(tape.t, capacity)
        resize!(tape.h, capacity)
        resize!(tape.extended, capacity)
        resize!(tape.fresh, capacity)
        resize!(tape.u, n * (capacity + 1))
        resize!(tape.k, n * m * capacity)
    end
    @inbounds tape.t[i], tape.h[i], tape.extended[i], tape.fresh[i] = t, h, m == length(slopes), fresh
    copyto!(tape.u, n * i + 1, u, 1, n)
    offset = n * m * (i - 1)
    for slope in slopes
        copyto!(tape.k, offset + 1, slope, 1, n)
        offset += n
    end
    return i
end

"Record an event at `t` that left the state `u`; `e` says which it was."
function record_jump!(tape::Tape, t::Float64, u::Vector{Float64}, e::Vector{Float64})
    push!(tape.jumps, record!(tape, t, 0.0, u, NO_SLOPES, true))
    append!(tape.rows, e)
    tape.width = length(e)
    return nothing
end

"Record that algebraic states were made consistent at `t`, which left the state `u`."
function record_made!(tape::Tape, t::Float64, u::Vector{Float64})
    push!(tape.made, record!(tape, t, 0.0, u, NO_SLOPES, true))
    return nothing
end

const NO_SLOPES = Vector{Float64}[]

slope_offset(tape::Tape, step::Int, stage::Int) = tape.n * (tape.stages * (step - 1) + stage - 1)
state_offset(tape::Tape, step::Int) = tape.n * (step - 1)

"How many stages of a step are on the tape."
recorded_stages(tape::Tape, tableau::Tableau, step::Int) = tape.extended[step] ? stages(tableau) : tableau.main
recorded_stages(tape::Tape, tableau::RosenbrockTableau, step::Int) = stages(tableau)

"The time at a fraction of a recorded step, as the vector field saw it."
function step_time(tape::Tape, step::Int, fraction::Float64)
    t, h = tape.t[step], tape.h[step]
    time = t + fraction * h
    tape.margin == 0.0 && return time
    margin = min(tape.margin, 0.25h)
    return clamp(time, t + margin, t + h - margin)
end

"The state at which a stage of a recorded step was evaluated."
function stage_state!(y::Vector{Float64}, tape::Tape, tableau::Tableau, step::Int, stage::Int)
    n, h, base = tape.n, tape.h[step], state_offset(tape, step)
    @inbounds for r in 1:n
        y[r] = tape.u[base+r]
    end
    @inbounds for j in tableau.rows[stage]
        w, from = h * tableau.a[stage, j], slope_offset(tape, step, j)
        for r in 1:n
            y[r] = muladd(w, tape.k[from+r], y[r])
        end
    end
    return y
end

"Compute the slopes that only the dense output of a step needs."
function extend!(tape::Tape, tableau::Tableau, step::Int, field::Field, y::Vector{Float64}, slope::Vector{Float64})
    for stage in tableau.main+1:stages(tableau)
        stage_state!(y, tape, tableau, step, stage)
        evaluate!(slope, y, field, tape.t[step] + tableau.c[stage] * tape.h[step])
        field.evaluations += 1
        copyto!(tape.k, slope_offset(tape, step, stage) + 1, slope, 1, tape.n)
    end
    tape.extended[step] = true
    return nothing
end

"The state at a fraction of a recorded step, whose stages' weights are given, all to be multiplied by `scale`."
function dense_state!(y::Vector{Float64}, tape::Tape, step::Int, weights::Vector{Float64}, scale::Float64)
    n, base = tape.n, state_offset(tape, step)
    @inbounds for r in 1:n
        y[r] = tape.u[base+r]
    end
    @inbounds for j in eachindex(weights)
        w, from = scale * weights[j], slope_offset(tape, step, j)
        w == 0.0 && continue
        for r in 1:n
            y[r] = muladd(w, tape.k[from+r], y[r])
        end
    end
    return y
end
