# Forward mode through the recorded Runge–Kutta steps, step sizes being constants.

"Buffers of forward mode, for one thread."
struct TangentBuffers
    slopes::Vector{Vector{Float64}}     # tangents of the stages' slopes
    now::Vector{Float64}                # tangent of the state before the step
    state::Vector{Float64}
    moved::Vector{Float64}              # tangent of the state of a stage
    weights::Vector{Float64}
end

TangentBuffers(n::Int, stages::Int) =
    TangentBuffers([zeros(n) for _ in 1:stages], zeros(n), zeros(n), zeros(n), zeros(stages))

"""
    push_forward!(tape, tableau, kernel, once, once_tangent, work, u0, tangents, offset, buffers)

Carry the tangent `u0` of the initial state along; the tangents of the observed states go to `tangents[offset+1:…]`
(K, n). `kernel` is the body's jvp: (u, once, tangent of u, tangent of once) → tangent of du.
"""
function push_forward!(
    tape::Tape,
    tableau::Tableau,
    kernel::Kernel,
    once::Vector{Float64},
    once_tangent::Vector{Float64},
    work::Vector{Float64},
    u0::Vector{Float64},
    tangents::Vector{Float64},
    offset::Int,
    b::TangentBuffers,
)
    n, j = tape.n, 1
    copyto!(b.now, u0)
    while j <= length(tape.where) && tape.where[j] == 0
        copyto!(tangents, offset + n * (j - 1) + 1, u0, 1, n)
        j += 1
    end
    for step in 1:tape.steps
        h = tape.h[step]
        count = tape.extended[step] ? stages(tableau) : tableau.main
        reuse = tableau.fsal && step > 1
        reuse && copyto!(b.slopes[1], b.slopes[tableau.main])
        for i in (reuse ? 2 : 1):count
            copyto!(b.moved, b.now)
            for l in tableau.rows[i]
                add_scaled!(b.moved, h * tableau.a[i, l], b.slopes[l])
            end
            stage_state!(b.state, tape, tableau, step, i)
            kernel.run(b.state, once, b.moved, once_tangent, b.slopes[i], work, tape.t[step] + tableau.c[i] * h)
        end
        while j <= length(tape.where) && tape.where[j] == step && tape.fraction[j] < 1.0
            output_weights!(b.weights, tableau, tape.fraction[j])
            copyto!(b.moved, b.now)
            for i in 1:count
                add_scaled!(b.moved, h * b.weights[i], b.slopes[i])
            end
            copyto!(tangents, offset + n * (j - 1) + 1, b.moved, 1, n)
            j += 1
        end
        for i in 1:tableau.main
            tableau.b[i] == 0.0 || add_scaled!(b.now, h * tableau.b[i], b.slopes[i])
        end
        while j <= length(tape.where) && tape.where[j] == step
            copyto!(tangents, offset + n * (j - 1) + 1, b.now, 1, n)
            j += 1
        end
    end
    return nothing
end
