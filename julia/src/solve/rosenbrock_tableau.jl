# Coefficients of Rosenbrock methods, taken from the solvers' own tables.

"""
A Rosenbrock method. Its dense output is u(t + s h) = u + Σ_i k_i (s b_i + s (1 − s) Σ_m H[m, i] s^(m−1)).
"""
struct RosenbrockTableau
    a::Matrix{Float64}
    C::Matrix{Float64}
    gamma::Float64
    b::Vector{Float64}
    c::Vector{Float64}
    d::Vector{Float64}
    H::Matrix{Float64}
end

"Of a table with fields of these names, as OrdinaryDiffEqRosenbrock has them."
RosenbrockTableau(table) = RosenbrockTableau(table.A, table.C, table.gamma, table.b, table.c, table.d, table.H)

"The tableau that Python wrote."
function RosenbrockTableau(own::AbstractDict)
    vector(name) = Float64[x for x in own[name]]
    b = vector("b")
    a, C, H = (matrix(own[name], length(b)) for name in ("a", "C", "H"))
    return RosenbrockTableau(a, C, Float64(own["gamma"]), b, vector("c"), vector("d"), H)
end

stages(tableau::RosenbrockTableau) = length(tableau.b)

"What the weights of the dense output are multiplied by: the k_i contain the step size."
output_scale(::RosenbrockTableau, h::Float64) = 1.0

"Weights of the stages in the dense output at fraction `s` of the step."
function output_weights!(weights::Vector{Float64}, tableau::RosenbrockTableau, s::Float64)
    degree = size(tableau.H, 1)
    @inbounds for i in 1:stages(tableau)
        w = 0.0
        for m in degree:-1:1
            w = muladd(w, s, tableau.H[m, i])
        end
        weights[i] = s * (tableau.b[i] + (1.0 - s) * w)
    end
    return weights
end
