# The residuals of terms that are means of squares at points, and their derivatives in θ, one row a residual.

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

"Everything that evaluating R and its Jacobian needs; `slots` has the sources' points, once a thread."
struct ResidualRows
    terms::Vector{TermRows}
    slots::Vector{Vector{PointBatch}}
    rows::Vector{Vector{Float64}}       # of R's Jacobian, one a thread
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
    slot() = [PointBatch(o.sources[s]) for s in used]
    terms = [TermRows(findfirst(==(t.source), used), t.from, t.size, t.points, t.first) for t in terms]
    return ResidualRows(terms, [slot() for _ in 1:threads], [zeros(o.parameters) for _ in 1:threads], first - 1)
end

function locate_array(o::CompiledObjective, array::String)
    for (i, source) in enumerate(o.sources)
        source isa CompiledPointwise || continue
        output = findfirst(name -> source.name * "." * name == array, source.outputs.names)
        output === nothing || return i, output
    end
    throw(ArgumentError("no source makes `$array` at points"))
end

"""
    residuals!(r, rows, weights, theta, terms)

R (N), where every residual is multiplied by √(weight / points) of its term, and the unweighted terms.
"""
function residuals!(r::Vector{Float64}, rows::ResidualRows, weights, theta::Vector{Float64}, terms::Vector{Float64})
    over_parts(rows) do part
        for (s, points) in enumerate(rows.slots[part])
            evaluate_part!(r, rows, points, s, theta, part)
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
function evaluate_part!(r, rows::ResidualRows, points::PointBatch, s::Int, theta, part::Int)
    precompute!(points.precomputed, theta)
    setup!(points.body.value; p = points.precomputed.values)
    for m in share(points.problem.count, part, length(rows.slots))
        evaluate_point!(points, m)
        for term in rows.terms
            term.source == s && copyto!(r, term.first + term.size * (m - 1), points.value, term.from + 1, term.size)
        end
    end
    return nothing
end

"""
    jacobian!(j, rows, weights, theta, free)

The derivatives of R in the free entries of θ, rows as columns of `j` (P, N): one gradient for each residual of a point.
Those in fixed entries are zero.
"""
function jacobian!(j::Matrix{Float64}, rows::ResidualRows, weights, theta::Vector{Float64}, free::Vector{Bool})
    over_parts(rows) do part
        for (s, points) in enumerate(rows.slots[part])
            precompute!(points.precomputed, theta)
            prepare_reverse!(points)
            for m in share(points.problem.count, part, length(rows.slots))
                read_point!(points, m)
                for (term, weight) in zip(rows.terms, weights)
                    term.source == s && differentiate_point!(j, points, m, term, weight, theta, free, rows.rows[part])
                end
            end
        end
    end
    return nothing
end

"The columns of one term at point m."
function differentiate_point!(j, points::PointBatch, m::Int, term::TermRows, weight, theta, free, row)
    for i in 1:term.size
        fill!(points.value, 0.0)
        points.value[term.from+i] = sqrt(weight / term.points)
        clear_cotangents!(points.precomputed)
        pull_point!(points)
        pull_precomputed!(points.precomputed, theta, fill!(row, 0.0))
        column = term.first + term.size * (m - 1) + i - 1
        for k in eachindex(row)
            j[k, column] = free[k] ? row[k] : 0.0
        end
    end
    return nothing
end

"The part-th of so many nearly equal ranges of 1 … count."
share(count::Int, part::Int, parts::Int) = (count*(part-1)÷parts+1):(count*part÷parts)

function over_parts(f, rows::ResidualRows)
    parts = length(rows.slots)
    parts == 1 && return f(1)
    @sync for part in 1:parts
        Threads.@spawn f(part)
    end
    return nothing
end
