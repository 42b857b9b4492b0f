# What is recorded of every iteration, for all seeds.

"""
Logs of the iterations after `base`: one column a seed, in the order of NumPy arrays (S, room). Entry i refers to θ
before update i.
"""
struct Logs
    base::Int
    total::Matrix{Float64}
    terms::Array{Float64,3}
    gradient_norm::Matrix{Float64}
    learning_rate::Matrix{Float64}
    rejected::Matrix{Bool}
    weights::Array{Float64,3}           # empty where seeds have none of their own
end

Logs(base, total, terms, gradient_norm, learning_rate, rejected) =
    Logs(base, total, terms, gradient_norm, learning_rate, rejected, zeros(0, 0, 0))

"Logs in the caller's memory, given by addresses; that of the weights is 0 where there are none."
function wrap_logs(base, seeds, room, count, total, terms, gradient_norm, learning_rate, rejected, weights)
    matrix(address) = unsafe_wrap(Matrix{Float64}, Ptr{Float64}(address), (room, seeds))
    cube(address) = unsafe_wrap(Array{Float64,3}, Ptr{Float64}(address), (count, room, seeds))
    return Logs(
        base,
        matrix(total),
        cube(terms),
        matrix(gradient_norm),
        matrix(learning_rate),
        unsafe_wrap(Matrix{Bool}, Ptr{Bool}(rejected), (room, seeds)),
        weights == 0 ? zeros(0, 0, 0) : cube(weights),
    )
end

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
