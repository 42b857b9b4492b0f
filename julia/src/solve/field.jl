# The right-hand side as OrdinaryDiffEq sees it. Its type doesn't depend on the model.

"""
The vector field of one thread: the compiled body, what of it depends on θ alone (`once`), and a record of the last
step's slopes, column after column.

With a tableau, the slopes of a step are recorded in the order of its stages: a rejected attempt's are overwritten.
"""
mutable struct Field
    kernel::Kernel
    once::Vector{Float64}
    work::Vector{Float64}
    slopes::Vector{Vector{Float64}}     # one a main stage
    first::Int                          # stage that a step's first evaluation belongs to
    next::Int
    latest::Int
    evaluations::Int
end

function Field(kernel::Kernel, once::Vector{Float64}, n::Int, tableau)
    count = tableau isa Tableau ? tableau.main : 0
    first = tableau isa Tableau && tableau.fsal ? 2 : 1
    return Field(kernel, once, workspace(kernel), [zeros(n) for _ in 1:count], first, first, 1, 0)
end

evaluate!(du::Vector{Float64}, u::Vector{Float64}, field::Field, t::Float64) =
    (field.kernel.run(u, field.once, du, NOTHING, NOTHING, field.work, t); nothing)

struct Rate end

function (::Rate)(du::Vector{Float64}, u::Vector{Float64}, field::Field, t::Float64)
    evaluate!(du, u, field, t)
    field.evaluations += 1
    isempty(field.slopes) && return nothing
    copyto!(field.slopes[field.next], du)
    field.latest = field.next
    field.next = field.next == length(field.slopes) ? field.first : field.next + 1
    return nothing
end

"Forget the evaluations before the first step, but for the slope at the start where the method begins with it."
function begin_steps!(field::Field)
    isempty(field.slopes) && return nothing
    field.first == 2 && field.latest != 1 && copyto!(field.slopes[1], field.slopes[field.latest])
    field.next = field.first
    return nothing
end

"Make the last slope the next step's first, where the method does so."
function next_step!(field::Field)
    field.first == 2 && length(field.slopes) > 1 && copyto!(field.slopes[1], field.slopes[end])
    field.next = field.first
    return nothing
end
