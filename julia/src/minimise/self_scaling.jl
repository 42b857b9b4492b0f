# Self-scaled members of Broyden's family: how much of the old inverse Hessian an update keeps.
#
# The inverse Hessian H becomes (Al-Baali & Khalfan 2005, "Wide interval for efficient self-scaling quasi-Newton
# algorithms", Optim. Methods Softw. 20; for physics-informed networks Urbán, Stefanou & Pons 2025, J. Comput. Phys. 523)
#
#     H ← (H − (Hy)(Hy)ᵀ / yᵀHy + φ yᵀHy v vᵀ) / τ + ρ s sᵀ,    v = ρ s − Hy / yᵀHy,    ρ = 1 / sᵀy,
#
# from the pair s of steps and y of gradients' differences. τ = 1 and φ = 1 is BFGS. The factors depend on
# h = ρ yᵀHy and b = ρ sᵀBs, B = H⁻¹, whose product is at least 1 (Cauchy & Schwarz).

"τ = min(1, 1/b) and φ = 1; the first update scales by h instead (Nocedal & Wright, equation 6.20)."
struct SelfScaledBFGS end

"""
τ and φ from θ, the member of the family, which lies between the ends θ⁻ and θ⁺ of a wide interval:
θ = max(θ⁻, min(θ⁺, (1 − b)/b)), what the authors' public code calls SSBroyden2.
"""
struct SelfScaledBroyden end

"The rule of a name."
function read_update(name::AbstractString)
    name == "bfgs" && return Plain()
    name == "self_scaled_bfgs" && return SelfScaledBFGS()
    name == "self_scaled_broyden" && return SelfScaledBroyden()
    throw(ArgumentError("there is no update `$name`"))
end

"(τ, φ) of n parameters; `fresh`: H is still the unit matrix."
self_scaling_factors(::SelfScaledBFGS, h, b, fresh, n) = (fresh ? h : min(1.0, 1.0 / b), 1.0)

function self_scaling_factors(::SelfScaledBroyden, h, b, fresh, n)
    a = max(h * b - 1.0, 1e-14)  # the formulas divide by it
    least = min(1.0, h * (1.0 - sqrt(a / (1.0 + a))))
    theta = max((least - 1.0) / a, min(1.0 / least, (1.0 - b) / b))
    sigma = 1.0 + a * theta
    kept = sigma^(1.0 / (1.0 - max(n, 2)))  # makes the scaled update keep the determinant's size
    bound = min(1.0, 1.0 / b)
    tau = fresh ? h / sigma : theta > 0 ? bound * min(kept, 1.0 / theta) : min(bound * kept, sigma)
    return tau, (1.0 - theta) / sigma
end

function update!(curvature::DenseCurvature, s, y, modelled)
    usable(s, y) || return curvature
    h, hy = curvature.inverse_hessian, curvature.product
    for i in eachindex(hy)
        hy[i] = scalar_product(view(h, :, i), y)
    end
    rho, yhy = 1.0 / scalar_product(s, y), scalar_product(y, hy)
    tau, phi = self_scaling_factors(curvature.rule, rho * yhy, rho * modelled, curvature.pairs == 0, length(s))
    # H / τ − u uᵀ ± w wᵀ + z zᵀ. Written as squares it keeps H symmetric to the last bit: without that, rounding makes H
    # lose its definiteness where the scale changes much.
    taken, more, new = curvature.taken, curvature.more, curvature.new
    taken .= hy ./ sqrt(tau * yhy)
    more .= sqrt(abs(phi) * yhy / tau) .* (rho .* s .- hy ./ yhy)
    new .= sqrt(rho) .* s
    for i in eachindex(s)
        scale_and_add!(view(h, :, i), 1.0 / tau, -taken[i], taken, sign(phi) * more[i], more, new[i], new)
    end
    curvature.pairs += 1
    return curvature
end

"x ← a x + b y + c z + d w"
function scale_and_add!(x, a::Float64, b::Float64, y, c::Float64, z, d::Float64, w)
    @inbounds @simd for i in eachindex(x, y, z, w)
        x[i] = a * x[i] + b * y[i] + c * z[i] + d * w[i]
    end
    return x
end
