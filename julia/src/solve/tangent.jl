# Forward mode through the recorded Runge–Kutta steps, step sizes being constants.

"Buffers of forward mode, for one thread."
struct TangentBuffers
    slopes::Vector{Vector{Float64}}     # tangents of the stages' slopes
    before::Vector{Float64}             # tangent of the state before the step
    after::Vector{Float64}              # and after it
    state::Vector{Float64}
    moved::Vector{Float64}              # tangent of the state of a stage
    weights::Vector{Float64}
end

TangentBuffers(n::Int, stages::Int) =
    TangentBuffers([zeros(n) for _ in 1:stages], zeros(n), zeros(n), zeros(n), zeros(n), zeros(stages))

"Carry the tangent `before` of a step's beginning to its end, `after`, and to its slopes."
function push_step!(s::RecordedSolve, tableau::Tableau, b::TangentBuffers, step::Int)
    tape, h = s.tape, s.tape.h[step]
    reuse = tableau.fsal && !tape.fresh[step]
    reuse && copyto!(b.slopes[1], b.slopes[tableau.main])
    for i in (reuse ? 2 : 1):recorded_stages(tape, tableau, step)
        copyto!(b.moved, b.before)
        for l in tableau.rows[i]
            add_scaled!(b.moved, h * tableau.a[i, l], b.slopes[l])
        end
        stage_state!(b.state, tape, tableau, step, i)
        push_stage!(s, s.history, step, i, b.state, b.moved, b.slopes[i])
    end
    copyto!(b.after, b.before)
    for i in 1:tableau.main
        tableau.b[i] == 0.0 || add_scaled!(b.after, h * tableau.b[i], b.slopes[i])
    end
    return nothing
end
