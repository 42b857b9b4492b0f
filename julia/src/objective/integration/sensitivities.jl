# The adjoint `forward`: sensitivities of the states by all initial and precomputed values, carried along the recorded
# Runge–Kutta steps, and contracted with the cotangents at the end. For few parameters.

"Sensitivities (n rows, one column a quantity) along the steps."
struct Sensitivities
    now::Matrix{Float64}
    moved::Matrix{Float64}
    slopes::Vector{Matrix{Float64}}
    rate::Matrix{Float64}               # ∂f/∂(u, p)
    state::Vector{Float64}
    unit::Vector{Float64}
    dx::Vector{Float64}
    dp::Vector{Float64}
    weights::Vector{Float64}
end

function Sensitivities(n::Int, precomputed::Int, stages::Int)
    matrix() = zeros(n, n + precomputed)
    slopes = [matrix() for _ in 1:stages]
    return Sensitivities(
        Matrix(1.0I, n, n + precomputed), matrix(), slopes, matrix(), zeros(n), zeros(n), zeros(n), zeros(precomputed),
        zeros(stages),
    )
end

function pull_by!(::Val{:forward}, batch::Batch, slot::Slot, trajectory::Int, u0, dp)
    p, tape = batch.problem, batch.tapes[trajectory]
    tableau, n = p.settings.method.tableau::Tableau, p.n
    s = Sensitivities(n, length(dp), stages(tableau))
    found, j = zeros(1, n + length(dp)), 1
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
            step_stage!(s, slot, tape, tableau, step, i)
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
    dp .+= view(found, 1, n+1:size(found, 2))
    return nothing
end

"The sensitivities of one stage's slope: ∂f/∂u · (those of its state) + ∂f/∂p, row by row from the body's vjp."
function step_stage!(s::Sensitivities, slot::Slot, tape::Tape, tableau::Tableau, step::Int, stage::Int)
    n, h = tape.n, tape.h[step]
    stage_state!(s.state, tape, tableau, step, stage)
    time = step_time(tape, step, tableau.c[stage])
    for r in 1:n
        fill!(s.unit, 0.0)
        fill!(s.dp, 0.0)
        s.unit[r] = 1.0
        run!(slot.body.reverse, time; x = s.state, slot.field.p, dy = s.unit, s.dx, s.dp)
        s.rate[r, 1:n] = s.dx
        s.rate[r, n+1:end] = s.dp
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
