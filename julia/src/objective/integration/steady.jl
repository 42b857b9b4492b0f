# Trajectories that begin at rest: the steady state of the vector field at the start, in place of its guess, and its derivatives.

"""
    settle!(batch, slot, trajectory) -> reached

The trajectory's guess, among what `initial` made, becomes the steady state that the system comes to from there: by implicit
Euler steps that grow, none of which moves a state by more than half of its size, and Newton steps at the end. Algebraic
states are consistent from the first step on.
"""
function settle!(batch::Batch, slot::Slot, trajectory::Int)
    p = batch.problem
    p.steady == 0 && return true
    m, from, t = p.steady, initial_offset(p, trajectory), p.start[trajectory]
    u = batch.initial.values[from+1:from+p.n]
    if slot.consistency !== nothing
        see_between!(slot.field, -Inf, Inf, 0.0)
        make_consistent!(slot.consistency, u, slot.field, t) || return false
    end
    du, trial, moved, jacobian = zeros(p.n), copy(u), zeros(p.n), zeros(m, m)
    mass = Diagonal(moving_states(p.jacobian, m))
    size = [u[i] == 0.0 ? 1.0 : abs(u[i]) for i in 1:m]
    slope!(du, u) = run!(slot.rest.value, t; x = u, p = slot.sight.given.values, y = du)
    slope!(du, u)
    inverse, newton = 10.0 * maximum(mass[i, i] * abs(du[i]) / max(abs(u[i]), size[i]) for i in 1:m), false
    for _ in 1:REST_ATTEMPTS
        all(isfinite, du) || return false
        differences!(jacobian, slope!, u, du, trial, moved, size)
        matrix = lu!((newton ? 0.0 : inverse) * mass - jacobian; check = false)
        step = issuccess(matrix) ? matrix \ view(du, 1:m) : fill(NaN, m)
        change = maximum(abs(step[i]) / max(abs(u[i]), size[i]) for i in 1:m)
        copyto!(trial, u)
        trial[1:m] .+= step
        isfinite(change) && slope!(moved, trial)
        if change <= 0.5 && all(isfinite, moved)
            copyto!(u, trial)
            copyto!(du, moved)
            if newton && change <= 1e-9
                copyto!(batch.initial.values, from + 1, u, 1, m)
                return true
            end
            inverse /= change < 0.1 ? 10.0 : 2.0
            newton = change <= 1e-3
        elseif newton
            newton = false
        else
            inverse *= 4.0
        end
    end
    return false
end

"Of the first m states: 1 where time moves them, 0 where they are algebraic."
moving_states(::Nothing, m::Int) = ones(m)
moving_states(j::CompiledJacobian, m::Int) = [i in j.algebraic ? 0.0 : 1.0 for i in 1:m]

"The Jacobian (m, m) of a slope by forward differences, exact enough for Newton steps, whose end doesn't depend on it."
function differences!(jacobian, slope!, u, du, trial, moved, size)
    for j in eachindex(size)
        copyto!(trial, u)
        trial[j] += sqrt(eps()) * max(abs(u[j]), size[j])
        slope!(moved, trial)
        for i in eachindex(size)
            jacobian[i, j] = (moved[i] - du[i]) / (trial[j] - u[j])
        end
    end
    return nothing
end

"The state that a trajectory begins at."
settled(batch::Batch, trajectory::Int) =
    (from = initial_offset(batch.problem, trajectory); batch.initial.values[from+1:from+batch.problem.n])

"""
    pull_settled!(batch, slot, trajectory, row, dp)

From the cotangent `row` of a steady state, which is zero afterwards, to that of what the body reads at port p, added to `dp`.
"""
function pull_settled!(batch::Batch, slot::Slot, trajectory::Int, row, dp)
    p = batch.problem
    p.steady == 0 && return nothing
    m, t, u, values = p.steady, p.start[trajectory], settled(batch, trajectory), slot.sight.given.values
    seed, pulled, unused, jacobian = zeros(p.n), zeros(p.n), zero(dp), zeros(m, m)
    for i in 1:m
        fill!(seed, 0.0)
        seed[i] = 1.0
        run!(slot.rest.reverse, t; x = u, p = values, dy = seed, dx = pulled, dp = unused)
        jacobian[i, :] .= view(pulled, 1:m)
    end
    pull_root!(slot.rest.reverse, jacobian, 1:m, u, t, values, row, dp)
    return nothing
end

"The tangent of a steady state becomes `row`, from that of what the body reads at port p."
function push_settled!(batch::Batch, slot::Slot, trajectory::Int, row)
    p, given = batch.problem, slot.sight.given
    p.steady == 0 && return nothing
    m, t, u = p.steady, p.start[trajectory], settled(batch, trajectory)
    along, pushed, still, jacobian = zeros(p.n), zeros(p.n), zero(given.tangent), zeros(m, m)
    for j in 1:m
        fill!(along, 0.0)
        along[j] = 1.0
        run!(slot.rest.forward, t; x = u, p = given.values, dx = along, dp = still, dy = pushed)
        jacobian[:, j] .= view(pushed, 1:m)
    end
    push_root!(slot.rest.forward, jacobian, 1:m, u, t, given.values, row, given.tangent)
    return nothing
end
