# Derivatives along a recorded solve, step by step, for every method with a tableau. A method says what one step does:
# `begin_adjoint!`, `begin_adjoint_step!`, `add_slope!` and `pull_step!` backwards, `push_step!` forwards.
# Its buffers have `slopes`, `before` and `after` (of the state), and `weights`; in forward mode also `moved`.

"""
A solve on its `tape`, and what carries derivatives along it: the `body`'s vjp or jvp, what is precomputed from θ (`p`),
and the cotangents of that, which are added to, or its tangents (`dp`). `jump` is the vjp or jvp of what happens at events,
`consistency` what made algebraic states consistent, `history` what reads the past.
"""
struct RecordedSolve{T<:Union{Tableau,RosenbrockTableau},B,H<:Union{Nothing,History}}
    tape::Tape
    tableau::T
    body::Runner
    p::Vector{Float64}
    dp::Vector{Float64}
    buffers::B
    jump::Union{Nothing,Runner}
    consistency::Union{Nothing,Consistency}
    history::H
end

"The state before a step of no length, at an event, and what `e` was."
function before_jump(s::RecordedSolve, step::Int, k::Int)
    tape = s.tape
    from = state_offset(tape, step)
    return tape.u[from+1:from+tape.n], tape.rows[tape.width*(k-1)+1:tape.width*k]
end

"Carry the cotangent `after` through the k-th event."
function pull_jump!(s::RecordedSolve, step::Int, k::Int)
    b, (x, e) = s.buffers, before_jump(s, step, k)
    run!(s.jump::Runner, s.tape.t[step]; x, s.p, v = e, dy = b.after, dx = b.before, s.dp)
    copyto!(b.after, b.before)
    return nothing
end

"Carry the tangent `before` through the k-th event."
function push_jump!(s::RecordedSolve, step::Int, k::Int)
    b, (x, e) = s.buffers, before_jump(s, step, k)
    run!(s.jump::Runner, s.tape.t[step]; x, s.p, v = e, dx = b.before, s.dp, dy = b.after)
    copyto!(b.before, b.after)
    return nothing
end

"Carry the cotangent `after` of a state made consistent, the last of this step of no length, to the one before."
function pull_made!(s::RecordedSolve, step::Int)
    c, after = s.consistency::Consistency, s.buffers.after
    u, t = made_state!(c, s.tape, step)
    pull_root!(s.body, block!(c, u, t), c.which, u, t, s.p, after, s.dp)
    return nothing
end

"Carry the tangent `before` of a state to that of the same made consistent."
function push_made!(s::RecordedSolve, step::Int)
    c, before = s.consistency::Consistency, s.buffers.before
    u, t = made_state!(c, s.tape, step)
    push_root!(s.body, block!(c, u, t), c.which, u, t, s.p, before, s.dp)
    copyto!(s.buffers.after, before)
    return nothing
end

"""
    pull!(solve, seeds, offset, u0)

Follow the steps backwards. `seeds[offset+1:…]` are the cotangents of the observed states (K, n); `u0` is added to.
"""
function pull!(s::RecordedSolve, seeds::Vector{Float64}, offset::Int, u0::Vector{Float64})
    (; tape, tableau) = s
    b, n, j, k, m = s.buffers, tape.n, length(tape.where), length(tape.jumps), length(tape.made)
    begin_adjoint!(b)
    begin_past!(s.history, tape, u0)
    for step in tape.steps:-1:1
        begin_adjoint_step!(b, tableau)
        pull_past!(s.history, s, step)
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
        if k > 0 && tape.jumps[k] == step
            pull_jump!(s, step, k)
            k -= 1
        elseif m > 0 && tape.made[m] == step
            pull_made!(s, step)
            m -= 1
        else
            pull_step!(s, tableau, b, step)
        end
    end
    while j >= 1
        add_scaled!(b.after, 1.0, seeds, offset + n * (j - 1))
        j -= 1
    end
    s.history === nothing || copyto!(u0, s.history.first)
    add_scaled!(u0, 1.0, b.after)
    return nothing
end

"""
    push_forward!(solve, u0, tangents)

Carry the tangent `u0` of the initial state along; those of the observed states go to `tangents` (K, n).
"""
function push_forward!(s::RecordedSolve, u0::Vector{Float64}, tangents::Vector{Float64})
    (; tape, tableau) = s
    b, n, j, k, m = s.buffers, tape.n, 1, 1, 1
    copyto!(b.before, u0)
    begin_past!(s.history, tape, u0)
    while j <= length(tape.where) && tape.where[j] == 0
        copyto!(tangents, n * (j - 1) + 1, u0, 1, n)
        j += 1
    end
    for step in 1:tape.steps
        if k <= length(tape.jumps) && tape.jumps[k] == step
            push_jump!(s, step, k)
            k += 1
        elseif m <= length(tape.made) && tape.made[m] == step
            push_made!(s, step)
            m += 1
        else
            push_step!(s, tableau, b, step)
            push_past!(s.history, s, step)
        end
        while j <= length(tape.where) && tape.where[j] == step
            to = n * (j - 1)
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
