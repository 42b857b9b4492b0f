# Algebraic states, whose row of the body is a residual, 0 = g(t, u), and no derivative: made consistent with the other
# states where a solve begins, and again behind every jump of the vector field.

"Of one thread: `which` states are algebraic, `block` says which non-zeros of the Jacobian are theirs, and where."
struct Consistency
    which::Vector{Int}
    jacobian::JacobianFunction
    block::Vector{NTuple{3,Int}}        # non-zero, row, column
    matrix::Matrix{Float64}
    u::Vector{Float64}
    du::Vector{Float64}
end

Consistency(::Nothing, p) = nothing

function Consistency(source::CompiledJacobian, p::Vector{Float64})
    which, n = source.algebraic, source.n
    isempty(which) && return nothing
    place = zeros(Int, n)
    place[which] .= eachindex(which)
    entries = [(k, place[r], place[c]) for (k, (r, c)) in enumerate(zip(source.rows, source.columns))]
    block = filter(entry -> entry[2] > 0 && entry[3] > 0, entries)
    jacobian = JacobianFunction(source, Runner(source.values), p, zeros(length(source.rows)), Int[])
    return Consistency(which, jacobian, block, zeros(length(which), length(which)), zeros(n), zeros(n))
end

setup_derivatives!(c::Consistency) = setup!(c.jacobian.runner; c.jacobian.p)

"∂g/∂z of the algebraic states z."
function block!(c::Consistency, u::Vector{Float64}, t::Float64)
    evaluate!(c.jacobian, u, t)
    fill!(c.matrix, 0.0)
    for (k, row, column) in c.block
        c.matrix[row, column] = c.jacobian.values[k]
    end
    return c.matrix
end

"""
    make_consistent!(consistency, u, field, t[, tape]) -> whether it could

The algebraic states in `u` become those for which the residuals are zero, by Newton steps from where they are; none of
these moves one by more than half of its size, nor is one made that doesn't bring the end nearer. As `consistent` of
`unideq.engine.steady`.
"""
function make_consistent!(c::Consistency, u::Vector{Float64}, field::Field, t::Float64)
    z = u[c.which]
    size, trial = [x == 0.0 ? 1.0 : abs(x) for x in z], copyto!(c.u, u)
    residual!(u) = (evaluate!(c.du, u, field, t); c.du[c.which])
    right = residual!(trial)
    for _ in 1:REST_ATTEMPTS
        matrix = lu(block!(c, trial, seen_time(field, t)); check = false)
        issuccess(matrix) || return false
        step = -(matrix \ right)
        scale = max.(abs.(z), size)
        change = maximum(abs.(step) ./ scale)
        isfinite(change) || return false
        if change <= 1e-9
            u[c.which] .= z .+ step
            return all(isfinite, u)
        end
        part, better = min(1.0, 0.5 / change), false
        while part > 1e-8 && !better
            trial[c.which] .= z .+ part .* step
            right = residual!(trial)
            better = all(isfinite, right) && maximum(abs.(matrix \ right) ./ scale) <= (1.0 - part / 4) * change
            better || (part /= 2.0)
        end
        better || return false
        z = trial[c.which]
    end
    return false
end

function make_consistent!(c::Consistency, u::Vector{Float64}, field::Field, t::Float64, tape::Tape)
    found = make_consistent!(c, u, field, t)
    found && record_made!(tape, seen_time(field, t), u)
    return found
end

"The state that a step of no length left, and its time."
made_state!(c::Consistency, tape::Tape, step::Int) =
    (copyto!(c.u, 1, tape.u, state_offset(tape, step + 1) + 1, tape.n), tape.t[step])
