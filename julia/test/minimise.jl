# The optimisers on functions with known minima, with Optim.jl as a witness.

using Test
using Optim: Optim
using JSON: JSON
using Unideq: Unideq, Logs, advance!, make_run, prepare_minimise

"A loss for tests: `f!(θ, gradient)` gives the value; θ in `forbidden` fails like a solver."
struct Analytic{F,G}
    f!::F
    forbidden::G
end
Analytic(f!) = Analytic(f!, theta -> false)

Unideq.make_worker(loss::Analytic; threads = 1) = loss

function Unideq.loss_and_gradient!(loss::Analytic, theta::Vector{Float64}, gradient, terms)
    loss.forbidden(theta) && return NaN, true
    terms[1] = loss.f!(theta, gradient)
    return terms[1], false
end

"Half the sum of squares, with what a compiled objective tells of itself."
struct Squares
    parameters::Int
    terms::Vector{String}
end
Unideq.make_worker(loss::Squares; threads = 1) = loss

function Unideq.loss_and_gradient!(loss::Squares, theta::Vector{Float64}, gradient, terms)
    gradient .= theta
    terms[1] = 0.5 * sum(abs2, theta)
    return terms[1], false
end

function rosenbrock!(x, g)
    r, s = 1.0 - x[1], x[2] - x[1]^2
    g .= (-2r - 400 * x[1] * s, 200s)
    return r^2 + 100s^2
end

function extended_rosenbrock!(x, g)
    fill!(g, 0.0)
    total = 0.0
    for i in 1:length(x)-1
        r, s = 1.0 - x[i], x[i+1] - x[i]^2
        total += r^2 + 100s^2
        g[i] += -2r - 400 * x[i] * s
        g[i+1] += 200s
    end
    return total
end

const QUASI = Dict{String,Any}(
    "iterations" => 400, "tolerance" => 1e-9, "line_search" => 20, "memory" => 10, "update" => "bfgs",
)

function begin_run(loss, starts, optimizer, settings; free = trues(length(starts[1])))
    given = Dict(
        "optimizer" => optimizer, "settings" => settings, "seeds" => length(starts), "terms" => 1,
        "free" => collect(free), "state" => String[],
    )
    run = make_run(loss, Unideq.read_method(given), given)
    for (state, start) in zip(run.states, starts)
        state.theta .= start
        state.best_theta .= start
    end
    return run
end

function empty_logs(run, room)
    seeds = length(run.states)
    matrix() = fill(NaN, room, seeds)
    return Logs(0, matrix(), fill(NaN, 1, room, seeds), matrix(), matrix(), fill(false, room, seeds))
end

"Run to the end; the run and its logs."
function minimise(loss, starts, optimizer, settings; more...)
    run = begin_run(loss, starts, optimizer, settings; more...)
    logs = empty_logs(run, settings["iterations"])
    advance!(run, settings["iterations"], logs)
    return run, logs
end

@testset "minimise" begin
    starts = [[-1.2, 1.0], [2.0, -1.0], [0.0, 0.5]]
    loss = Analytic(rosenbrock!)

    @testset "$name finds the minima that Optim.jl finds" for name in ("bfgs", "lbfgs")
        for start in (starts..., [0.5, 0.8, 0.2, -0.1, 0.4])
            f = x -> extended_rosenbrock!(x, zero(x))
            witness = Optim.optimize(
                f, (g, x) -> extended_rosenbrock!(x, g), start, Optim.BFGS(), Optim.Options(; g_abstol = 1e-10)
            )
            run, logs = minimise(Analytic(extended_rosenbrock!), [start], name, QUASI)
            state = run.states[1]
            @test state.finished == 1
            @test state.theta ≈ Optim.minimizer(witness) atol = 1e-7
            @test state.iteration < 3 * Optim.iterations(witness)
            @test all(<=(0), diff(logs.total[1:state.iteration, 1]))
        end
    end

    @testset "seeds go as if alone, and in chunks as in one" for name in ("bfgs", "lbfgs")
        settings = merge(QUASI, Dict("iterations" => 40))
        together, logs = minimise(loss, starts, name, settings)
        chunked = begin_run(loss, starts, name, settings)
        pieces = empty_logs(chunked, 40)
        foreach(target -> advance!(chunked, target, pieces), (1, 4, 17, 40))
        @test isequal(pieces.total, logs.total)
        for (i, start) in enumerate(starts)
            alone, own = minimise(loss, [start], name, settings)
            @test alone.states[1].theta == together.states[i].theta == chunked.states[i].theta
            @test isequal(own.total[:, 1], logs.total[:, i])
        end
    end

    @testset "a failing solve is a rejected step" begin
        edge!(x, g) = (g[1] = 2x[1] - 0.001 / x[1]; x[1]^2 - 0.001 * log(x[1]))
        failing = Analytic(edge!, theta -> theta[1] <= 0)
        run, logs = minimise(failing, [[0.5], [-1.0]], "bfgs", QUASI)
        @test [s.finished for s in run.states] == [1, 2]
        @test run.states[1].theta[1] ≈ sqrt(0.0005) rtol = 1e-6
        @test run.states[2].best_total == Inf
    end

    @testset "fixed entries stay exactly" for name in ("bfgs", "lbfgs")
        settings = merge(QUASI, Dict("iterations" => 30))
        run, _ = minimise(loss, starts, name, settings; free = [true, false])
        for (state, start) in zip(run.states, starts)
            @test state.theta[2] == start[2]
            @test state.theta[1] != start[1]
        end
    end

    @testset "iterations allocate nothing that grows" for name in ("bfgs", "lbfgs")
        function quartic!(x, g)
            g .= 4 .* (x .- 1.0) .^ 3 .+ 0.1 .* x
            return sum((x[i] - 1.0)^4 + 0.05 * x[i]^2 for i in eachindex(x))
        end
        settings = merge(QUASI, Dict("iterations" => 2000, "tolerance" => 0.0))
        run = begin_run(Analytic(quartic!), [zeros(20)], name, settings)
        logs = empty_logs(run, 2000)
        advance!(run, 2, logs)
        iteration = run.states[1].iteration
        used = @allocated advance!(run, 2000, logs)
        made = run.states[1].iteration - iteration
        @test made > 5
        @test used <= 64 * made
    end

    @testset "state goes to memory by name and comes back" for name in ("lbfgs", "bfgs")
        settings = merge(QUASI, Dict("iterations" => 30))
        names =
            ["theta", "known", "memory.pairs", "search.step", "search.broken", "search.safe_gradient", "iteration"]
        shares = [[zeros(2) zeros(2) zeros(2)] for _ in names]
        text = """{"optimizer": "$name", "settings": $(JSON.json(settings)), "seeds": 3, "terms": 1,
            "free": [true, true], "state": ["$(join(names, "\", \""))"]}"""
        run, _ = minimise(loss, starts, name, settings)
        other = prepare_minimise(loss, text)
        table = [Int64(UInt(pointer(array))) for array in shares]
        filled = Unideq.Run(run.method, run.problem, run.states, run.values, run.workers, names, run.logs)
        GC.@preserve shares table begin
            Unideq.get_state!(filled, UInt(pointer(table)))
            Unideq.set_state!(other, UInt(pointer(table)))
        end
        for (a, b) in zip(run.states, other.states), path in names
            holder, field = Unideq.locate_field(a, path)
            twin, _ = Unideq.locate_field(b, path)
            @test getfield(holder, field) == getfield(twin, field)
        end
        @test run.states[3].theta == shares[1][:, 3]
    end

    @testset "what precompilation runs runs" begin
        square = Squares(18, ["sum"])
        @test Unideq.run_minimise_workload(square) === nothing
    end
end
