# The right-hand side as OrdinaryDiffEq sees it. Its type doesn't depend on the model.

"""
The vector field of one thread: the compiled `body`, what of it is precomputed from θ (`p`), and a record of the last
step's slopes, column after column.

With a tableau, the slopes of a step are recorded in the order of its stages: a rejected attempt's are overwritten.

Where the vector field jumps, it is seen from `low` to `high` only: a stage at a step's end is on the step's own side.
"""
mutable struct Field
    body::Runner
    p::Vector{Float64}
    slopes::Vector{Vector{Float64}}     # one a main stage
    first::Int                          # stage that a step's first evaluation belongs to
    next::Int
    latest::Int
    evaluations::Int
    low::Float64
    high::Float64
    history::Any                        # `History` where it reads the past, or nothing
end

function Field(body::Runner, p::Vector{Float64}, n::Int, tableau, history = nothing)
    count = tableau isa Tableau ? tableau.main : 0
    first = tableau isa Tableau && tableau.fsal ? 2 : 1
    return Field(body, p, [zeros(n) for _ in 1:count], first, first, 1, 0, -Inf, Inf, history)
end

"See the vector field as it is between two jumps, at least `margin` from either; 0: there are none."
function see_between!(field::Field, low::Float64, high::Float64, margin::Float64)
    near = min(margin, 0.25 * (high - low))
    field.low, field.high = margin == 0.0 ? (-Inf, Inf) : (low + near, high - near)
    return nothing
end

"A time on the side of the jumps that the solve is on."
seen_time(field::Field, t::Float64) = clamp(t, field.low, field.high)

function evaluate!(du::Vector{Float64}, u::Vector{Float64}, field::Field, t::Float64)
    field.history === nothing || return evaluate!(du, u, field, field.history, t)
    run!(field.body, seen_time(field, t); x = u, p = field.p, y = du)
    return nothing
end

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
