# Work spread over threads, in parts that don't depend on how many there are.

const BLOCKS = 32

"Items of block i of `count`: fixed, so that sums don't depend on the number of threads."
block_range(i::Int, count::Int, items::Int) = (i-1)*items÷count+1:i*items÷count

"Run `work(slot, range, block)` for all blocks of so many items, each of the `slots` in a thread of its own."
function over_blocks(work, slots::Int, items::Int)
    count = min(items, BLOCKS)
    if slots == 1 || count == 1
        for block in 1:count
            work(1, block_range(block, count, items), block)
        end
        return nothing
    end
    next = Threads.Atomic{Int}(1)
    @sync for slot in 1:slots
        Threads.@spawn begin
            while (block = Threads.atomic_add!(next, 1)) <= count
                work(slot, block_range(block, count, items), block)
            end
        end
    end
    return nothing
end
