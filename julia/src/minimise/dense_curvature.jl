# BFGS: the dense inverse Hessian. Nocedal & Wright 2006, equation 6.17, scaled before the first update (6.20).

"""
Inverse Hessian of P parameters, with rows in Julia's columns (NumPy's order), and the number of `pairs` in it.
`product` is H y; `rule` tells how an update treats what it finds (`Plain`, or a self-scaled one); `taken`, `more` and
`new` are space for self-scaled ones to work in.
"""
mutable struct DenseCurvature{R}
    const inverse_hessian::Matrix{Float64}
    pairs::Int
    const product::Vector{Float64}
    const rule::R
    const taken::Vector{Float64}
    const more::Vector{Float64}
    const new::Vector{Float64}
end

function DenseCurvature(parameters::Int, rule)
    zero() = zeros(parameters)
    return DenseCurvature(Matrix{Float64}(I, parameters, parameters), 0, zero(), rule, zero(), zero(), zero())
end

"BFGS as it is: nothing is scaled after the first update."
struct Plain end

"Whether a pair shows positive curvature, well above rounding."
usable(s, y) = scalar_product(s, y) > 1e-10 * sqrt(scalar_product(s, s) * scalar_product(y, y))

"`direction` ← -H g"
function direction!(direction, curvature::DenseCurvature, gradient)
    for i in eachindex(direction)
        direction[i] = -scalar_product(view(curvature.inverse_hessian, :, i), gradient)
    end
    return direction
end

"Forget everything."
reset!(curvature::DenseCurvature) = reset!(curvature, 1.0)

function reset!(curvature::DenseCurvature, diagonal)
    fill!(curvature.inverse_hessian, 0.0)
    for i in axes(curvature.inverse_hessian, 1)
        curvature.inverse_hessian[i, i] = diagonal
    end
    curvature.pairs = 0
    return curvature
end

"""
Take the pair of differences (s of parameters, y of gradients), if it is usable. `modelled` is sᵀBs with B = H⁻¹, which
self-scaled rules compare with sᵀy.
"""
function update!(curvature::DenseCurvature{Plain}, s, y, modelled)
    usable(s, y) || return curvature
    curvature.pairs == 0 && reset!(curvature, scalar_product(s, y) / scalar_product(y, y))
    h, hy = curvature.inverse_hessian, curvature.product
    for i in eachindex(hy)
        hy[i] = scalar_product(view(h, :, i), y)
    end
    rho = 1.0 / scalar_product(s, y)
    both = rho * (1.0 + rho * scalar_product(y, hy))
    for i in eachindex(s)
        # Row i of H + s (both s - rho H y)ᵀ - rho (H y) sᵀ
        column = view(h, :, i)
        add_multiple!(column, both * s[i] - rho * hy[i], s)
        add_multiple!(column, -rho * s[i], hy)
    end
    curvature.pairs += 1
    return curvature
end
