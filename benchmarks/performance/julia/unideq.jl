# Unideq's own programs inside Julia, without Python around them. The argument is the folder of Unideq.jl.

include("serve.jl")

push!(LOAD_PATH, ARGS[1])
using Unideq

Unideq.method("rodas5p") # loaded before any function runs that solves with it

"Loss and gradient, as the optimisers call it."
function gradient(problem)
    theta, data = Float64.(problem["theta"]), Float64.(problem["data"])
    objective = Unideq.prepare_objective(problem["objective"])
    GC.@preserve data Unideq.set_data!(objective, Int(pointer(data)), length(data))
    worker = Unideq.make_worker(objective)
    slope, terms = zeros(length(theta)), zeros(length(objective.terms))
    call = () -> Unideq.loss_and_gradient!(worker, theta, slope, terms)
    total, failed = call()
    failed && error("the solve failed")
    return call, Dict{String,Any}("loss" => total, "gradient" => copy(slope))
end

"The forward solve of one trajectory."
function integration(problem)
    theta, data = Float64.(problem["theta"]), Float64.(problem["data"])
    program = Unideq.prepare_source(problem["integration"])
    found, status, statistics = zeros(problem["size"]), zeros(1), zeros(4)
    address(x) = Int(pointer(x))
    function call()
        GC.@preserve theta data found status statistics Unideq.solve_source!(
            program, address(data), length(data), address(theta), 1, address(found), address(status), address(statistics),
        )
        return found
    end
    call()
    status[1] == 0 || error("the solve failed with status $(status[1])")
    width = length(problem["u0"])
    states = [found[i:i+width-1] for i in 1:width:length(found)]
    return call, Dict{String,Any}("states" => states, "steps" => Int(statistics[1]), "evaluations" => Int(statistics[4]))
end

function prepare(problem)
    haskey(problem, "objective") && return [Entrant("inside Julia", () -> gradient(problem))]
    return [Entrant("inside Julia", () -> integration(problem))]
end

serve(prepare)
