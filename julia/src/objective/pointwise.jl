# Terms evaluated at points.

"""
`Pointwise` of `unideq.objective.program`, compiled: a body evaluated at M points, given the arrays `once` that a
prologue computes from θ. `points` holds each point's inputs side by side (M, size).

Large graphs run in `blocks`; the kernels for single points, where their size doesn't say otherwise, are compiled only
for those who look at single points: see `need_points!`.
"""
mutable struct CompiledPointwise <: Recording
    name::String
    count::Int
    once::Layout
    inputs::Layout
    outputs::Layout
    prologue::Kernel
    body::Kernel
    prologue_vjp::Kernel
    body_vjp::Kernel
    prologue_jvp::Kernel
    body_jvp::Kernel
    points::Vector{Float64}
    blocks::Union{Nothing,PointBlocks}
    program::Any
end

function CompiledPointwise(data::AbstractDict)
    prologue, body = read_graph(data["prologue"]), read_graph(data["body"])
    once, outputs = output_layout(prologue), output_layout(body)
    sizes = Dict(body.nodes[i].name => length(body.nodes[i]) for i in body.inputs)
    names = String[name for name in data["points"]]
    inputs = Layout(names, [sizes[name] for name in names])
    count = Int(data["count"])
    compiled = CompiledPointwise(
        String(data["name"]),
        count,
        once,
        inputs,
        outputs,
        [uncompiled_kernel() for _ in 1:6]...,
        zeros(count * inputs.total),
        read_blocks(get(data, "blocks", nothing), names, count),
        data,
    )
    compiled.blocks === nothing && compile_values!(compiled)
    return compiled
end

function compile_values!(p::CompiledPointwise)
    p.prologue = kernel_of(p.program["prologue"], places(p.once, :b), THETA)
    p.body = kernel_of(p.program["body"], places(p.outputs, :c), point_inputs(p); fixed = p.once.names)
    return nothing
end

uncompiled_kernel() = Kernel(Code(uncompiled), Code(uncompiled), Float64[])
uncompiled(a, b, c, d, e, w, t) = (throw(ArgumentError("`need_points!` hasn't been called")); nothing)

"Compile what evaluates and differentiates single points, if that hasn't been done."
function need_points!(p::CompiledPointwise)
    compile_values!(p)
    compile_points_reverse!(p, p.program["gradient"])
    return p
end

point_inputs(p::CompiledPointwise) = merge(places(p.inputs, :a), places(p.once, :b))

compile_reverse!(p::CompiledPointwise, data::AbstractDict) =
    p.blocks === nothing ? compile_points_reverse!(p, data) :
    compile_reverse!(p.blocks::PointBlocks, p.program["blocks"]["gradient"])

function compile_points_reverse!(p::CompiledPointwise, data::AbstractDict)
    from_theta = merge(THETA, places(p.once, :b; prefix = "cotangent."))
    p.prologue_vjp = kernel_of(data["prologue"], Dict("theta" => Place(:c; add = true)), from_theta)
    given = merge(point_inputs(p), places(p.outputs, :c; prefix = "cotangent."))
    p.body_vjp = kernel_of(data["body"], places(p.once, :e; add = true), given; fixed = p.once.names)
    return nothing
end

function compile_forward!(p::CompiledPointwise, data::AbstractDict)
    p.blocks === nothing || return compile_forward!(p.blocks::PointBlocks, p.program["blocks"]["tangent"])
    along = merge(THETA, Dict("tangent.theta" => Place(:b)))
    p.prologue_jvp = kernel_of(data["prologue"], places(p.once, :c), along)
    given = merge(point_inputs(p), places(p.once, :d; prefix = "tangent."))
    p.body_jvp = kernel_of(data["body"], places(p.outputs, :e), given; fixed = p.once.names)
    return nothing
end

points(p::CompiledPointwise) = p.count
data_length(p::CompiledPointwise) = p.inputs.total * p.count

"Read each input's values at all points (M, size), one input after the other."
function set_data!(p::CompiledPointwise, data::AbstractVector{Float64})
    for (size, offset) in zip(p.inputs.sizes, p.inputs.offsets), m in 1:p.count, i in 1:size
        p.points[p.inputs.total*(m-1)+offset+i] = data[p.count*offset+size*(m-1)+i]
    end
    set_data!(p.blocks, data)
    return nothing
end

"Everything that one evaluation at all points needs."
struct PointBatch
    problem::CompiledPointwise
    once::Vector{Float64}
    once_other::Vector{Float64}         # their cotangent or tangent
    point::Vector{Float64}
    value::Vector{Float64}
    works::Vector{Vector{Float64}}
    blocks::Union{Nothing,BlockBatch}   # does the work where there is one
end

PointBatch(p::CompiledPointwise, threads::Int) = PointBatch(
    p,
    zeros(p.once.total),
    zeros(p.once.total),
    zeros(p.inputs.total),
    zeros(p.outputs.total),
    [workspace(k) for k in (p.prologue, p.body, p.prologue_vjp, p.body_vjp, p.prologue_jvp, p.body_jvp)],
    p.blocks === nothing ? nothing : BlockBatch(p.blocks, threads),
)

function point!(batch::PointBatch, m::Int)
    size = batch.problem.inputs.total
    copyto!(batch.point, 1, batch.problem.points, size * (m - 1) + 1, size)
    return batch.point
end

function solve_batch!(batch::PointBatch, theta::Vector{Float64}, arrays::Vector{Float64}, offset::Int)
    batch.blocks === nothing || return solve_batch!(batch.blocks::BlockBatch, theta, arrays, offset)
    p, w = batch.problem, batch.works
    run_whole!(p.prologue, theta, batch.once, w[1])
    p.body.setup(batch.point, batch.once, batch.value, NOTHING, NOTHING, w[2], 0.0)
    for m in 1:p.count
        p.body.run(point!(batch, m), batch.once, batch.value, NOTHING, NOTHING, w[2], 0.0)
        scatter!(arrays, offset, batch.value, p, m)
    end
    return false
end

function prepare_reverse!(batch::PointBatch)
    batch.blocks === nothing || return prepare_reverse!(batch.blocks::BlockBatch)
    p = batch.problem
    p.body_vjp.setup(batch.point, batch.once, batch.value, NOTHING, batch.once_other, batch.works[4], 0.0)
    return nothing
end

function pull_batch!(batch::PointBatch, theta, cotangents::Vector{Float64}, offset::Int, gradient::Vector{Float64})
    batch.blocks === nothing || return pull_batch!(batch.blocks::BlockBatch, theta, cotangents, offset, gradient)
    p, w = batch.problem, batch.works
    fill!(batch.once_other, 0.0)
    for m in 1:p.count
        gather!(batch.value, cotangents, offset, p, m)
        p.body_vjp.run(point!(batch, m), batch.once, batch.value, NOTHING, batch.once_other, w[4], 0.0)
    end
    pull_whole!(p.prologue_vjp, theta, batch.once_other, gradient, w[3])
    return nothing
end

function push_batch!(batch::PointBatch, theta, tangent, arrays::Vector{Float64}, offset::Int)
    batch.blocks === nothing || return push_batch!(batch.blocks::BlockBatch, theta, tangent, arrays, offset)
    p, w = batch.problem, batch.works
    push_whole!(p.prologue_jvp, theta, tangent, batch.once_other, w[5])
    fill!(batch.value, 0.0)
    p.body_jvp.setup(batch.point, batch.once, NOTHING, batch.once_other, batch.value, w[6], 0.0)
    for m in 1:p.count
        p.body_jvp.run(point!(batch, m), batch.once, NOTHING, batch.once_other, batch.value, w[6], 0.0)
        scatter!(arrays, offset, batch.value, p, m)
    end
    return nothing
end
