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
end

"Logs in the caller's memory, given by addresses."
function wrap_logs(base, seeds, room, count, total, terms, gradient_norm, learning_rate, rejected)
    matrix(address) = unsafe_wrap(Matrix{Float64}, Ptr{Float64}(address), (room, seeds))
    return Logs(
        base,
        matrix(total),
        unsafe_wrap(Array{Float64,3}, Ptr{Float64}(terms), (count, room, seeds)),
        matrix(gradient_norm),
        matrix(learning_rate),
        unsafe_wrap(Matrix{Bool}, Ptr{Bool}(rejected), (room, seeds)),
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
