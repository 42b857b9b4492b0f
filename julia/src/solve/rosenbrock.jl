# The discrete adjoint and forward mode of Rosenbrock methods: exact for the steps taken, step sizes being constants.
# Hairer & Wanner, Solving ODEs II (1996), section IV.7, in the form without products with the Jacobian:
#   (M/(hγ) − J) k_i = f(t + c_i h, Y_i) + h d_i ∂f/∂t + M Σ_j (C_ij/h) k_j, Y_i = u + Σ_j a_ij k_j, u⁺ = u + Σ_i b_i k_i
# with J = ∂f/∂u and ∂f/∂t taken at (t, u). J depends on u and θ, hence second derivatives of f along the k_i. M is the
# identity, or has zeros for algebraic states (section VI.4).

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
Compiled derivatives that steps of a Rosenbrock method need, besides the body's vjp or jvp; all at (t, u), at the ports of
these:

- `jacobian`: the non-zeros of J, at y;
- `curvature`: the vjp or jvp of J v;
- `time`: that of ∂f/∂t; `nothing` where t doesn't occur.
"""
struct StepDerivatives
    jacobian::Kernel
    curvature::Kernel
    time::Union{Nothing,Kernel}
end

"`StepDerivatives` for one thread."
struct StepRunners
    jacobian::Runner
    curvature::Runner
    time::Union{Nothing,Runner}
end

StepRunners(d::StepDerivatives) =
    StepRunners(Runner(d.jacobian), Runner(d.curvature), d.time === nothing ? nothing : Runner(d.time))

"Buffers of one thread for derivatives of Rosenbrock steps, in one mode. `matrix` holds M/(hγ) − J."
struct RosenbrockBuffers{M<:ShiftedMatrix}
    derivatives::StepRunners
    matrix::M
    moving::Vector{Int}
    values::Vector{Float64}
    slopes::Vector{Vector{Float64}}     # cotangents or tangents of the k_i
    before::Vector{Float64}             # of the state before the step
    after::Vector{Float64}              # of the state after the step
    start::Vector{Float64}              # state before the step
    state::Vector{Float64}              # state of a stage
    moved::Vector{Float64}
    rate::Vector{Float64}               # of ∂f/∂t
    slope::Vector{Float64}              # k_i of a stage
    weights::Vector{Float64}
end

function RosenbrockBuffers(derivatives::StepDerivatives, jacobian::CompiledJacobian, stages::Int)
    n, nonzeros = jacobian.n, length(jacobian.rows)
    slopes = [zeros(n) for _ in 1:stages]
    vectors = [zeros(n) for _ in 1:7]
    return RosenbrockBuffers(
        StepRunners(derivatives), shifted_matrix(jacobian), jacobian.moving, zeros(nonzeros), slopes, vectors..., zeros(stages),
    )
end

"Prepare the kernels for new precomputed values, where a method has such."
setup_derivatives!(::Any, p::Vector{Float64}) = nothing

function setup_derivatives!(b::RosenbrockBuffers, p::Vector{Float64})
    (; jacobian, curvature, time) = b.derivatives
    setup!(jacobian; p)
    setup!(curvature; p)
    time === nothing || setup!(time; p)
    return nothing
end

"Factorise M/(hγ) − J at the beginning of a recorded step."
function factorise_step!(b::RosenbrockBuffers, s::RecordedSolve, step::Int)
    copyto!(b.start, 1, s.tape.u, state_offset(s.tape, step) + 1, s.tape.n)
    run!(b.derivatives.jacobian, step_time(s.tape, step, 0.0); x = b.start, s.p, y = b.values)
    factorise!(b.matrix, b.values, 1.0 / (s.tape.h[step] * s.tableau.gamma))
    return nothing
end

"k_i of a recorded step."
stage_slope!(b::RosenbrockBuffers, tape::Tape, step::Int, stage::Int) =
    copyto!(b.slope, 1, tape.k, slope_offset(tape, step, stage) + 1, tape.n)

begin_adjoint!(b::RosenbrockBuffers) = (fill!(b.after, 0.0); nothing)

function begin_adjoint_step!(b::RosenbrockBuffers, ::RosenbrockTableau)
    fill!(b.before, 0.0)
    foreach(slope -> fill!(slope, 0.0), b.slopes)
    return nothing
end

"y .+= w .* M x"
@inline function add_moving!(y::Vector{Float64}, w::Float64, x::Vector{Float64}, moving::Vector{Int})
    length(moving) == length(y) && return add_scaled!(y, w, x)
    for r in moving
        @inbounds y[r] = muladd(w, x[r], y[r])
    end
    return nothing
end

add_slope!(b::RosenbrockBuffers, i::Int, w::Float64, x::Vector{Float64}, offset::Int) =
    add_scaled!(b.slopes[i], w, x, offset)

"Carry the cotangent `after` of a step's end, and those of its k_i, to its beginning."
function pull_step!(s::RecordedSolve, tableau::RosenbrockTableau, b::RosenbrockBuffers, step::Int)
    (; tape, p, dp) = s
    (; curvature, time) = b.derivatives
    h, t = tape.h[step], step_time(tape, step, 0.0)
    factorise_step!(b, s, step)
    fill!(b.rate, 0.0)
    add_scaled!(b.before, 1.0, b.after)
    for i in 1:stages(tableau)
        add_scaled!(b.slopes[i], tableau.b[i], b.after)
    end
    for i in stages(tableau):-1:1
        cotangent = b.slopes[i]
        solve_transposed!(b.matrix, cotangent)
        stage_state!(b.state, tape, tableau, step, i)
        run!(s.body, step_time(tape, step, tableau.c[i]); x = b.state, p, dy = cotangent, dx = b.moved, dp)
        add_scaled!(b.before, 1.0, b.moved)
        for l in 1:i-1
            add_scaled!(b.slopes[l], tableau.a[i, l], b.moved)
            add_moving!(b.slopes[l], tableau.C[i, l] / h, cotangent, b.moving)
        end
        run!(curvature, t; x = b.start, p, v = stage_slope!(b, tape, step, i), dy = cotangent, dx = b.moved, dp)
        add_scaled!(b.before, 1.0, b.moved)
        add_scaled!(b.rate, h * tableau.d[i], cotangent)
    end
    if time !== nothing
        run!(time, t; x = b.start, p, dy = b.rate, dx = b.moved, dp)
        add_scaled!(b.before, 1.0, b.moved)
    end
    copyto!(b.after, b.before)
    return nothing
end

"Carry the tangent `before` of a step's beginning to its end, `after`, and to its k_i."
function push_step!(s::RecordedSolve, tableau::RosenbrockTableau, b::RosenbrockBuffers, step::Int)
    (; tape, p, dp) = s
    (; curvature, time) = b.derivatives
    h, t = tape.h[step], step_time(tape, step, 0.0)
    factorise_step!(b, s, step)
    time === nothing || run!(time, t; x = b.start, p, dx = b.before, dp, dy = b.rate)
    for i in 1:stages(tableau)
        tangent = b.slopes[i]
        copyto!(b.moved, b.before)
        for l in 1:i-1
            add_scaled!(b.moved, tableau.a[i, l], b.slopes[l])
        end
        stage_state!(b.state, tape, tableau, step, i)
        run!(s.body, step_time(tape, step, tableau.c[i]); x = b.state, p, dx = b.moved, dp, dy = tangent)
        run!(curvature, t; x = b.start, p, v = stage_slope!(b, tape, step, i), dx = b.before, dp, dy = b.moved)
        add_scaled!(tangent, 1.0, b.moved)
        time === nothing || add_scaled!(tangent, h * tableau.d[i], b.rate)
        for l in 1:i-1
            add_moving!(tangent, tableau.C[i, l] / h, b.slopes[l], b.moving)
        end
        solve!(b.matrix, tangent)
    end
    copyto!(b.after, b.before)
    for i in 1:stages(tableau)
        add_scaled!(b.after, tableau.b[i], b.slopes[i])
    end
    return nothing
end
