# Loss and gradient as an expert in SciMLSensitivity gets them: in-place functions, `adjoint_sensitivities` called
# directly (no AD over `solve`), observations through the dense output.

using SciMLSensitivity: adjoint_sensitivities
using SciMLBase

"""
    loss_and_gradient(f, u0, p, times, data, weights, solver, tolerance, sensealg)

A function without arguments: Σᵢ weightsᵢ meanₖ (uᵢ(tₖ) − dataᵢₖ)², and its gradient in `p`.
"""
function loss_and_gradient(f, u0, p, times, data, weights, solver, tolerance, sensealg)
    problem = ODEProblem{true,SciMLBase.FullSpecialize}(f, u0, (times[1], times[end]), p)
    count = length(times)
    function slope!(out, u, p, t, i)
        for k in eachindex(out)
            out[k] = 2 * weights[k] * (u[k] - data[k, i]) / count
        end
        return nothing
    end
    u = similar(u0)
    return function ()
        solution = solve(problem, solver; reltol = tolerance, abstol = tolerance, maxiters = 10^6)
        loss = 0.0
        for i in 1:count
            solution(u, times[i])
            for k in eachindex(u)
                loss += weights[k] * (u[k] - data[k, i])^2 / count
            end
        end
        _, gradient = adjoint_sensitivities(
            solution,
            solver;
            t = times,
            dgdu_discrete = slope!,
            sensealg,
            reltol = tolerance,
            abstol = tolerance,
            maxiters = 10^6,
        )
        return loss, gradient
    end
end

"The call, and its loss and gradient."
function with_facts(call, order = Colon())
    loss, gradient = call()
    return call, Dict{String,Any}("loss" => loss, "gradient" => vec(gradient)[order])
end
