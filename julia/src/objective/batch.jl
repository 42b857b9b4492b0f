# A batch of solves: values, then derivatives in reverse or forward mode, spread over threads.

const BLOCKS = 32

"Trajectories of block i of `count`: fixed, so that sums don't depend on the number of threads."
block_range(i::Int, count::Int, trajectories::Int) =
    (i-1)*trajectories÷count+1:i*trajectories÷count

"Everything that one evaluation of a batch needs and leaves behind. `lanes` are as many as threads may work on it."
mutable struct Batch
    problem::CompiledIntegration
    once::Vector{Float64}
    observe_once::Vector{Float64}
    u0::Vector{Float64}                 # (B, n)
    states::Vector{Float64}             # (B, K, n)
    tapes::Vector{Tape}
    status::Vector{Int}
    statistics::Vector{Statistics}
    lanes::Vector{Lane}
    initial_work::Vector{Float64}
    prologue_works::Vector{Vector{Float64}}     # of prologue and observe_prologue: values, reverse, forward
    # reverse mode
    initial_vjp_work::Vector{Float64}
    seeds::Vector{Float64}              # (B, K, n)
    u0_cotangent::Vector{Float64}
    once_cotangents::Vector{Vector{Float64}}    # one a block
    observe_once_cotangents::Vector{Vector{Float64}}
    row::Vector{Vector{Float64}}        # cotangent of one initial state, one a lane
    # forward mode
    initial_jvp_work::Vector{Float64}
    once_tangent::Vector{Float64}
    observe_once_tangent::Vector{Float64}
    u0_tangent::Vector{Float64}
end

function Batch(p::CompiledIntegration, threads::Int)
    b, k, n = p.trajectories, p.times_each, p.n
    once, observe_once = zeros(p.once.total), zeros(p.observe_once.total)
    tableau = recorded_tableau(p)
    blocks = p.gradient === nothing ? 0 : min(b, BLOCKS)
    lanes = [Lane(p, once) for _ in 1:min(threads, b)]
    kernels = (p, p.gradient, p.tangent)
    works(name) = [d === nothing ? Float64[] : workspace(getfield(d, name)) for d in kernels]
    return Batch(
        p,
        once,
        observe_once,
        zeros(b * n),
        zeros(b * k * n),
        [Tape(n, tableau === nothing ? 0 : stages(tableau), k) for _ in 1:b],
        zeros(Int, b),
        fill(Statistics(), b),
        lanes,
        workspace(p.initial),
        [works(:prologue); works(:observe_prologue)],
        p.gradient === nothing ? Float64[] : workspace(p.gradient.initial),
        zeros(p.gradient === nothing ? 0 : b * k * n),
        zeros(p.gradient === nothing ? 0 : b * n),
        [zeros(p.once.total) for _ in 1:blocks],
        [zeros(p.observe_once.total) for _ in 1:blocks],
        [zeros(n) for _ in lanes],
        p.tangent === nothing ? Float64[] : workspace(p.tangent.initial),
        zeros(p.tangent === nothing ? 0 : p.once.total),
        zeros(p.tangent === nothing ? 0 : p.observe_once.total),
        zeros(p.tangent === nothing ? 0 : b * n),
    )
end

"Run `work(lane number, block)` for all blocks of a batch of B, each lane in a thread of its own."
function over_blocks(work, lanes::Int, trajectories::Int)
    count = min(trajectories, BLOCKS)
    if lanes == 1 || count == 1
        for block in 1:count
            work(1, block_range(block, count, trajectories), block)
        end
        return nothing
    end
    next = Threads.Atomic{Int}(1)
    @sync for lane in 1:lanes
        Threads.@spawn begin
            while (block = Threads.atomic_add!(next, 1)) <= count
                work(lane, block_range(block, count, trajectories), block)
            end
        end
    end
    return nothing
end

"""
    solve_batch!(batch, theta, arrays, offset)

Solve all problems and write the observations to `arrays`, from `offset` on. Returns whether any solve failed.
"""
function solve_batch!(batch::Batch, theta::Vector{Float64}, arrays::Vector{Float64}, offset::Int)
    p, w = batch.problem, batch.prologue_works
    run_whole!(p.prologue, theta, batch.once, w[1])
    run_whole!(p.observe_prologue, theta, batch.observe_once, w[4])
    run_whole!(p.initial, theta, batch.u0, batch.initial_work)
    for lane in batch.lanes
        setup!(lane, p, batch.observe_once)
    end
    over_blocks(length(batch.lanes), p.trajectories) do l, range, _
        lane = batch.lanes[l]
        for trajectory in range
            solve_one!(batch, lane, trajectory)
            observe!(batch, lane, trajectory, arrays, offset)
        end
    end
    return any(!=(SUCCESS), batch.status)
end

"A graph of θ alone: from port a to port b."
function run_whole!(kernel::Kernel, theta, out, work)
    kernel.setup(theta, out, NOTHING, NOTHING, NOTHING, work, 0.0)
    kernel.run(theta, out, NOTHING, NOTHING, NOTHING, work, 0.0)
    return nothing
end

function solve_one!(batch::Batch, lane::Lane, trajectory::Int)
    p, n, k = batch.problem, batch.problem.n, batch.problem.times_each
    copyto!(lane.buffers.u0, 1, batch.u0, n * (trajectory - 1) + 1, n)
    try
        batch.status[trajectory], batch.statistics[trajectory] = solve!(
            integrator_of!(lane, p),
            lane.field,
            p.settings,
            recorded_tableau(p),
            batch.tapes[trajectory],
            Course(p.start[trajectory], p.times, k * (trajectory - 1), p.dt, p.stops, p.jumps),
            batch.states,
            lane.buffers,
        )::Tuple{Int,Statistics}
    catch e
        e isa InterruptException && rethrow()
        lane.integrator = nothing
        batch.status[trajectory], batch.statistics[trajectory] = FAILED, Statistics()
    end
    return nothing
end

"Write the observations of a solve to their places in `arrays`, up to the last time that it reached."
function observe!(batch::Batch, lane::Lane, trajectory::Int, arrays::Vector{Float64}, offset::Int)
    p, state = batch.problem, lane.buffers.state
    for j in 1:batch.statistics[trajectory].reached
        at = p.times_each * (trajectory - 1) + j
        copyto!(state, 1, batch.states, p.n * (at - 1) + 1, p.n)
        p.observe.run(state, batch.observe_once, lane.observed, NOTHING, NOTHING, lane.observe_work, p.seen[at])
        scatter!(arrays, offset, lane.observed, p, at)
    end
    return nothing
end
