# The discrete adjoint and forward mode of Rosenbrock methods: exact for the steps taken, step sizes being constants.
# Hairer & Wanner, Solving ODEs II (1996), section IV.7, in the form without products with the Jacobian:
#   (I/(hγ) − J) k_i = f(t + c_i h, Y_i) + h d_i ∂f/∂t + Σ_j (C_ij/h) k_j, Y_i = u + Σ_j a_ij k_j, u⁺ = u + Σ_i b_i k_i
# with J = ∂f/∂u and ∂f/∂t taken at (t, u). J depends on u and θ, hence second derivatives of f along the k_i.

"The state at which a stage of a recorded step was evaluated."
function stage_state!(y::Vector{Float64}, tape::Tape, tableau::RosenbrockTableau, step::Int, stage::Int)
    copyto!(y, 1, tape.u, state_offset(tape, step) + 1, tape.n)
    for j in 1:stage-1
        w = tableau.a[stage, j]
        w == 0.0 || add_scaled!(y, w, tape.k, slope_offset(tape, step, j))
    end
    return y
end

"""
Compiled derivatives that steps of a Rosenbrock method need, besides the body's vjp or jvp; all at (t, u):

- `jacobian`: non-zeros of J: (u, once) → values;
- `curvature`: of J v, v in the first half of the third port. Reverse: (u, once, [v; cotangent]) → (u, once added to);
  forward: (u, once, [v; tangent of u], tangent of once) → tangent;
- `time`: of ∂f/∂t, in the same manner without v; `nothing` where t doesn't occur.
"""
struct StepDerivatives
    jacobian::Kernel
    curvature::Kernel
    time::Union{Nothing,Kernel}
end

"Workspaces of `StepDerivatives`, for one thread."
struct StepWork
    jacobian::Vector{Float64}
    curvature::Vector{Float64}
    time::Vector{Float64}
end

StepWork(d::StepDerivatives) =
    StepWork(workspace(d.jacobian), workspace(d.curvature), d.time === nothing ? NOTHING : workspace(d.time))

"Buffers of one thread for derivatives of Rosenbrock steps, in one mode. `matrix` holds I/(hγ) − J."
struct RosenbrockBuffers{M<:ShiftedMatrix}
    derivatives::StepDerivatives
    work::StepWork
    matrix::M
    values::Vector{Float64}
    slopes::Vector{Vector{Float64}}     # cotangents or tangents of the k_i
    before::Vector{Float64}             # of the state before the step
    after::Vector{Float64}              # of the state after the step
    start::Vector{Float64}              # state before the step
    state::Vector{Float64}              # state of a stage
    moved::Vector{Float64}
    rate::Vector{Float64}               # of ∂f/∂t
    pair::Vector{Float64}               # two vectors for one port
    weights::Vector{Float64}
end

function RosenbrockBuffers(derivatives::StepDerivatives, jacobian::CompiledJacobian, stages::Int)
    n, nonzeros = jacobian.n, length(jacobian.rows)
    slopes = [zeros(n) for _ in 1:stages]
    matrix = shifted_matrix(jacobian.rows, jacobian.columns, n)
    vectors = [zeros(n) for _ in 1:6]
    return RosenbrockBuffers(
        derivatives, StepWork(derivatives), matrix, zeros(nonzeros), slopes, vectors..., zeros(2n), zeros(stages),
    )
end

"""
    setup!(buffers, once, last)

Prepare the kernels for new values of the once-arrays; `last` is the array at the fourth port in forward mode (tangents
of the once-arrays), at the fifth in reverse mode (their cotangents).
"""
function setup!(b::RosenbrockBuffers, once::Vector{Float64}, last::Vector{Float64}, forward::Bool)
    d, w = b.derivatives, b.work
    ports = forward ? (last, b.moved) : (b.moved, last)
    d.jacobian.setup(b.start, once, b.values, NOTHING, NOTHING, w.jacobian, 0.0)
    d.curvature.setup(b.start, once, b.pair, ports..., w.curvature, 0.0)
    d.time === nothing || d.time.setup(b.start, once, b.rate, ports..., w.time, 0.0)
    return nothing
end

"Factorise I/(hγ) − J at the beginning of a recorded step."
function factorise_step!(b::RosenbrockBuffers, tape::Tape, tableau::RosenbrockTableau, step::Int, once::Vector{Float64})
    copyto!(b.start, 1, tape.u, state_offset(tape, step) + 1, tape.n)
    b.derivatives.jacobian.run(b.start, once, b.values, NOTHING, NOTHING, b.work.jacobian, step_time(tape, step, 0.0))
    factorise!(b.matrix, b.values, 1.0 / (tape.h[step] * tableau.gamma))
    return nothing
end

"Put k_i of a recorded step and another vector side by side."
function pair!(b::RosenbrockBuffers, tape::Tape, step::Int, stage::Int, other::Vector{Float64})
    copyto!(b.pair, 1, tape.k, slope_offset(tape, step, stage) + 1, tape.n)
    copyto!(b.pair, tape.n + 1, other, 1, tape.n)
    return b.pair
end

begin_adjoint!(b::RosenbrockBuffers) = (fill!(b.after, 0.0); nothing)

function begin_adjoint_step!(b::RosenbrockBuffers, ::RosenbrockTableau)
    fill!(b.before, 0.0)
    foreach(slope -> fill!(slope, 0.0), b.slopes)
    return nothing
end

add_slope!(b::RosenbrockBuffers, i::Int, w::Float64, x::Vector{Float64}, offset::Int) =
    add_scaled!(b.slopes[i], w, x, offset)

"Carry the cotangent `after` of a step's end, and those of its k_i, to its beginning."
function pull_step!(tape, tableau::RosenbrockTableau, kernel, once, work, once_cotangent, step, b::RosenbrockBuffers)
    derivatives, step_work = b.derivatives, b.work
    h, t = tape.h[step], step_time(tape, step, 0.0)
    factorise_step!(b, tape, tableau, step, once)
    fill!(b.rate, 0.0)
    add_scaled!(b.before, 1.0, b.after)
    for i in 1:stages(tableau)
        add_scaled!(b.slopes[i], tableau.b[i], b.after)
    end
    for i in stages(tableau):-1:1
        cotangent = b.slopes[i]
        solve_transposed!(b.matrix, cotangent)
        stage_state!(b.state, tape, tableau, step, i)
        kernel.run(b.state, once, cotangent, b.moved, once_cotangent, work, step_time(tape, step, tableau.c[i]))
        add_scaled!(b.before, 1.0, b.moved)
        for l in 1:i-1
            add_scaled!(b.slopes[l], tableau.a[i, l], b.moved)
            add_scaled!(b.slopes[l], tableau.C[i, l] / h, cotangent)
        end
        pair!(b, tape, step, i, cotangent)
        derivatives.curvature.run(b.start, once, b.pair, b.moved, once_cotangent, step_work.curvature, t)
        add_scaled!(b.before, 1.0, b.moved)
        add_scaled!(b.rate, h * tableau.d[i], cotangent)
    end
    if derivatives.time !== nothing
        derivatives.time.run(b.start, once, b.rate, b.moved, once_cotangent, step_work.time, t)
        add_scaled!(b.before, 1.0, b.moved)
    end
    copyto!(b.after, b.before)
    return nothing
end

"Carry the tangent `before` of a step's beginning to its end, `after`, and to its k_i."
function push_step!(tape, tableau::RosenbrockTableau, kernel, once, once_tangent, work, step, b::RosenbrockBuffers)
    derivatives, step_work = b.derivatives, b.work
    h, t = tape.h[step], step_time(tape, step, 0.0)
    factorise_step!(b, tape, tableau, step, once)
    if derivatives.time !== nothing
        derivatives.time.run(b.start, once, b.before, once_tangent, b.rate, step_work.time, t)
    end
    for i in 1:stages(tableau)
        tangent = b.slopes[i]
        copyto!(b.moved, b.before)
        for l in 1:i-1
            add_scaled!(b.moved, tableau.a[i, l], b.slopes[l])
        end
        stage_state!(b.state, tape, tableau, step, i)
        kernel.run(b.state, once, b.moved, once_tangent, tangent, work, step_time(tape, step, tableau.c[i]))
        pair!(b, tape, step, i, b.before)
        derivatives.curvature.run(b.start, once, b.pair, once_tangent, b.moved, step_work.curvature, t)
        add_scaled!(tangent, 1.0, b.moved)
        derivatives.time === nothing || add_scaled!(tangent, h * tableau.d[i], b.rate)
        for l in 1:i-1
            add_scaled!(tangent, tableau.C[i, l] / h, b.slopes[l])
        end
        solve!(b.matrix, tangent)
    end
    copyto!(b.after, b.before)
    for i in 1:stages(tableau)
        add_scaled!(b.after, tableau.b[i], b.slopes[i])
    end
    return nothing
end
