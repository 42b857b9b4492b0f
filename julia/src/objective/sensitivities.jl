# The adjoint `forward`: sensitivities of the states by all initial values and once-values, carried along the recorded
# Runge–Kutta steps, and contracted with the cotangents at the end. For few parameters.

"Sensitivities (n rows, one column a quantity) while walking the steps."
struct Sensitivities
    now::Matrix{Float64}
    moved::Matrix{Float64}
    slopes::Vector{Matrix{Float64}}
    rate::Matrix{Float64}               # ∂f/∂(u, once)
    state::Vector{Float64}
    unit::Vector{Float64}
    by_state::Vector{Float64}
    by_once::Vector{Float64}
    weights::Vector{Float64}
end

function Sensitivities(n::Int, once::Int, stages::Int)
    matrix() = zeros(n, n + once)
    slopes = [matrix() for _ in 1:stages]
    return Sensitivities(
        Matrix(1.0I, n, n + once), matrix(), slopes, matrix(), zeros(n), zeros(n), zeros(n), zeros(once), zeros(stages),
    )
end

function pull_by!(::Val{:forward}, batch::Batch, lane::Lane, trajectory::Int, u0, once)
    p, tape = batch.problem, batch.tapes[trajectory]
    tableau, n = p.settings.method.tableau::Tableau, p.n
    s = Sensitivities(n, length(batch.once), stages(tableau))
    found, j = zeros(1, n + length(batch.once)), 1
    function observe!(sensitivity)
        from = n * (p.times_each * (trajectory - 1) + j - 1)
        mul!(found, reshape(view(batch.seeds, from+1:from+n), 1, n), sensitivity, 1.0, 1.0)
        j += 1
    end
    in_step(step) = j <= length(tape.where) && tape.where[j] == step
    while in_step(0)
        observe!(s.now)
    end
    for step in 1:tape.steps
        h, count = tape.h[step], recorded_stages(tape, tableau, step)
        for i in 1:count
            step_stage!(s, batch, lane, tape, tableau, step, i)
        end
        while in_step(step) && tape.fraction[j] < 1.0
            output_weights!(s.weights, tableau, tape.fraction[j])
            copyto!(s.moved, s.now)
            foreach(i -> axpy!(h * s.weights[i], s.slopes[i], s.moved), 1:count)
            observe!(s.moved)
        end
        foreach(i -> axpy!(h * tableau.b[i], s.slopes[i], s.now), 1:tableau.main)
        while in_step(step)
            observe!(s.now)
        end
    end
    u0 .+= view(found, 1, 1:n)
    once .+= view(found, 1, n+1:size(found, 2))
    return nothing
end

"The sensitivities of one stage's slope: ∂f/∂u · (those of its state) + ∂f/∂once, row by row from the body's vjp."
function step_stage!(s::Sensitivities, batch::Batch, lane::Lane, tape::Tape, tableau::Tableau, step::Int, stage::Int)
    n, h = tape.n, tape.h[step]
    kernel = (batch.problem.gradient::IntegrationDerivatives).body
    stage_state!(s.state, tape, tableau, step, stage)
    time = step_time(tape, step, tableau.c[stage])
    for r in 1:n
        fill!(s.unit, 0.0)
        fill!(s.by_once, 0.0)
        s.unit[r] = 1.0
        kernel.run(s.state, batch.once, s.unit, s.by_state, s.by_once, lane.body_vjp_work, time)
        s.rate[r, 1:n] = s.by_state
        s.rate[r, n+1:end] = s.by_once
    end
    copyto!(s.moved, s.now)
    for l in tableau.rows[stage]
        axpy!(h * tableau.a[stage, l], s.slopes[l], s.moved)
    end
    slope = s.slopes[stage]
    mul!(slope, view(s.rate, :, 1:n), s.moved)
    slope[:, n+1:end] .+= view(s.rate, :, n+1:size(s.rate, 2))
    return nothing
end
