# A graph evaluated at blocks of points at once, where products with vectors are products of matrices.

"""
What `unideq.engine.julia.blocks` made of a graph: for `size` points at a time, given what a prologue precomputes from θ.
`inputs` and the body's outputs are a block's, every one (size, …). `points` holds the inputs block after block; the last
block repeats its last point where it isn't full.

The body in reverse mode gives values too. The outputs' cotangents are `cotangent` + `coefficient` · output, which lie one
after the other; there is one coefficient for each point of an output.
"""
struct PointBlocks
    size::Int
    number::Int
    count::Int                          # of points
    inputs::Layout
    prologue::CompiledGraph
    body::CompiledGraph
    points::Vector{Float64}
end

read_blocks(::Nothing, names, count::Int) = nothing

function read_blocks(data::AbstractDict, names::Vector{String}, count::Int)
    size, inputs, prologue = Int(data["size"]), input_layout(read_graph(data["body"]), names), graph_of_theta(data["prologue"])
    body, number = CompiledGraph(data["body"], places(inputs, :x), prologue.y), cld(count, size)
    return PointBlocks(size, number, count, inputs, prologue, body, zeros(number * inputs.total))
end

function compile_reverse!(p::PointBlocks, data::AbstractDict)
    y = p.body.y
    coefficients = Dict("coefficient." * name => Place(:dy, y.total + p.size * (i - 1)) for (i, name) in enumerate(y.names))
    outputs = merge(places(y, :y), places(p.body.p, :dp; add = true))
    compile_reverse!(p.prologue, data["prologue"])
    compile_reverse!(p.body, data["body"]; outputs, inputs = merge(reverse_inputs(p.body), coefficients))
    return nothing
end

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
struct BlockSlot
    body::GraphRunner
    point::Vector{Float64}
    value::Vector{Float64}
    seed::Vector{Float64}
end

"Evaluates a source block by block; `slots` are as many as threads may work on it."
struct BlockBatch <: Evaluator
    problem::PointBlocks
    precomputed::Precomputed
    coefficients::Vector{Float64}       # of each output, where cotangents are multiples of the outputs
    slots::Vector{BlockSlot}
end

function BlockBatch(p::PointBlocks, threads::Int)
    y = p.body.y
    seeds = y.total + p.size * length(y.names)
    slot() = BlockSlot(GraphRunner(p.body), zeros(p.inputs.total), zeros(y.total), zeros(seeds))
    precomputed = Precomputed(p.prologue, min(p.number, BLOCKS))
    return BlockBatch(p, precomputed, zeros(length(y.names)), [slot() for _ in 1:min(threads, p.number)])
end

"Points of a block that count."
counted(p::PointBlocks, block::Int) = min(p.size, p.count - p.size * (block - 1))

function read_block!(slot::BlockSlot, p::PointBlocks, block::Int)
    copyto!(slot.point, 1, p.points, p.inputs.total * (block - 1) + 1, p.inputs.total)
    return nothing
end

"A block's outputs go to the arrays, which lie one after the other, each (M, …), from `offset` on."
function write_block!(arrays::Vector{Float64}, offset::Int, value::Vector{Float64}, p::PointBlocks, block::Int)
    for (total, from) in zip(p.body.y.sizes, p.body.y.offsets)
        each = total ÷ p.size
        to = offset + p.count * (from ÷ p.size) + total * (block - 1)
        copyto!(arrays, to + 1, value, from + 1, each * counted(p, block))
    end
    return nothing
end

"The outputs' cotangents at a block, zero at points that don't count. Returns whether all are zero."
function read_cotangents!(slot::BlockSlot, arrays::Vector{Float64}, offset::Int, p::PointBlocks, block::Int)
    fill!(slot.seed, 0.0)
    silent = true
    for (total, from) in zip(p.body.y.sizes, p.body.y.offsets)
        each = total ÷ p.size
        place = offset + p.count * (from ÷ p.size) + total * (block - 1)
        for i in 1:each*counted(p, block)
            slot.seed[from+i] = arrays[place+i]
            silent &= iszero(arrays[place+i])
        end
    end
    return silent
end

"Cotangents that are multiples of the outputs, at the points of a block that count."
function set_coefficients!(slot::BlockSlot, coefficients::Vector{Float64}, p::PointBlocks, block::Int)
    fill!(slot.seed, 0.0)
    for (i, coefficient) in enumerate(coefficients), m in 1:counted(p, block)
        slot.seed[p.body.y.total+p.size*(i-1)+m] = coefficient
    end
    return nothing
end

function solve_batch!(batch::BlockBatch, theta::Vector{Float64}, arrays::Vector{Float64}, offset::Int)
    p, given = batch.problem, batch.precomputed
    precompute!(given, theta)
    foreach(slot -> setup!(slot.body.value; p = given.values), batch.slots)
    over_blocks(length(batch.slots), p.number) do s, range, _
        slot = batch.slots[s]
        for block in range
            read_block!(slot, p, block)
            run!(slot.body.value; x = slot.point, p = given.values, y = slot.value)
            write_block!(arrays, offset, slot.value, p, block)
        end
    end
    return false
end

prepare_reverse!(batch::BlockBatch) =
    foreach(slot -> setup!(slot.body.reverse; p = batch.precomputed.values), batch.slots)

"One block's part of the cotangents of `precomputed`; its outputs are in the slot."
function pull_block!(batch::BlockBatch, slot::BlockSlot, block::Int, dp::Vector{Float64})
    read_block!(slot, batch.problem, block)
    run!(slot.body.reverse; x = slot.point, p = batch.precomputed.values, y = slot.value, dy = slot.seed, dp)
    return nothing
end

function pull_batch!(batch::BlockBatch, theta, cotangents::Vector{Float64}, offset::Int, gradient::Vector{Float64})
    p, given = batch.problem, batch.precomputed
    clear_cotangents!(given)
    over_blocks(length(batch.slots), p.number) do s, range, group
        slot = batch.slots[s]
        for block in range
            read_cotangents!(slot, cotangents, offset, p, block) || pull_block!(batch, slot, block, given.cotangents[group])
        end
    end
    pull_precomputed!(given, theta, gradient)
    return nothing
end

"""
    sweep_batch!(batch, theta, arrays, offset, gradient)

Values and, added to `gradient`, what cotangents amount to that are the outputs times `batch.coefficients`: of sums of
squares, in one pass through the points.
"""
function sweep_batch!(
    batch::BlockBatch,
    theta::Vector{Float64},
    arrays::Vector{Float64},
    offset::Int,
    gradient::Vector{Float64},
)
    p, given = batch.problem, batch.precomputed
    precompute!(given, theta)
    prepare_reverse!(batch)
    clear_cotangents!(given)
    over_blocks(length(batch.slots), p.number) do s, range, group
        slot = batch.slots[s]
        for block in range
            set_coefficients!(slot, batch.coefficients, p, block)
            pull_block!(batch, slot, block, given.cotangents[group])
            write_block!(arrays, offset, slot.value, p, block)
        end
    end
    pull_precomputed!(given, theta, gradient)
    return nothing
end

function push_batch!(batch::BlockBatch, theta, tangent, arrays::Vector{Float64}, offset::Int)
    p, given = batch.problem, batch.precomputed
    push_precomputed!(given, theta, tangent)
    foreach(slot -> setup!(slot.body.forward; p = given.values), batch.slots)
    over_blocks(length(batch.slots), p.number) do s, range, _
        slot = batch.slots[s]
        fill!(slot.value, 0.0)
        for block in range
            read_block!(slot, p, block)
            run!(slot.body.forward; x = slot.point, p = given.values, dp = given.tangent, dy = slot.value)
            write_block!(arrays, offset, slot.value, p, block)
        end
    end
    return nothing
end
