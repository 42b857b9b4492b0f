# What is recorded of every iteration, for all seeds.

"""
Logs of the iterations after `base`: one column a seed, in the order of NumPy arrays (S, room). Entry i refers to θ
before update i.
"""
mutable struct Logs
    base::Int
    const total::Matrix{Float64}
    const terms::Array{Float64,3}
    const gradient_norm::Matrix{Float64}
    const learning_rate::Matrix{Float64}
    const rejected::Matrix{Bool}
    const weights::Array{Float64,3}     # empty where seeds have none of their own
end

Logs(base, total, terms, gradient_norm, learning_rate, rejected) =
    Logs(base, total, terms, gradient_norm, learning_rate, rejected, zeros(0, 0, 0))

"""
Logs in the caller's memory, of which `given` has the addresses by name, and the number of iterations that there is
`room` for. Arrays are (S, room), `terms` and `weights` (S, room, T), `rejected` has one byte each.
"""
function wrap_logs(given::AbstractDict, seeds::Int, count::Int)
    room = Int(given["room"])
    array(type, name, size...) = unsafe_wrap(Array{type,length(size)}, Ptr{type}(Int(given[name])), size)
    matrix(name) = array(Float64, name, room, seeds)
    cube(name) = array(Float64, name, count, room, seeds)
    return Logs(
        0, matrix("total"), cube("terms"), matrix("gradient_norm"), matrix("learning_rate"),
        array(Bool, "rejected", room, seeds), haskey(given, "weights") ? cube("weights") : zeros(0, 0, 0),
    )
end

"Logs without room, for runs that are given others."
no_logs() = (m = zeros(0, 0); c = zeros(0, 0, 0); Logs(0, m, c, m, m, falses(0, 0), c))

function log!(logs::Logs, seed::Int, iteration::Int, total, terms, norm, rate, rejected)
    row = iteration - logs.base + 1
    logs.total[row, seed] = total
    logs.terms[:, row, seed] .= terms
    logs.gradient_norm[row, seed] = norm
    logs.learning_rate[row, seed] = rate
    logs.rejected[row, seed] = rejected
    return nothing
end

"The weights that a seed had in an iteration, where the logs have place for them."
function log_weights!(logs::Logs, seed::Int, iteration::Int, weights::Vector{Float64})
    isempty(logs.weights) || (logs.weights[:, iteration-logs.base+1, seed] .= weights)
    return nothing
end
