# A batch of solves: values.

"Everything that one evaluation of a batch needs and leaves behind."
struct Batch <: TrajectoryBatch
    problem::CompiledIntegration
    precomputed::Precomputed
    observe_precomputed::Precomputed
    initial::Precomputed                # states (began, n), then constants (began, q)
    states::Vector{Float64}             # (B, K, n)
    seeds::Vector{Float64}              # (B, K, n), their cotangents
    tapes::Vector{Tape}
    status::Vector{Int}
    statistics::Vector{Statistics}
    slots::Vector{Slot}
    found::Vector{Vector{Float64}}      # crossings of zero, as `Watched` has them
end

function Batch(p::CompiledIntegration, threads::Int)
    b, k, n = p.trajectories, p.times_each, p.n
    q, tableau = p.constants, recorded_tableau(p)
    body, observe = Precomputed(p.graphs.prologue, blocks(p), q), Precomputed(p.graphs.observe_prologue, blocks(p), q)
    return Batch(
        p,
        body,
        observe,
        Precomputed(p.initial, 1; read = p.reads === nothing ? 0 : p.reads.arrays.total),
        zeros(b * k * n),
        zeros(p.graphs.body.reverse === nothing ? 0 : b * k * n),
        [Tape(n, tableau === nothing ? 0 : stages(tableau), k) for _ in 1:b],
        zeros(Int, b),
        fill(Statistics(), b),
        [Slot(p, Sight(p, 0, body, observe)) for _ in 1:min(threads, b)],
        [Float64[] for _ in 1:b],
    )
end

evaluator(p::CompiledIntegration, threads::Int) = Batch(p, threads)

all_precomputed(batch::Batch) = (batch.precomputed, batch.observe_precomputed, batch.initial)

beginning(batch::Batch) = batch.initial

counts_each(p::CompiledIntegration) = 4 + recorded_crossings(p) * (2 + p.n)

recorded_crossings(p::CompiledIntegration) = p.events === nothing || isempty(p.events.numbers) ? 0 : p.events.recorded

"Steps, evaluations, and the crossings of zero, NaN behind the last one."
function counts_of(batch::Batch, trajectory::Int)
    c, found = batch.statistics[trajectory], batch.found[trajectory]
    counts = fill(NaN, counts_each(batch.problem))
    counts[1:4] .= (c.steps, c.accepted, c.rejected, c.evaluations)
    kept = min(length(found), length(counts) - 4)
    copyto!(counts, 5, found, 1, kept)
    return counts
end

function setup_steps!(batch::Batch, slot::Slot, mode::Symbol)
    p = slot.sight.given.values
    slot.jump === nothing || setup!(getfield(slot.jump, mode); p)
    slot.rest === slot.body || setup!(getfield(slot.rest, mode); p)
    slot.consistency === nothing || setup_derivatives!(slot.consistency)
    if mode === :value && slot.happening !== nothing && slot.happening.watched !== nothing
        setup!(slot.happening.watched.level; p)
        setup!(slot.happening.watched.rate; p)
    end
    mode === :value && return setup_derivatives!(slot.derivatives)
    return setup_derivatives!(mode === :reverse ? slot.adjoint : slot.tangent, slot.sight.given.values)
end

"The course of a trajectory's solve."
course_of(p::CompiledIntegration, trajectory::Int) =
    Course(
        p.start[trajectory], p.times, p.times_each * (trajectory - 1), p.dt, own_times(p.stops, trajectory),
        own_times(p.jumps, trajectory), p.when[trajectory], p.occurring[trajectory],
    )

"Where a trajectory's state begins among what `initial` makes."
initial_offset(p::CompiledIntegration, trajectory::Int) = p.n * (began_as(p, trajectory) - 1)

"For how many problems `initial` says where they begin: all known ones, or those solved where it reads their arrays."
began(p::CompiledIntegration) = p.reads === nothing ? p.known : p.trajectories

"Which of them a trajectory is."
began_as(p::CompiledIntegration, trajectory::Int) = p.reads === nothing ? p.rows[trajectory] : trajectory

"Where a trajectory's constants begin there."
constants_offset(p::CompiledIntegration, trajectory::Int) = p.n * began(p) + p.constants * (began_as(p, trajectory) - 1)

"The slot's graphs see the constants of a trajectory."
function begin_trajectory!(batch::Batch, slot::Slot, trajectory::Int)
    p, sight = batch.problem, slot.sight
    for given in (sight.given, sight.seen)
        put_behind!(given.values, batch.initial.values, constants_offset(p, trajectory), p.constants)
    end
    return nothing
end

"Solve, and write the observations to their places in `arrays`, up to the last time that the solve reached."
function solve_trajectory!(batch::Batch, slot::Slot, trajectory::Int, arrays::Vector{Float64}, offset::Int)
    p, n = batch.problem, batch.problem.n
    begin_trajectory!(batch, slot, trajectory)
    if !settle!(batch, slot, trajectory)
        batch.status[trajectory], batch.statistics[trajectory] = NO_CONVERGENCE, Statistics()
        return nothing
    end
    copyto!(slot.buffers.u0, 1, batch.initial.values, initial_offset(p, trajectory) + 1, n)
    batch.status[trajectory], batch.statistics[trajectory] = solve_one!(batch, slot, trajectory)
    if slot.happening !== nothing && slot.happening.watched !== nothing
        append!(empty!(batch.found[trajectory]), slot.happening.watched.found)
    end
    for j in 1:batch.statistics[trajectory].reached
        at = p.times_each * (trajectory - 1) + j
        if j > 1 && p.seen[at] == p.seen[at-1]      # a trajectory with fewer times repeats its last one
            scatter!(arrays, offset, slot.sight.observed, p, at)
            continue
        end
        copyto!(slot.sight.state, 1, batch.states, n * (at - 1) + 1, n)
        observe!(batch, slot.sight, at, p.seen[at], arrays, offset)
    end
    return nothing
end

function solve_one!(batch::Batch, slot::Slot, trajectory::Int)
    p = batch.problem
    try
        return solve!(
            integrator_of!(slot, p),
            slot.field,
            p.settings,
            recorded_tableau(p),
            batch.tapes[trajectory],
            course_of(p, trajectory),
            batch.states,
            slot.buffers,
            slot.happening,
            slot.consistency,
        )::Tuple{Int,Statistics}
    catch e
        e isa InterruptException && rethrow()
        slot.integrator = nothing
        return FAILED, Statistics()
    end
end
