# The Lorenz system in native Julia: in place with arrays, and with static arrays.

include("serve.jl")

using OrdinaryDiffEqTsit5, OrdinaryDiffEqVerner, StaticArrays

function lorenz!(du, u, p, t)
    @inbounds begin
        du[1] = p[1] * (u[2] - u[1])
        du[2] = u[1] * (p[2] - u[3]) - u[2]
        du[3] = u[1] * u[2] - p[3] * u[3]
    end
    return nothing
end

lorenz(u, p, t) = SVector(p[1] * (u[2] - u[1]), u[1] * (p[2] - u[3]) - u[2], u[1] * u[2] - p[3] * u[3])

const SOLVERS = Dict("tsit5" => Tsit5(), "vern7" => Vern7(), "vern9" => Vern9())

function solved(f, u0, p, start, times, solver, tolerance)
    problem = ODEProblem(f, u0, (start, times[end]), p)
    # Without interpolation between steps, if only the end is asked for.
    call = () -> solve(
        problem, solver;
        reltol = tolerance, abstol = tolerance, saveat = times, save_start = times[1] == start, dense = false,
        maxiters = 10^7,
    )
    solution = call()
    facts = Dict{String,Any}(
        "states" => [collect(u) for u in solution.u],
        "steps" => solution.stats.naccept + solution.stats.nreject,
        "evaluations" => solution.stats.nf,
    )
    return call, facts
end

function prepare(problem)
    p, u0 = Float64.(problem["theta"]), Float64.(problem["u0"])
    times, tolerance = Float64.(problem["times"]), Float64(problem["tolerance"])
    solver = SOLVERS[problem["solver"]]
    return [
        Entrant("in place", () -> solved(lorenz!, u0, p, problem["start"], times, solver, tolerance)),
        Entrant("static arrays", () -> solved(lorenz, SVector{3}(u0), SVector{3}(p), problem["start"], times, solver, tolerance)),
    ]
end

serve(prepare)
