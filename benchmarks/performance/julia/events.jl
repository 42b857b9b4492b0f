# Peers of the benchmark of events: doses as callbacks, inputs in steps, differentiated as SciML's users do.

include("serve.jl")

using ForwardDiff, OrdinaryDiffEqTsit5, ReverseDiff, SciMLBase, SciMLSensitivity, StaticArrays, Zygote

"What one trajectory gets and shows."
struct Patient
    dose::Vector{Float64}
    dose_time::Vector{Float64}
    feed::Vector{Float64}
    feed_time::Vector{Float64}
    blood::Vector{Float64}
end

feed_at(of::Patient, t) = of.feed[max(1, searchsortedlast(of.feed_time, t))]

function slope!(du, u, p, t, of)
    du[1] = -p[1] * u[1]
    du[2] = p[1] * u[1] - p[2] * u[2] + feed_at(of, t)
    return nothing
end

slope(u, p, t, of) = SVector(-p[1] * u[1], p[1] * u[1] - p[2] * u[2] + feed_at(of, t))

"Doses where the solver, told to stop there, arrives."
function doses(of::Patient, give!)
    given(u, t, integrator) = insorted(t, of.dose_time)
    affect!(integrator) = give!(integrator, of.dose[searchsortedfirst(of.dose_time, integrator.t)])
    return DiscreteCallback(given, affect!; save_positions = (false, false))
end

in_place!(integrator, dose) = (integrator.u[1] += dose; nothing)
out_of_place!(integrator, dose) = (integrator.u = integrator.u + SVector(dose, 0.0); nothing)

stops(of::Patient) = sort!(vcat(of.dose_time, of.feed_time[2:end]))

misfit(solution, of, count) = sum(abs2, [u[2] for u in solution.u] .- of.blood) / count

"Loss of all trajectories as a function of p, whose element type the states take."
function forward(patients, times, tolerance, static)
    count = length(patients) * length(times)
    ways = map(patients) do of
        f = static ? (u, p, t) -> slope(u, p, t, of) : (du, u, p, t) -> slope!(du, u, p, t, of)
        (of, f, doses(of, static ? out_of_place! : in_place!), stops(of))
    end
    function loss(p)
        total = zero(eltype(p))
        for (of, f, callback, tstops) in ways
            u0 = static ? zero(SVector{2,eltype(p)}) : zeros(eltype(p), 2)
            problem = ODEProblem{!static,SciMLBase.FullSpecialize}(f, u0, (0.0, times[end]), p)
            solution = solve(
                problem, Tsit5(); callback, tstops, saveat = times, reltol = tolerance, abstol = tolerance
            )
            total += misfit(solution, of, count)
        end
        return total
    end
    return loss
end

"The same through an adjoint of SciMLSensitivity, which knows callbacks."
function adjoint(patients, times, tolerance, sensealg)
    count = length(patients) * length(times)
    ways = map(patients) do of
        f = (du, u, p, t) -> slope!(du, u, p, t, of)
        (of, ODEProblem(f, zeros(2), (0.0, times[end]), ones(2)), doses(of, in_place!), stops(of))
    end
    function loss(p)
        return sum(ways) do (of, problem, callback, tstops)
            solution = solve(
                problem, Tsit5(); p, callback, tstops, saveat = times, reltol = tolerance, abstol = tolerance, sensealg
            )
            sum(abs2, Array(solution)[2, :] .- of.blood) / count
        end
    end
    return loss
end

function prepare(problem)
    rows(name) = [Float64.(row) for row in problem[name]]
    patients = Patient.(rows("dose"), rows("dose_time"), rows("feed"), rows("feed_time"), rows("blood"))
    times, p, tolerance = Float64.(problem["times"]), Float64.(problem["p"]), Float64(problem["tolerance"])
    facts(call) = (call, Dict{String,Any}("gradient" => call()))
    by_duals(static) = () -> begin
        loss = forward(patients, times, tolerance, static)
        facts(() -> ForwardDiff.gradient(loss, p))
    end
    by_adjoint(sensealg) = () -> begin
        loss = adjoint(patients, times, tolerance, sensealg)
        facts(() -> Zygote.gradient(loss, p)[1])
    end
    return [
        Entrant("ForwardDiff, static arrays", by_duals(true)),
        Entrant("ForwardDiff, in place", by_duals(false)),
        Entrant("interpolating adjoint, ReverseDiff", by_adjoint(InterpolatingAdjoint(; autojacvec = ReverseDiffVJP()))),
    ]
end

serve(prepare)
