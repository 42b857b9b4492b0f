# Terms evaluated at points.

"""
`Pointwise` of `unideq.objective.program`, compiled: a body evaluated at M points, given what a prologue precomputes from
θ. `points` holds each point's inputs side by side (M, size).

Large graphs run in `blocks`; the graphs of single points are then compiled only for those who look at single points: see
`need_points!`.
"""
mutable struct CompiledPointwise <: Recording
    const name::String
    const count::Int
    const inputs::Layout
    const outputs::Layout
    prologue::Union{Nothing,CompiledGraph}
    body::Union{Nothing,CompiledGraph}
    const points::Vector{Float64}
    const blocks::Union{Nothing,PointBlocks}
    const program::Any
end

function CompiledPointwise(data::AbstractDict)
    body, names, count = read_graph(data["body"]), String[name for name in data["points"]], Int(data["count"])
    inputs, blocks = input_layout(body, names), read_blocks(get(data, "blocks", nothing), names, count)
    points = zeros(count * inputs.total)
    p = CompiledPointwise(
        String(data["name"]), count, inputs, output_layout(body), nothing, nothing, points, blocks, data,
    )
    blocks === nothing && compile_values!(p)
    return p
end

SOURCES["pointwise"] = CompiledPointwise

"Inputs of a graph, of those names."
function input_layout(graph::Graph, names::Vector{String})
    sizes = Dict(graph.nodes[i].name => length(graph.nodes[i]) for i in graph.inputs)
    return Layout(names, [sizes[name] for name in names])
end

function compile_values!(p::CompiledPointwise)
    p.prologue = graph_of_theta(p.program["prologue"])
    p.body = CompiledGraph(p.program["body"], places(p.inputs, :x), p.prologue.y)
    return nothing
end

"Compile what evaluates and differentiates single points, if that hasn't been done."
function need_points!(p::CompiledPointwise)
    p.body === nothing && compile_values!(p)
    p.body.reverse === nothing && compile_graphs!(compile_reverse!, p, p.program["gradient"])
    return p
end

compile_reverse!(p::CompiledPointwise, data::AbstractDict) =
    p.blocks === nothing ? compile_graphs!(compile_reverse!, p, data) :
    compile_reverse!(p.blocks, p.program["blocks"]["gradient"])

compile_forward!(p::CompiledPointwise, data::AbstractDict) =
    p.blocks === nothing ? compile_graphs!(compile_forward!, p, data) :
    compile_graphs!(compile_forward!, p.blocks, p.program["blocks"]["tangent"])

"Compile the derivatives of prologue and body."
function compile_graphs!(compile!, p, data::AbstractDict)
    compile!(p.prologue, data["prologue"])
    compile!(p.body, data["body"])
    return nothing
end

outputs(p::CompiledPointwise) = p.outputs
points(p::CompiledPointwise) = p.count
data_length(p::CompiledPointwise) = p.inputs.total * p.count

"Read each input's values at all points (M, size), one input after the other."
function set_data!(p::CompiledPointwise, data::AbstractVector{Float64})
    for (size, offset) in zip(p.inputs.sizes, p.inputs.offsets), m in 1:p.count, i in 1:size
        p.points[p.inputs.total*(m-1)+offset+i] = data[p.count*offset+size*(m-1)+i]
    end
    p.blocks === nothing || set_data!(p.blocks, data)
    return nothing
end

evaluator(p::CompiledPointwise, threads::Int) = p.blocks === nothing ? PointBatch(p) : BlockBatch(p.blocks, threads)

"Evaluates a source point by point."
struct PointBatch <: Evaluator
    problem::CompiledPointwise
    precomputed::Precomputed
    body::GraphRunner
    point::Vector{Float64}
    value::Vector{Float64}              # of the outputs at a point, or of their derivatives
end

PointBatch(p::CompiledPointwise) =
    PointBatch(p, Precomputed(p.prologue, 1), GraphRunner(p.body), zeros(p.inputs.total), zeros(p.outputs.total))

function read_point!(batch::PointBatch, m::Int)
    size = batch.problem.inputs.total
    copyto!(batch.point, 1, batch.problem.points, size * (m - 1) + 1, size)
    return batch.point
end

function solve_batch!(batch::PointBatch, theta::Vector{Float64}, arrays::Vector{Float64}, offset::Int)
    precompute!(batch.precomputed, theta)
    setup!(batch.body.value; p = batch.precomputed.values)
    for m in 1:batch.problem.count
        evaluate_point!(batch, m)
        scatter!(arrays, offset, batch.value, batch.problem, m)
    end
    return false
end

"The outputs at point m."
function evaluate_point!(batch::PointBatch, m::Int)
    run!(batch.body.value; x = read_point!(batch, m), p = batch.precomputed.values, y = batch.value)
    return batch.value
end

prepare_reverse!(batch::PointBatch) = setup!(batch.body.reverse; p = batch.precomputed.values)

function pull_batch!(batch::PointBatch, theta, cotangents::Vector{Float64}, offset::Int, gradient::Vector{Float64})
    clear_cotangents!(batch.precomputed)
    for m in 1:batch.problem.count
        read_point!(batch, m)
        gather!(batch.value, cotangents, offset, batch.problem, m)
        pull_point!(batch)
    end
    pull_precomputed!(batch.precomputed, theta, gradient)
    return nothing
end

"Add to the cotangents of `precomputed` what those of the outputs at `point`, in `value`, amount to."
function pull_point!(batch::PointBatch)
    given = batch.precomputed
    run!(batch.body.reverse; x = batch.point, p = given.values, dy = batch.value, dp = given.cotangents[1])
    return nothing
end

function push_batch!(batch::PointBatch, theta, tangent, arrays::Vector{Float64}, offset::Int)
    given = batch.precomputed
    push_precomputed!(given, theta, tangent)
    fill!(batch.value, 0.0)
    setup!(batch.body.forward; p = given.values)
    for m in 1:batch.problem.count
        x = read_point!(batch, m)
        run!(batch.body.forward; x, p = given.values, dp = given.tangent, dy = batch.value)
        scatter!(arrays, offset, batch.value, batch.problem, m)
    end
    return nothing
end
