# One solve backwards: Ma, Dixit, Innes, Guo & Rackauckas, "A comparison of automatic differentiation and continuous
# sensitivity analysis for derivatives of differential equation solutions" (2021).

# The products are given, so nothing is left to Zygote; of all choices this one prepares the least.
const GIVEN = ZygoteVJP()

Unideq.pull_continuous!(::Val{:gauss}, batch::Batch, lane::Lane, trajectory::Int, u0, once) =
    pull_back!(GaussAdjoint(autojacvec = GIVEN), true, batch, lane, trajectory, u0, once)

Unideq.pull_continuous!(::Val{:quadrature}, batch::Batch, lane::Lane, trajectory::Int, u0, once) = pull_back!(
    QuadratureAdjoint(autojacvec = GIVEN, abstol = 1e-3 * tolerance(batch), reltol = tolerance(batch)),
    true, batch, lane, trajectory, u0, once,
)

Unideq.pull_continuous!(::Val{:interpolating}, batch::Batch, lane::Lane, trajectory::Int, u0, once) =
    pull_back!(InterpolatingAdjoint(autojacvec = GIVEN), false, batch, lane, trajectory, u0, once)

Unideq.pull_continuous!(::Val{:backsolve}, batch::Batch, lane::Lane, trajectory::Int, u0, once) =
    pull_back!(BacksolveAdjoint(autojacvec = GIVEN), false, batch, lane, trajectory, u0, once)

"Relative tolerance of the backward solve."
tolerance(batch::Batch) = 0.1 * batch.problem.settings.rtol

"""
    pull_back!(sensealg, pattern, batch, lane, trajectory, u0, once)

As `pull_by!`. The solve is repeated with dense output; `pattern` says whether the adjoint system has the
Jacobian's own sparsity. Cotangents are scaled to 1, so that an absolute tolerance means the same for every loss.
NaN where a solve doesn't get through.
"""
function pull_back!(sensealg, pattern::Bool, batch::Batch, lane::Lane, trajectory::Int, u0, once)
    p = batch.problem
    first, n, k = p.times_each * (trajectory - 1), p.n, p.times_each
    times, seeds = merged_seeds(batch, first)
    start, stop = p.start[trajectory], times[end]
    scale = maximum(abs, seeds)
    for j in 1:k  # what is observed at the start needs no solve
        p.times[first+j] <= start && Unideq.add_scaled!(u0, 1.0, batch.seeds, n * (first + j - 1))
    end
    (stop <= start || scale == 0.0) && return nothing
    initial = batch.u0[n*(trajectory-1)+1:n*trajectory]
    parameters = isempty(batch.once) ? [0.0] : batch.once
    problem = ODEProblem{true}(vector_field(batch, lane, pattern), initial, (start, stop), parameters)
    algorithm = continuous_algorithm(continuous_method(p.settings.method), lane.derivatives)
    limit = 10 * p.settings.max_steps
    solution = solve(
        problem,
        algorithm;
        abstol = p.settings.atol,
        reltol = p.settings.rtol,
        dense = true,
        maxiters = limit,
        verbose = QUIET,
    )
    arrivals = Arrivals(seeds ./ scale, Inf)
    by_state, by_once = adjoint_sensitivities(
        solution,
        algorithm;
        t = times,
        dgdu_discrete = arrivals,
        sensealg,
        abstol = tolerance(batch),
        reltol = tolerance(batch),
        maxiters = limit,
        verbose = QUIET,
    )
    through = SciMLBase.successful_retcode(solution) && arrivals.earliest == start
    factor = through ? scale : NaN
    Unideq.add_scaled!(u0, factor, vec(collect(by_state)))
    isempty(once) || Unideq.add_scaled!(once, factor, vec(collect(by_once)))
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

function vector_field(batch::Batch, lane::Lane, pattern::Bool)
    p, n = batch.problem, batch.problem.n
    rate = Rate(p.body, batch.once, lane.field.work, zeros(n), zeros(n))
    kernel = (p.gradient::IntegrationDerivatives).body
    by_once = zeros(max(1, length(batch.once)))
    products = Products(kernel, batch.once, lane.body_vjp_work, zeros(n), zeros(n), zeros(n), by_once)
    given = (; vjp = StateProduct(products), vjp_p = OnceProduct(products))
    d = lane.derivatives
    d === nothing && return ODEFunction{true,SciMLBase.FullSpecialize}(rate; given...)
    prototype = pattern ? (; jac_prototype = d.prototype) : (;)
    return ODEFunction{true,SciMLBase.FullSpecialize}(rate; given..., jac = d.jacobian, tgrad = d.time, prototype...)
end

"The solver; what an implicit one must differentiate of the adjoint system, it does by differences."
function continuous_algorithm(method, derivatives)
    algorithm = method.algorithm(is_sparse(derivatives))
    return method.implicit ? remake(algorithm; autodiff = AutoFiniteDiff()) : algorithm
end
