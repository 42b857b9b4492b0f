# The discrete adjoint of explicit Runge–Kutta methods: the exact transpose of the steps taken, step sizes being
# constants.
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

"No cotangents yet."
begin_adjoint!(b::AdjointBuffers) = (fill!(b.after, 0.0); fill!(b.live, false); nothing)

"Clear the cotangents; that of the first slope of the step after goes to the last slope where it is the same one."
function begin_adjoint_step!(b::AdjointBuffers, tableau::Tableau)
    fill!(b.before, 0.0)
    last = tableau.fsal ? tableau.main : 0
    carried = last > 1 && b.live[1]
    carried && copyto!(b.slopes[last], b.slopes[1])
    fill!(b.live, false)
    carried && (b.live[last] = true)
    return nothing
end

function pull_step!(s::RecordedSolve, tableau::Tableau, b::AdjointBuffers, step::Int)
    tape, h = s.tape, s.tape.h[step]
    add_scaled!(b.before, 1.0, b.after)
    for i in 1:tableau.main
        add_slope!(b, i, h * tableau.b[i], b.after, 0)
    end
    for i in recorded_stages(tape, tableau, step):-1:(tableau.fsal && !tape.fresh[step] ? 2 : 1)
        b.live[i] || continue
        stage_state!(b.state, tape, tableau, step, i)
        pull_stage!(s, s.history, step, i, b.state, b.slopes[i], b.pulled)
        add_scaled!(b.before, 1.0, b.pulled)
        for l in tableau.rows[i]
            add_slope!(b, l, h * tableau.a[i, l], b.pulled, 0)
        end
    end
    tape.fresh[step] && (b.live[1] = false)
    copyto!(b.after, b.before)
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
