# Derivatives of a recorded solve, step by step, for every method with a tableau. A method says what one step does:
# `begin_adjoint!`, `begin_adjoint_step!`, `add_slope!` and `pull_step!` backwards, `push_step!` forwards.
# Its buffers have `slopes`, `before` and `after` (of the state), and `weights`; in forward mode also `moved`.

"""
    pull!(tape, tableau, kernel, once, work, seeds, offset, u0, once_cotangent, buffers)

Walk the steps backwards. `seeds[offset+1:…]` are the cotangents of the observed states (K, n); `u0` and
`once_cotangent` are added to. `kernel` is the body's vjp: (u, once, cotangent of du) → (u, once added to).
"""
function pull!(
    tape::Tape,
    tableau::Union{Tableau,RosenbrockTableau},
    kernel::Kernel,
    once::Vector{Float64},
    work::Vector{Float64},
    seeds::Vector{Float64},
    offset::Int,
    u0::Vector{Float64},
    once_cotangent::Vector{Float64},
    b,
)
    n, j = tape.n, length(tape.where)
    begin_adjoint!(b)
    for step in tape.steps:-1:1
        begin_adjoint_step!(b, tableau)
        while j >= 1 && tape.where[j] == step
            from = offset + n * (j - 1)
            if tape.fraction[j] == 1.0
                add_scaled!(b.after, 1.0, seeds, from)
            else
                add_scaled!(b.before, 1.0, seeds, from)
                output_weights!(b.weights, tableau, tape.fraction[j])
                scale = output_scale(tableau, tape.h[step])
                for i in 1:recorded_stages(tape, tableau, step)
                    add_slope!(b, i, scale * b.weights[i], seeds, from)
                end
            end
            j -= 1
        end
        pull_step!(tape, tableau, kernel, once, work, once_cotangent, step, b)
    end
    while j >= 1
        add_scaled!(b.after, 1.0, seeds, offset + n * (j - 1))
        j -= 1
    end
    add_scaled!(u0, 1.0, b.after)
    return nothing
end

"""
    push_forward!(tape, tableau, kernel, once, once_tangent, work, u0, tangents, offset, buffers)

Carry the tangent `u0` of the initial state along; the tangents of the observed states go to `tangents[offset+1:…]`
(K, n). `kernel` is the body's jvp: (u, once, tangent of u, tangent of once) → tangent of du.
"""
function push_forward!(
    tape::Tape,
    tableau::Union{Tableau,RosenbrockTableau},
    kernel::Kernel,
    once::Vector{Float64},
    once_tangent::Vector{Float64},
    work::Vector{Float64},
    u0::Vector{Float64},
    tangents::Vector{Float64},
    offset::Int,
    b,
)
    n, j = tape.n, 1
    copyto!(b.before, u0)
    while j <= length(tape.where) && tape.where[j] == 0
        copyto!(tangents, offset + n * (j - 1) + 1, u0, 1, n)
        j += 1
    end
    for step in 1:tape.steps
        push_step!(tape, tableau, kernel, once, once_tangent, work, step, b)
        while j <= length(tape.where) && tape.where[j] == step
            to = offset + n * (j - 1)
            if tape.fraction[j] == 1.0
                copyto!(tangents, to + 1, b.after, 1, n)
            else
                output_weights!(b.weights, tableau, tape.fraction[j])
                scale = output_scale(tableau, tape.h[step])
                copyto!(b.moved, b.before)
                for i in 1:recorded_stages(tape, tableau, step)
                    add_scaled!(b.moved, scale * b.weights[i], b.slopes[i])
                end
                copyto!(tangents, to + 1, b.moved, 1, n)
            end
            j += 1
        end
        copyto!(b.before, b.after)
    end
    return nothing
end
