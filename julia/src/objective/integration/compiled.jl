# A batch of initial-value problems, compiled.

"""
What happens on the way: the `jump` of the state, the `level`s that cross zero and their `rate`s. The data have `times`
known events a trajectory, of `width` numbers each; `recorded` crossings are reported.
"""
struct CompiledEvents
    jump::CompiledGraph
    level::Kernel
    rate::Kernel
    numbers::Vector{Int}
    directions::Vector{Int}
    times::Int
    width::Int
    recorded::Int
end

CompiledEvents(::Nothing, graphs::TrajectoryGraphs, q::Int) = nothing

function CompiledEvents(data::AbstractDict, graphs::TrajectoryGraphs, q::Int)
    once = graphs.prologue.y
    given, fixed = with_constants(once, q), once.names
    jump = CompiledGraph(data["jump"], merge(STATE, Dict("e" => Place(:v))), given; fixed)
    watched(name) = (graph = data[name]) === nothing ? idle_kernel() : CompiledGraph(graph, STATE, given; fixed).value
    return CompiledEvents(
        jump, watched("level"), watched("rate"), Int[k for k in data["numbers"]], Int[k for k in data["directions"]],
        Int(data["times"]), Int(data["width"]), Int(data["recorded"]),
    )
end

"""
`Integration` of `unideq.objective.program`, compiled: B solves of n states, observed at K times each.

Where `rows` aren't all, B are those of the `known` problems that are solved. `times` are on the solver's clock, `seen`
as observations see them; steps end at `stops`, and the vector field jumps at `jumps`, one list for all trajectories or
one each. A trajectory has q `constants`. `rest` is what it rests under before, where that isn't the body. `pulled_steps` and `pushed_steps` are derivatives of the steps, where a method
needs more than the body's. `events` is what happens on the way; the trajectories' own are in `when` and `occurring`.
"""
mutable struct CompiledIntegration <: CompiledTrajectories
    const name::String
    const n::Int
    const trajectories::Int
    const known::Int
    const chosen::Bool                  # whether the data say which are solved
    const rows::Vector{Int}
    const times_each::Int
    const constants::Int
    const steady::Int                   # components of u0 that are guesses of a steady state
    const delays::Vector{Float64}       # how long before the body reads the first `delayed` components of u
    const delayed::Int
    const settings::Settings
    const graphs::TrajectoryGraphs
    const rest::Union{Nothing,CompiledGraph}
    const initial::CompiledGraph
    const reads::Union{Nothing,Reads}   # what `initial` reads of earlier sources
    const jacobian::Union{Nothing,CompiledJacobian}     # which also says what is algebraic
    pulled_steps::Union{Nothing,StepDerivatives}
    pushed_steps::Union{Nothing,StepDerivatives}
    const start::Vector{Float64}
    const times::Vector{Float64}
    dt::Float64
    const seen::Vector{Float64}
    const stops::Vector{Vector{Float64}}
    const jumps::Vector{Vector{Float64}}
    const counts::NTuple{2,Int}         # how many stops and jumps the data have, a row
    const stopped::Int                  # and how many rows
    const events::Union{Nothing,CompiledEvents}
    const when::Vector{Vector{Float64}}
    const occurring::Vector{Vector{Float64}}
end

function CompiledIntegration(data::AbstractDict)
    q = Int(get(data, "constants", 0))
    graphs = TrajectoryGraphs(data, "body", q)
    n, known, k = graphs.body.y.total, Int(data["trajectories"]), Int(data["times"])
    rows, own = Int(get(data, "rows", 0)), get(data, "own_stops", false)
    read = haskey(data, "reads") ? Reads(data["reads"]) : nothing
    b = rows == 0 ? known : rows
    jacobian, settings = CompiledJacobian(data["jacobian"], graphs.body, n), Settings(data["solver"])
    return CompiledIntegration(
        String(data["name"]),
        n,
        b,
        known,
        rows > 0,
        collect(1:b),
        k,
        q,
        Int(get(data, "steady", 0)),
        Float64[d for d in get(data, "delays", ())],
        Int(get(data, "delayed", 0)),
        has_algebraic(jacobian) ? by_tableau(settings) : settings,
        graphs,
        resting_graph(get(data, "rest", nothing), graphs, q),
        read === nothing ? graph_of_theta(data["initial"]) : graph_of_theta(data["initial"], read.arrays),
        read,
        jacobian,
        nothing,
        nothing,
        zeros(b),
        zeros(b * k),
        0.0,
        zeros(b * k),
        [Float64[] for _ in 1:(own ? b : 1)],
        [Float64[] for _ in 1:(own ? b : 1)],
        (Int(data["stops"]), Int(data["jumps"])),
        own ? known : 1,
        CompiledEvents(get(data, "events", nothing), graphs, q),
        [Float64[] for _ in 1:b],
        [Float64[] for _ in 1:b],
    )
end

reads(p::CompiledIntegration) = p.reads

resting_graph(::Nothing, graphs::TrajectoryGraphs, q::Int) = nothing
resting_graph(data, graphs::TrajectoryGraphs, q::Int) =
    CompiledGraph(data, STATE, with_constants(graphs.prologue.y, q); fixed = graphs.prologue.y.names)

SOURCES["integration"] = CompiledIntegration

function compile_reverse!(p::CompiledIntegration, data::AbstractDict)
    check_adjoint(p.settings)
    compile_reverse!(p.graphs, data)
    compile_reverse!(p.initial, data["initial"])
    p.rest === nothing || compile_reverse!(p.rest, data["rest"])
    if p.events !== nothing
        check_events(p.settings)
        compile_reverse!(p.events.jump, data["jump"])
    end
    adjoint_of(p.settings) === Val(:discrete) || return nothing
    body = p.graphs.body
    p.pulled_steps = step_derivatives(p, data, pulled_places(body), reverse_inputs(body), "tangent.u" => Place(:v))
    return nothing
end

function compile_forward!(p::CompiledIntegration, data::AbstractDict)
    check_tangent(p.settings)
    compile_forward!(p.graphs, data)
    compile_forward!(p.initial, data["initial"])
    p.rest === nothing || compile_forward!(p.rest, data["rest"])
    p.events === nothing || compile_forward!(p.events.jump, data["jump"])
    body = p.graphs.body
    along = "tangent.u" => Place(:v), "tangent.u.2" => Place(:dx)
    p.pushed_steps = step_derivatives(p, data, places(body.y, :dy), forward_inputs(body), along...)
    return nothing
end

"Second derivatives, which Rosenbrock methods need; `along` are inputs of `curvature` in other places than in `time`."
function step_derivatives(p::CompiledIntegration, data, outputs, inputs, along...)
    p.settings.method.tableau isa RosenbrockTableau || return nothing
    data["curvature"] === nothing && throw(
        Unsupported(
            "A network without second derivatives (Lux) has no derivatives along the steps of " *
            "`$(p.settings.method.name)`; choose `adjoint=\"gauss\"`.",
        ),
    )
    time, fixed = data["time"], p.graphs.body.fixed
    return StepDerivatives(
        (p.jacobian::CompiledJacobian).values,
        kernel_of(data["curvature"], outputs, merge(inputs, Dict(along...)); fixed),
        time === nothing ? nothing : kernel_of(time, outputs, inputs; fixed),
    )
end

"""
The tableau of the steps that are recorded; `nothing` where the method has none, or where neither derivatives are wanted nor
the past is read, and the integrator has a dense output of its own.
"""
function recorded_tableau(p::CompiledIntegration)
    method = p.settings.method
    unread = !is_differentiated(p) && isempty(p.delays)
    return unread && method.algorithm !== nothing ? nothing : method.tableau
end

"Observations of all trajectories together, B·K."
points(integration::CompiledIntegration) = integration.trajectories * integration.times_each

data_length(p::CompiledIntegration) =
    p.known * (1 + 2 * p.times_each) + 1 + p.stopped * sum(p.counts) + (p.chosen ? p.trajectories : 0) +
    data_length(p.events, p.known)

data_length(::Nothing, known::Int) = 0
data_length(e::CompiledEvents, known::Int) = known * e.times * (1 + e.width)

"The times of a trajectory, where all share one list or have one each."
own_times(lists::Vector{Vector{Float64}}, trajectory::Int) = length(lists) == 1 ? lists[1] : lists[trajectory]

function set_data!(p::CompiledIntegration, data::AbstractVector{Float64})
    p.chosen && map!(x -> Int(x) + 1, p.rows, view(data, data_length(p)-p.trajectories+1:data_length(p)))
    at = take_rows!(p.start, data, 0, p, 1)
    at = take_rows!(p.times, data, at, p, p.times_each)
    p.dt = data[at+1]
    at = take_rows!(p.seen, data, at + 1, p, p.times_each)
    for (lists, count) in zip((p.stops, p.jumps), p.counts)
        for (i, list) in enumerate(lists)
            from = at + count * (p.stopped == 1 ? 0 : p.rows[i] - 1)
            append!(empty!(list), Iterators.filter(isfinite, view(data, from+1:from+count)))    # padded with infinity
        end
        at += count * p.stopped
    end
    p.events === nothing || take_events!(p, p.events, data, at)
    return nothing
end

"Take over the events of what is solved: of the known problems the times, behind `at`, then what happens at each."
function take_events!(p::CompiledIntegration, events::CompiledEvents, data::AbstractVector{Float64}, at::Int)
    (; times, width) = events
    for (i, row) in enumerate(p.rows)
        from = at + times * (row - 1)
        append!(empty!(p.when[i]), Iterators.filter(isfinite, view(data, from+1:from+times)))
        from = at + times * p.known + times * width * (row - 1)
        append!(empty!(p.occurring[i]), view(data, from+1:from+length(p.when[i])*width))
    end
    return nothing
end

"Copy what is solved of so many numbers a known problem, behind `at`; where the next begin."
function take_rows!(to::Vector{Float64}, data::AbstractVector{Float64}, at::Int, p::CompiledIntegration, each::Int)
    for (i, row) in enumerate(p.rows)
        copyto!(to, each * (i - 1) + 1, data, at + each * (row - 1) + 1, each)
    end
    return at + each * p.known
end
