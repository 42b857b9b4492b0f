# The solvers: tableaus against the solvers' own steps, order of convergence, dense output, status.

using Test
isdefined(@__MODULE__, :objective_with) || include("problems.jl")

const EXPLICIT = sort!(collect(name for (name, m) in Unideq.METHODS if m.tableau isa Unideq.Tableau))

@testset "tableau of $name" for name in EXPLICIT
    m = Unideq.method(name)
    tableau = m.tableau
    @test sum(tableau.b) ≈ 1 atol = 1e-14
    @testset "order condition $k" for k in 2:m.order
        @test sum(tableau.b .* tableau.c[1:tableau.main] .^ (k - 1)) ≈ 1 / k atol = 1e-13
    end
    @test vec(sum(tableau.a; dims = 2)) ≈ tableau.c atol = 1e-13
    @test all(iszero, tableau.a[i, j] for i in axes(tableau.a, 1) for j in i:size(tableau.a, 2))
end

@testset "the tape of $name holds the steps that the solver took" for name in EXPLICIT
    batch, problem = solved_batch(name)
    tableau, tape, field = problem.settings.method.tableau, batch.tapes[1], batch.slots[1].field
    y, slope = zeros(2), zeros(2)
    worst_step = worst_slope = 0.0
    for step in 1:tape.steps
        u, h = tape.u[2step-1:2step], tape.h[step]
        count = tape.extended[step] ? Unideq.stages(tableau) : tableau.main
        k = [tape.k[Unideq.slope_offset(tape, step, i).+(1:2)] for i in 1:count]
        next = u + h * sum(tableau.b .* k[1:tableau.main])
        worst_step = max(worst_step, maximum(abs, next - tape.u[2step+1:2step+2]))
        for i in 1:count
            Unideq.stage_state!(y, tape, tableau, step, i)
            Unideq.evaluate!(slope, y, field, tape.t[step] + tableau.c[i] * h)
            worst_slope = max(worst_slope, maximum(abs, slope - k[i]))
        end
    end
    @test tape.steps > 1
    @test worst_step < 1e-14
    @test worst_slope < 1e-13
end

"Largest error at the observation times against a tight solve."
function error_of(solver; settings...)
    batch, _ = solved_batch(solver; settings...)
    reference, _ = solved_batch("vern9"; rtol = 1e-13, atol = 1e-13)
    return maximum(abs, batch.states - reference.states)
end

@testset "order of $name" for name in EXPLICIT
    m = Unideq.method(name)
    if m.fixed
        coarse, fine = error_of(name; dt = 0.05), error_of(name; dt = 0.025)
        @test coarse / fine > 2.0^m.order * 0.8
    else
        @test error_of(name; rtol = 1e-9, atol = 1e-9) < 1e-7
    end
end

@testset "what a solve counts" begin
    batch, problem = solved_batch("tsit5")
    s = batch.statistics[1]
    @test s.steps == s.accepted + s.rejected
    @test s.accepted == batch.tapes[1].steps
    @test s.evaluations == 6 * s.steps + 3       # start slope, and two for the first step size
end

"Status codes of the workload's integration with other θ or settings."
function status_with(solver; theta = THETA, settings...)
    objective = objective_with(solver; settings...)
    worker = Unideq.make_worker(objective)
    total, failed = Unideq.loss!(worker, theta, zeros(2))
    return worker.sources[1].status, total, failed
end

@testset "failures" begin
    @test status_with("tsit5"; max_steps = 2) |> first == [Unideq.STEP_LIMIT, Unideq.STEP_LIMIT]
    blown = copy(THETA)
    blown[18] = 1e6
    status, total, failed = status_with("tsit5"; theta = blown)
    @test failed && isnan(total) && all(in((Unideq.STEP_LIMIT, Unideq.NONFINITE, Unideq.STEP_TOO_SMALL)), status)
    @test first(status_with("tsit5"; theta = fill(NaN, 18))) == [Unideq.NONFINITE, Unideq.NONFINITE]
    @test_throws r"unknown solver `tsit4`" objective_with("tsit4")
end
