# Components of the state that solve equations instead of being known: their derivatives by the implicit function theorem.
# For F(u, p) = 0, the body's rows `which`, in the components `which` of u; `matrix` is ∂F_which/∂u_which.

"""
From the cotangent `row` of such a state to that of the other components, in the same place (zero for these), and of what the
body reads at port p, added to `dp`: −(∂F/∂(u, p))ᵀ w with `matrix`ᵀ w = the cotangent of these.
"""
function pull_root!(reverse::Runner, matrix::Matrix{Float64}, which, u, t::Float64, p, row, dp)
    seed, pulled = zeros(length(u)), zeros(length(u))
    seed[which] .= -(lu(matrix; check = false)' \ row[which])
    run!(reverse, t; x = u, p, dy = seed, dx = pulled, dp)
    row .+= pulled
    row[which] .= 0.0
    return nothing
end

"The tangent of these becomes part of `row`, from those of the other components there, and of what the body reads at port p."
function push_root!(forward::Runner, matrix::Matrix{Float64}, which, u, t::Float64, p, row, dp)
    pushed = zeros(length(u))
    row[which] .= 0.0
    run!(forward, t; x = u, p, dx = row, dp, dy = pushed)
    row[which] .= -(lu(matrix; check = false) \ pushed[which])
    return nothing
end

"Steps after which the search for a steady state, or for consistent values, ends; as in `unideq.engine.steady`."
const REST_ATTEMPTS = 500
