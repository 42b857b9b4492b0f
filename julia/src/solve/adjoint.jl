# The discrete adjoint: the exact transpose of the Runge–Kutta steps taken, step sizes being constants.
# Hairer, Wanner & Lubich, Geometric Numerical Integration (2006), section VI.10; Sandu, On the properties of
# Runge–Kutta discrete adjoints (2006).

"Buffers of the discrete adjoint, for one thread."
struct AdjointBuffers
    slopes::Vector{Vector{Float64}}     # cotangents of the stages' slopes
    before::Vector{Float64}             # cotangent of the state before the step
    after::Vector{Float64}              # and after it
    state::Vector{Float64}
    pulled::Vector{Float64}
    weights::Vector{Float64}
    live::Vector{Bool}                  # which slopes have a cotangent
end

AdjointBuffers(n::Int, stages::Int) = AdjointBuffers(
    [zeros(n) for _ in 1:stages], zeros(n), zeros(n), zeros(n), zeros(n), zeros(stages), zeros(Bool, stages),
)

"y .+= w .* x[offset .+ (1:n)]"
@inline function add_scaled!(y::Vector{Float64}, w::Float64, x::Vector{Float64}, offset::Int = 0)
    @inbounds @simd for r in eachindex(y)
        y[r] = muladd(w, x[offset+r], y[r])
    end
    return nothing
end

"""
    pull!(tape, tableau, kernel, once, work, seeds, offset, u0, once_cotangent, buffers)

Walk the steps backwards. `seeds[offset+1:…]` are the cotangents of the observed states (K, n); `u0` and
`once_cotangent` are added to. `kernel` is the body's vjp: (u, once, cotangent of du) → (u, once added to).
"""
function pull!(
    tape::Tape,
    tableau::Tableau,
    kernel::Kernel,
    once::Vector{Float64},
    work::Vector{Float64},
    seeds::Vector{Float64},
    offset::Int,
    u0::Vector{Float64},
    once_cotangent::Vector{Float64},
    b::AdjointBuffers,
)
    n, j = tape.n, length(tape.where)
    first = tableau.fsal ? 2 : 1
    fill!(b.after, 0.0)
    fill!(b.live, false)
    for step in tape.steps:-1:1
        h = tape.h[step]
        count = tape.extended[step] ? stages(tableau) : tableau.main
        begin_adjoint_step!(b, tableau.fsal ? tableau.main : 0, count)
        while j >= 1 && tape.where[j] == step
            from = offset + n * (j - 1)
            if tape.fraction[j] == 1.0
                add_scaled!(b.after, 1.0, seeds, from)
            else
                add_scaled!(b.before, 1.0, seeds, from)
                output_weights!(b.weights, tableau, tape.fraction[j])
                for i in 1:count
                    add_slope!(b, i, h * b.weights[i], seeds, from)
                end
            end
            j -= 1
        end
        add_scaled!(b.before, 1.0, b.after)
        for i in 1:tableau.main
            add_slope!(b, i, h * tableau.b[i], b.after, 0)
        end
        for i in count:-1:first
            b.live[i] || continue
            stage_state!(b.state, tape, tableau, step, i)
            kernel.run(b.state, once, b.slopes[i], b.pulled, once_cotangent, work, tape.t[step] + tableau.c[i] * h)
            add_scaled!(b.before, 1.0, b.pulled)
            for l in tableau.rows[i]
                add_slope!(b, l, h * tableau.a[i, l], b.pulled, 0)
            end
        end
        copyto!(b.after, b.before)
    end
    if tableau.fsal && tape.steps > 0 && b.live[1]
        copyto!(b.state, 1, tape.u, 1, n)
        kernel.run(b.state, once, b.slopes[1], b.pulled, once_cotangent, work, tape.t[1])
        add_scaled!(b.after, 1.0, b.pulled)
    end
    while j >= 1
        add_scaled!(b.after, 1.0, seeds, offset + n * (j - 1))
        j -= 1
    end
    add_scaled!(u0, 1.0, b.after)
    return nothing
end

"Clear the cotangents; that of the first slope of the step after goes to the slope it is the same as, `last` (0: none)."
function begin_adjoint_step!(b::AdjointBuffers, last::Int, count::Int)
    fill!(b.before, 0.0)
    carried = last > 1 && b.live[1]
    carried && copyto!(b.slopes[last], b.slopes[1])
    fill!(b.live, false)
    carried && (b.live[last] = true)
    return nothing
end

"Add to the cotangent of slope i."
@inline function add_slope!(b::AdjointBuffers, i::Int, w::Float64, x::Vector{Float64}, offset::Int)
    w == 0.0 && return nothing
    @inbounds slope = b.slopes[i]
    if @inbounds b.live[i]
        add_scaled!(slope, w, x, offset)
    else
        @inbounds b.live[i] = true
        @inbounds @simd for r in eachindex(slope)
            slope[r] = w * x[offset+r]
        end
    end
    return nothing
end
