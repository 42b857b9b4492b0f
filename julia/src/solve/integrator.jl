# OrdinaryDiffEq's integrators, made once a thread and used again for every solve.

"Settings of a solve, as `SolverSettings` in `unideq.objective.program`."
struct Settings
    method::Method
    rtol::Float64
    atol::Union{Float64,Vector{Float64}}    # one for all states, or one a state
    max_steps::Int
    adjoint::Symbol
end

Settings(data::AbstractDict) = Settings(
    haskey(data, "tableau") ? Method(data["name"], data["tableau"]) : method(data["name"]),
    Float64(data["rtol"]),
    data["atol"] isa Number ? Float64(data["atol"]) : Float64.(data["atol"]),
    Int(data["max_steps"]),
    Symbol(data["adjoint"]),
)

"The same with steps made from the method's tableau: those know of algebraic states."
by_tableau(s::Settings) = Settings(by_tableau(s.method), s.rtol, s.atol, s.max_steps, s.adjoint)

"""
    make_integrator(field, n, settings, tableau, derivatives)

An integrator of `field`, to be started with `restart!`. `derivatives` is `nothing` for explicit methods, `tableau`
where steps aren't recorded: the integrator's own dense output is wanted then.
"""
function make_integrator(field::Field, n::Int, settings::Settings, tableau, derivatives)
    settings.method.algorithm === nothing && return TableauIntegrator(field, n, settings, derivatives)
    f = ode_function(derivatives)
    problem = ODEProblem{true}(f, zeros(n), (0.0, 1.0), field)
    integrator = init(
        problem,
        settings.method.algorithm(is_sparse(derivatives));
        dt = 1.0,
        adaptive = !settings.method.fixed,
        abstol = settings.atol,
        reltol = settings.rtol,
        maxiters = settings.max_steps,
        save_everystep = false,
        save_start = false,
        save_end = false,
        dense = false,
        calck = tableau === nothing,
        verbose = QUIET,
    )
    Base.invokelatest(settle_stages!, integrator.cache)
    return integrator
end

"Mend the times of a method's stages where its package has them wrong; extensions add methods."
settle_stages!(cache) = nothing

is_sparse(::Nothing) = false
is_sparse(d::SolverDerivatives) = d.prototype isa SparseMatrixCSC

ode_function(::Nothing) = ODEFunction{true,SciMLBase.FullSpecialize}(Rate())

"""
    restart!(integrator, u0, start, stop, dt, stops, limit, again)

Begin a new solve, whose steps end at `stops`. `dt` is the step of fixed-step methods; the others choose their own first
one, or go on with theirs `again`. It ends after `limit` attempts.
"""
function restart!(
    integrator, u0::Vector{Float64}, start::Float64, stop::Float64, dt::Float64, stops, limit::Int, again::Bool,
)
    adaptive = integrator.opts.adaptive
    integrator.opts.dtmax = min(stop - start, longest_step(integrator.p))
    integrator.opts.maxiters = limit
    if !adaptive
        integrator.dt = integrator.dtcache = integrator.dtpropose = dt
    elseif again
        integrator.dt = integrator.dtpropose
    end
    reinit!(
        integrator,
        u0;
        t0 = start,
        tf = stop,
        tstops = stops,
        reset_dt = adaptive && !again,
        reinit_dae = false,
        reinit_callbacks = false,
        initialize_save = false,
    )
    return nothing
end
