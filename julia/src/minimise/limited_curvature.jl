# L-BFGS: the last pairs of differences. Nocedal & Wright 2006, algorithm 7.4 (two-loop recursion).

"The last pairs (s, y), one a column, the newest last; `rho` is 1 / (s · y); `pairs` counts all that were taken."
mutable struct LimitedCurvature
    const s::Matrix{Float64}
    const y::Matrix{Float64}
    const rho::Vector{Float64}
    pairs::Int
    const alpha::Vector{Float64}
end

LimitedCurvature(parameters::Int, memory::Int) =
    LimitedCurvature(zeros(parameters, memory), zeros(parameters, memory), zeros(memory), 0, zeros(memory))

function direction!(direction, curvature::LimitedCurvature, gradient)
    s, y, rho, alpha = curvature.s, curvature.y, curvature.rho, curvature.alpha
    last = length(rho)
    rows = last-min(curvature.pairs, last)+1:last
    direction .= .-gradient
    for k in reverse(rows)
        alpha[k] = rho[k] * scalar_product(view(s, :, k), direction)
        add_multiple!(direction, -alpha[k], view(y, :, k))
    end
    if !isempty(rows)
        newest = view(y, :, last)
        direction .*= scalar_product(view(s, :, last), newest) / scalar_product(newest, newest)
    end
    for k in rows
        beta = rho[k] * scalar_product(view(y, :, k), direction)
        add_multiple!(direction, alpha[k] - beta, view(s, :, k))
    end
    return direction
end

function reset!(curvature::LimitedCurvature)
    foreach(array -> fill!(array, 0.0), (curvature.s, curvature.y, curvature.rho))
    curvature.pairs = 0
    return curvature
end

function update!(curvature::LimitedCurvature, s, y, modelled)
    usable(s, y) || return curvature
    push_column!(curvature.s, s)
    push_column!(curvature.y, y)
    copyto!(curvature.rho, 1, curvature.rho, 2, length(curvature.rho) - 1)
    curvature.rho[end] = 1.0 / scalar_product(s, y)
    curvature.pairs += 1
    return curvature
end

"Drop the first column and put one at the end."
function push_column!(matrix::Matrix{Float64}, column)
    n, m = size(matrix)
    copyto!(matrix, 1, matrix, n + 1, n * (m - 1))
    copyto!(matrix, n * (m - 1) + 1, column, 1, n)
    return matrix
end
