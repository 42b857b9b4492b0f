# The residuals of terms that are means of squares at points, and their derivatives in θ, one row a residual.

"""
One source's points, to be evaluated one by one: the kernels of `CompiledPointwise` with a thread's own space.
`once` are the arrays that the prologue computes from θ, `pulled` their cotangents.
"""
struct PointRows
    source::CompiledPointwise
    once::Vector{Float64}
    pulled::Vector{Float64}
    point::Vector{Float64}
    value::Vector{Float64}              # of one point's outputs; in reverse mode their cotangents
    row::Vector{Float64}
    prologue_work::Vector{Float64}
    body_work::Vector{Float64}
    prologue_vjp_work::Vector{Float64}
    body_vjp_work::Vector{Float64}
end

PointRows(p::CompiledPointwise, parameters::Int) = PointRows(
    p,
    zeros(p.once.total),
    zeros(p.once.total),
    zeros(p.inputs.total),
    zeros(p.outputs.total),
    zeros(parameters),
    workspace(p.prologue),
    workspace(p.body),
    workspace(p.prologue_vjp),
    workspace(p.body_vjp),
)

"""
A term as rows of the residual vector R: `size` residuals a point, at `from` in the outputs of source number `source`;
its first row is `first`.
"""
struct TermRows
    source::Int
    from::Int
    size::Int
    points::Int
    first::Int
end

"Everything that evaluating R and its Jacobian needs; `lanes` has the sources' points, once a thread."
struct ResidualRows
    terms::Vector{TermRows}
    lanes::Vector{Vector{PointRows}}
    count::Int
end

"""
    ResidualRows(objective, arrays; threads = 1)

`arrays` names the array of residuals of every term, as `Objective.residuals` does.
"""
function ResidualRows(o::CompiledObjective, arrays::Vector{String}; threads::Int = 1)
    need_reverse!(o)
    terms, first = TermRows[], 1
    for array in arrays
        source, output = locate_array(o, array)
        p = need_points!(o.sources[source])
        term = TermRows(source, p.outputs.offsets[output], p.outputs.sizes[output], p.count, first)
        push!(terms, term)
        first += term.size * term.points
    end
    used = unique!([term.source for term in terms])
    lane() = [PointRows(o.sources[s], o.parameters) for s in used]
    terms = [TermRows(findfirst(==(t.source), used), t.from, t.size, t.points, t.first) for t in terms]
    return ResidualRows(terms, [lane() for _ in 1:threads], first - 1)
end

function locate_array(o::CompiledObjective, array::String)
    for (i, source) in enumerate(o.sources)
        source isa CompiledPointwise || continue
        output = findfirst(name -> source.name * "." * name == array, source.outputs.names)
        output === nothing || return i, output
    end
    throw(ArgumentError("no source makes `$array` at points"))
end

"Copy a point's inputs; all sources lay their points side by side."
function read_point!(rows::PointRows, m::Int)
    size = rows.source.inputs.total
    copyto!(rows.point, 1, rows.source.points, size * (m - 1) + 1, size)
    return rows.point
end

"""
    residuals!(r, rows, weights, theta, terms)

R (N), where every residual is multiplied by √(weight / points) of its term, and the unweighted terms.
"""
function residuals!(r::Vector{Float64}, rows::ResidualRows, weights, theta::Vector{Float64}, terms::Vector{Float64})
    over_lanes(rows) do lane, part, parts
        for (s, points) in enumerate(lane)
            evaluate_part!(r, rows, points, s, theta, part, parts)
        end
    end
    for (i, term) in enumerate(rows.terms)
        own = view(r, term.first:term.first+term.size*term.points-1)
        terms[i] = scalar_product(own, own) / term.points
        own .*= sqrt(weights[i] / term.points)
    end
    return nothing
end

"The unweighted residuals at one part of a source's points."
function evaluate_part!(r, rows::ResidualRows, points::PointRows, s::Int, theta, part::Int, parts::Int)
    p = points.source
    run_whole!(p.prologue, theta, points.once, points.prologue_work)
    p.body.setup(points.point, points.once, points.value, NOTHING, NOTHING, points.body_work, 0.0)
    for m in share(p.count, part, parts)
        p.body.run(read_point!(points, m), points.once, points.value, NOTHING, NOTHING, points.body_work, 0.0)
        for term in rows.terms
            term.source == s && copyto!(r, term.first + term.size * (m - 1), points.value, term.from + 1, term.size)
        end
    end
    return nothing
end

"""
    jacobian!(j, rows, weights, theta, free)

The derivatives of R in the free entries of θ, rows as columns of `j` (P, N): one walk backwards for each residual of a
point. Those in fixed entries are zero.
"""
function jacobian!(j::Matrix{Float64}, rows::ResidualRows, weights, theta::Vector{Float64}, free::Vector{Bool})
    over_lanes(rows) do lane, part, parts
        for (s, points) in enumerate(lane)
            differentiate_part!(j, rows, points, s, weights, theta, free, part, parts)
        end
    end
    return nothing
end

function differentiate_part!(
    j, rows::ResidualRows, points::PointRows, s::Int, weights, theta, free, part::Int, parts::Int,
)
    p = points.source
    run_whole!(p.prologue, theta, points.once, points.prologue_work)
    p.body_vjp.setup(points.point, points.once, points.value, NOTHING, points.pulled, points.body_vjp_work, 0.0)
    for m in share(p.count, part, parts)
        read_point!(points, m)
        for (term, weight) in zip(rows.terms, weights)
            term.source == s || continue
            for i in 1:term.size
                fill!(points.value, 0.0)
                points.value[term.from+i] = sqrt(weight / term.points)
                pull_row!(points, theta)
                column = term.first + term.size * (m - 1) + i - 1
                for k in eachindex(points.row)
                    j[k, column] = free[k] ? points.row[k] : 0.0
                end
            end
        end
    end
    return nothing
end

"The derivative in θ of one point's outputs along the cotangents in `value`."
function pull_row!(points::PointRows, theta::Vector{Float64})
    p = points.source
    fill!(points.pulled, 0.0)
    p.body_vjp.run(points.point, points.once, points.value, NOTHING, points.pulled, points.body_vjp_work, 0.0)
    fill!(points.row, 0.0)
    pull_whole!(p.prologue_vjp, theta, points.pulled, points.row, points.prologue_vjp_work)
    return nothing
end

"The part-th of so many nearly equal ranges of 1 … count."
share(count::Int, part::Int, parts::Int) = (count*(part-1)÷parts+1):(count*part÷parts)

function over_lanes(f, rows::ResidualRows)
    parts = length(rows.lanes)
    parts == 1 && return f(rows.lanes[1], 1, 1)
    @sync for part in 1:parts
        Threads.@spawn f(rows.lanes[part], part, parts)
    end
    return nothing
end
