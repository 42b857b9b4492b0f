# One solve backwards: Ma, Dixit, Innes, Guo & Rackauckas, "A comparison of automatic differentiation and continuous
# sensitivity analysis for derivatives of differential equation solutions" (2021).

# The products are given, so nothing is left to Zygote; of all choices this one prepares the least.
const GIVEN = ZygoteVJP()

Unideq.pull_continuous!(::Val{:gauss}, batch::Batch, slot::Slot, trajectory::Int, u0, dp) =
    pull_back!(GaussAdjoint(autojacvec = GIVEN), true, batch, slot, trajectory, u0, dp)

Unideq.pull_continuous!(::Val{:quadrature}, batch::Batch, slot::Slot, trajectory::Int, u0, dp) = pull_back!(
    QuadratureAdjoint(autojacvec = GIVEN, abstol = 1e-3 * tolerance(batch), reltol = tolerance(batch)),
    true, batch, slot, trajectory, u0, dp,
)

Unideq.pull_continuous!(::Val{:interpolating}, batch::Batch, slot::Slot, trajectory::Int, u0, dp) =
    pull_back!(InterpolatingAdjoint(autojacvec = GIVEN), false, batch, slot, trajectory, u0, dp)

Unideq.pull_continuous!(::Val{:backsolve}, batch::Batch, slot::Slot, trajectory::Int, u0, dp) =
    pull_back!(BacksolveAdjoint(autojacvec = GIVEN), false, batch, slot, trajectory, u0, dp)

"Relative tolerance of the backward solve."
tolerance(batch::Batch) = 0.1 * batch.problem.settings.rtol

"""
    pull_back!(sensealg, pattern, batch, slot, trajectory, u0, dp)

As `pull_by!`. The solve is repeated with dense output, from jump to jump of the vector field, and pulled back piece by
piece; `pattern` says whether the adjoint system has the Jacobian's own sparsity. NaN where a solve doesn't get through.
"""
function pull_back!(sensealg, pattern::Bool, batch::Batch, slot::Slot, trajectory::Int, u0, dp)
    p = batch.problem
    first, n, k = p.times_each * (trajectory - 1), p.n, p.times_each
    times, seeds = merged_seeds(batch, first)
    start, stop = p.start[trajectory], times[end]
    for j in 1:k  # what is observed at the start needs no solve
        p.times[first+j] <= start && Unideq.add_scaled!(u0, 1.0, batch.seeds, n * (first + j - 1))
    end
    (stop <= start || iszero(seeds)) && return nothing
    field = vector_field(batch, slot, pattern)
    course = course_of(p, trajectory)
    edges = [start]
    while edges[end] < stop
        push!(edges, next_jump(course, edges[end], stop, false))
    end
    margin = isempty(course.jumps) ? 0.0 : 2.0 * slack(course, stop, false)
    from = initial_offset(p, trajectory)
    state = batch.initial.values[from+1:from+n]
    pieces = map(1:length(edges)-1) do i
        see_between!(slot.field, edges[i], edges[i+1], margin)
        solution = solve_piece(field, batch, slot, state, edges[i], edges[i+1], course)
        state = copy(solution.u[end])
        solution
    end
    arriving = zeros(n)     # cotangent of the state at the end of a piece, from the pieces after it
    for i in length(pieces):-1:1
        see_between!(slot.field, edges[i], edges[i+1], margin)
        pull_piece!(arriving, dp, sensealg, pieces[i], batch, slot, course, times, seeds, edges[i], edges[i+1])
    end
    Unideq.add_scaled!(u0, 1.0, arriving)
    return nothing
end

function solve_piece(field, batch::Batch, slot::Slot, initial, low::Float64, high::Float64, course::Course)
    p = batch.problem
    parameters = isempty(slot.field.p) ? [0.0] : slot.field.p
    return solve(
        ODEProblem{true}(field, initial, (low, high), parameters),
        algorithm_of(p, slot);
        abstol = p.settings.atol,
        reltol = p.settings.rtol,
        tstops = stops_between(course, low, high),
        dense = true,
        maxiters = 10 * p.settings.max_steps,
        verbose = QUIET,
    )
end

algorithm_of(p, slot::Slot) = continuous_algorithm(continuous_method(p.settings.method), slot.derivatives)

"""
From the cotangent of a piece's end, `arriving`, and those of the states observed in it to the cotangent of its
beginning, in the same place; and add to `dp`. Cotangents are scaled to 1, so that an absolute tolerance means
the same for every loss.
"""
function pull_piece!(arriving, dp, sensealg, solution, batch::Batch, slot::Slot, course, times, seeds, low, high)
    p = batch.problem
    inside = findall(t -> low < t < high, times)
    at = [low; times[inside]; high]
    local_seeds = [zeros(p.n) seeds[:, inside] arriving]
    last = findfirst(==(high), times)
    last === nothing || (local_seeds[:, end] .+= view(seeds, :, last))
    scale = maximum(abs, local_seeds)
    fill!(arriving, 0.0)
    scale == 0.0 && return nothing
    arrivals = Arrivals(local_seeds ./ scale, Inf)
    stops = stops_between(course, low, high)
    by_state, by_p = adjoint_sensitivities(
        solution,
        algorithm_of(p, slot);
        t = at,
        dgdu_discrete = arrivals,
        sensealg,
        abstol = tolerance(batch),
        reltol = tolerance(batch),
        maxiters = 10 * p.settings.max_steps,
        verbose = QUIET,
        (isempty(stops) ? (;) : (; tstops = collect(stops)))...,
    )
    through = SciMLBase.successful_retcode(solution) && arrivals.earliest == low
    factor = through ? scale : NaN
    Unideq.add_scaled!(arriving, factor, vec(collect(by_state)))
    isempty(dp) || Unideq.add_scaled!(dp, factor, vec(collect(by_p)))
    return nothing
end

"Distinct times of observation, the start among them, and the cotangents of the states there, one column a time."
function merged_seeds(batch::Batch, first::Int)
    p = batch.problem
    n, start = p.n, p.start[first÷p.times_each+1]
    given = view(p.times, first+1:first+p.times_each)
    times = unique!([start; filter(>(start), given)])
    seeds = zeros(n, length(times))
    for (j, time) in enumerate(given)
        time > start || continue
        column = searchsortedfirst(times, time)
        seeds[:, column] .+= view(batch.seeds, n*(first+j-1)+1:n*(first+j))
    end
    return times, seeds
end

function vector_field(batch::Batch, slot::Slot, pattern::Bool)
    p, n = batch.problem, batch.problem.n
    rate, by_p = Rate(slot.field, zeros(n), zeros(n)), zeros(max(1, length(slot.field.p)))
    products = Products(slot.body.reverse, slot.field, zeros(n), zeros(n), zeros(n), by_p)
    given = (; vjp = StateProduct(products), vjp_p = ParameterProduct(products))
    d = slot.derivatives
    d === nothing && return ODEFunction{true,SciMLBase.FullSpecialize}(rate; given...)
    prototype = pattern ? (; jac_prototype = d.prototype) : (;)
    jac, tgrad = Slope(d.jacobian, slot.field), Slope(d.time, slot.field)
    return ODEFunction{true,SciMLBase.FullSpecialize}(rate; given..., jac, tgrad, prototype...)
end

"The solver; what an implicit one must differentiate of the adjoint system, it does by differences."
function continuous_algorithm(method, derivatives)
    algorithm = method.algorithm(is_sparse(derivatives))
    return method.implicit ? remake(algorithm; autodiff = AutoFiniteDiff()) : algorithm
end
