# A graph evaluated at blocks of points at once, where products with vectors are products of matrices.

"""
What `unideq.engine.julia.blocks` made of a graph: for `size` points at a time, given the arrays `once` that a prologue
computes from θ. `inputs` and `outputs` are a block's, every one (size, …). `points` holds the inputs block after block;
the last block repeats its last point where it isn't full.

`body_vjp` gives values too. The outputs' cotangents are `cotangent` + `coefficient` · output, which lie one after the
other; there is one coefficient for each point of an output.
"""
mutable struct PointBlocks
    size::Int
    number::Int
    count::Int                          # of points
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
end

read_blocks(::Nothing, names, count::Int) = nothing

function read_blocks(data::AbstractDict, names::Vector{String}, count::Int)
    prologue, body, size = read_graph(data["prologue"]), read_graph(data["body"]), Int(data["size"])
    once, outputs, number = output_layout(prologue), output_layout(body), cld(count, size)
    sizes = Dict(body.nodes[i].name => length(body.nodes[i]) for i in body.inputs)
    inputs = Layout(names, [sizes[name] for name in names])
    given = merge(places(inputs, :a), places(once, :b))
    return PointBlocks(
        size,
        number,
        count,
        once,
        inputs,
        outputs,
        kernel_of(data["prologue"], places(once, :b), THETA),
        kernel_of(data["body"], places(outputs, :c), given; fixed = once.names),
        idle_kernel(),
        idle_kernel(),
        idle_kernel(),
        idle_kernel(),
        zeros(number * inputs.total),
    )
end

block_inputs(p::PointBlocks) = merge(places(p.inputs, :a), places(p.once, :b))

function compile_reverse!(p::PointBlocks, data::AbstractDict)
    from_theta = merge(THETA, places(p.once, :b; prefix = "cotangent."))
    p.prologue_vjp = kernel_of(data["prologue"], Dict("theta" => Place(:c; add = true)), from_theta)
    coefficients = Dict(
        "coefficient." * name => Place(:d, p.outputs.total + p.size * (i - 1)) for (i, name) in enumerate(p.outputs.names)
    )
    given = merge(block_inputs(p), places(p.outputs, :d; prefix = "cotangent."), coefficients)
    made = merge(places(p.outputs, :c), places(p.once, :e; add = true))
    p.body_vjp = kernel_of(data["body"], made, given; fixed = p.once.names)
    return nothing
end

function compile_forward!(p::PointBlocks, data::AbstractDict)
    along = merge(THETA, Dict("tangent.theta" => Place(:b)))
    p.prologue_jvp = kernel_of(data["prologue"], places(p.once, :c), along)
    given = merge(block_inputs(p), places(p.once, :d; prefix = "tangent."))
    p.body_jvp = kernel_of(data["body"], places(p.outputs, :e), given; fixed = p.once.names)
    return nothing
end

set_data!(::Nothing, data::AbstractVector{Float64}) = nothing

"Read each input's values at all points (M, …), one input after the other."
function set_data!(p::PointBlocks, data::AbstractVector{Float64})
    for (total, offset) in zip(p.inputs.sizes, p.inputs.offsets)
        each = total ÷ p.size
        from = p.count * (offset ÷ p.size)
        for m in 1:p.size*p.number, i in 1:each
            block, place = divrem(m - 1, p.size)
            p.points[p.inputs.total*block+offset+each*place+i] = data[from+each*(min(m, p.count)-1)+i]
        end
    end
    return nothing
end

"What one thread needs. `seed` holds the outputs' cotangents and coefficients."
struct BlockLane
    point::Vector{Float64}
    value::Vector{Float64}
    seed::Vector{Float64}
    body_work::Vector{Float64}
    vjp_work::Vector{Float64}
    jvp_work::Vector{Float64}
end

"Everything that one evaluation at all points needs; `lanes` are as many as threads may work on it."
struct BlockBatch
    problem::PointBlocks
    once::Vector{Float64}
    once_tangent::Vector{Float64}
    pulled::Vector{Vector{Float64}}     # cotangents of `once`, added up within fixed groups of blocks
    coefficients::Vector{Float64}       # of each output, where cotangents are multiples of the outputs
    lanes::Vector{BlockLane}
    works::Vector{Vector{Float64}}      # of the prologue: values, reverse, forward
end

function BlockBatch(p::PointBlocks, threads::Int)
    outputs = length(p.outputs.names)
    lane() = BlockLane(
        zeros(p.inputs.total),
        zeros(p.outputs.total),
        zeros(p.outputs.total + p.size * outputs),
        workspace(p.body),
        workspace(p.body_vjp),
        workspace(p.body_jvp),
    )
    return BlockBatch(
        p,
        zeros(p.once.total),
        zeros(p.once.total),
        [zeros(p.once.total) for _ in 1:min(p.number, BLOCKS)],
        zeros(outputs),
        [lane() for _ in 1:min(threads, p.number)],
        [workspace(k) for k in (p.prologue, p.prologue_vjp, p.prologue_jvp)],
    )
end

"Points of a block that count."
counted(p::PointBlocks, block::Int) = min(p.size, p.count - p.size * (block - 1))

function read_block!(lane::BlockLane, p::PointBlocks, block::Int)
    copyto!(lane.point, 1, p.points, p.inputs.total * (block - 1) + 1, p.inputs.total)
    return nothing
end

"A block's outputs go to the arrays, which lie one after the other, each (M, …), from `offset` on."
function write_block!(arrays::Vector{Float64}, offset::Int, value::Vector{Float64}, p::PointBlocks, block::Int)
    for (total, from) in zip(p.outputs.sizes, p.outputs.offsets)
        each = total ÷ p.size
        to = offset + p.count * (from ÷ p.size) + total * (block - 1)
        copyto!(arrays, to + 1, value, from + 1, each * counted(p, block))
    end
    return nothing
end

"The outputs' cotangents at a block, zero at points that don't count. Returns whether all are zero."
function read_cotangents!(lane::BlockLane, arrays::Vector{Float64}, offset::Int, p::PointBlocks, block::Int)
    fill!(lane.seed, 0.0)
    silent = true
    for (total, from) in zip(p.outputs.sizes, p.outputs.offsets)
        each = total ÷ p.size
        place = offset + p.count * (from ÷ p.size) + total * (block - 1)
        for i in 1:each*counted(p, block)
            lane.seed[from+i] = arrays[place+i]
            silent &= iszero(arrays[place+i])
        end
    end
    return silent
end

"Cotangents that are multiples of the outputs, at the points of a block that count."
function set_coefficients!(lane::BlockLane, coefficients::Vector{Float64}, p::PointBlocks, block::Int)
    fill!(lane.seed, 0.0)
    for (i, coefficient) in enumerate(coefficients), m in 1:counted(p, block)
        lane.seed[p.outputs.total+p.size*(i-1)+m] = coefficient
    end
    return nothing
end

function solve_batch!(batch::BlockBatch, theta::Vector{Float64}, arrays::Vector{Float64}, offset::Int)
    p = batch.problem
    run_whole!(p.prologue, theta, batch.once, batch.works[1])
    for lane in batch.lanes
        p.body.setup(lane.point, batch.once, lane.value, NOTHING, NOTHING, lane.body_work, 0.0)
    end
    over_blocks(length(batch.lanes), p.number) do l, range, _
        lane = batch.lanes[l]
        for block in range
            read_block!(lane, p, block)
            p.body.run(lane.point, batch.once, lane.value, NOTHING, NOTHING, lane.body_work, 0.0)
            write_block!(arrays, offset, lane.value, p, block)
        end
    end
    return false
end

function prepare_reverse!(batch::BlockBatch)
    once, pulled = batch.once, batch.pulled[1]
    for lane in batch.lanes
        batch.problem.body_vjp.setup(lane.point, once, lane.value, lane.seed, pulled, lane.vjp_work, 0.0)
    end
    return nothing
end

"One block's part of the cotangents of `once`; its outputs are in the lane."
function run_block!(batch::BlockBatch, lane::BlockLane, block::Int, pulled::Vector{Float64})
    p = batch.problem
    read_block!(lane, p, block)
    p.body_vjp.run(lane.point, batch.once, lane.value, lane.seed, pulled, lane.vjp_work, 0.0)
    return nothing
end

function pull_batch!(batch::BlockBatch, theta, cotangents::Vector{Float64}, offset::Int, gradient::Vector{Float64})
    p = batch.problem
    over_blocks(length(batch.lanes), p.number) do l, range, group
        lane, pulled = batch.lanes[l], fill!(batch.pulled[group], 0.0)
        for block in range
            read_cotangents!(lane, cotangents, offset, p, block) || run_block!(batch, lane, block, pulled)
        end
    end
    pull_whole!(p.prologue_vjp, theta, sum_blocks!(batch.pulled), gradient, batch.works[2])
    return nothing
end

"""
    sweep_batch!(batch, theta, arrays, offset, gradient)

Values and, added to `gradient`, what cotangents amount to that are the outputs times `batch.coefficients`: of sums of
squares, in one walk through the points.
"""
function sweep_batch!(
    batch::BlockBatch,
    theta::Vector{Float64},
    arrays::Vector{Float64},
    offset::Int,
    gradient::Vector{Float64},
)
    p = batch.problem
    run_whole!(p.prologue, theta, batch.once, batch.works[1])
    prepare_reverse!(batch)
    over_blocks(length(batch.lanes), p.number) do l, range, group
        lane, pulled = batch.lanes[l], fill!(batch.pulled[group], 0.0)
        for block in range
            set_coefficients!(lane, batch.coefficients, p, block)
            run_block!(batch, lane, block, pulled)
            write_block!(arrays, offset, lane.value, p, block)
        end
    end
    pull_whole!(p.prologue_vjp, theta, sum_blocks!(batch.pulled), gradient, batch.works[2])
    return nothing
end

function push_batch!(batch::BlockBatch, theta, tangent, arrays::Vector{Float64}, offset::Int)
    p = batch.problem
    push_whole!(p.prologue_jvp, theta, tangent, batch.once_tangent, batch.works[3])
    for lane in batch.lanes
        fill!(lane.value, 0.0)
        p.body_jvp.setup(lane.point, batch.once, NOTHING, batch.once_tangent, lane.value, lane.jvp_work, 0.0)
    end
    over_blocks(length(batch.lanes), p.number) do l, range, _
        lane = batch.lanes[l]
        for block in range
            read_block!(lane, p, block)
            p.body_jvp.run(lane.point, batch.once, NOTHING, batch.once_tangent, lane.value, lane.jvp_work, 0.0)
            write_block!(arrays, offset, lane.value, p, block)
        end
    end
    return nothing
end
