# s M − J, factorised anew for every step; J comes as its non-zeros. M is diagonal: 1 where time moves a state, 0 in algebraic ones.

"s M − J for a Jacobian of known pattern: `DenseShifted` or `SparseShifted`."
abstract type ShiftedMatrix end

"Sparse where that pays."
shifted_matrix(j::CompiledJacobian) =
    pays_sparse(j.n, length(j.rows)) ? SparseShifted(j.rows, j.columns, j.n, j.moving) :
    DenseShifted(j.rows, j.columns, j.n, j.moving)

"A dense matrix and its LU factors, which share their memory."
mutable struct DenseShifted <: ShiftedMatrix
    positions::Vector{Int}
    moving::Vector{Int}
    matrix::Matrix{Float64}
    factors::LU{Float64,Matrix{Float64},Vector{Int}}
end

function DenseShifted(rows::Vector{Int}, columns::Vector{Int}, n::Int, moving::Vector{Int})
    matrix = Matrix{Float64}(I, n, n)
    return DenseShifted([n * (c - 1) + r for (r, c) in zip(rows, columns)], moving, matrix, lu(matrix))
end

function factorise!(m::DenseShifted, values::Vector{Float64}, shift::Float64)
    fill!(m.matrix, 0.0)
    @inbounds for (k, p) in enumerate(m.positions)
        m.matrix[p] = -values[k]
    end
    for i in m.moving
        @inbounds m.matrix[i, i] += shift
    end
    m.factors = lu!(m.matrix; check = false)
    return nothing
end

solve!(m::DenseShifted, x::Vector{Float64}) = (ldiv!(m.factors, x); nothing)
solve_transposed!(m::DenseShifted, x::Vector{Float64}) = (ldiv!(transpose(m.factors), x); nothing)

"A sparse matrix and its LU factors; the symbolic analysis is made once."
struct SparseShifted <: ShiftedMatrix
    positions::Vector{Int}
    diagonal::Vector{Int}
    values::Vector{Float64}
    factors::KLUFactors
end

function SparseShifted(rows::Vector{Int}, columns::Vector{Int}, n::Int, moving::Vector{Int})
    pattern = sparse(vcat(rows, 1:n), vcat(columns, 1:n), ones(length(rows) + n), n, n)
    place(r, c) = (range = nzrange(pattern, c); first(range) + searchsortedfirst(view(rowvals(pattern), range), r) - 1)
    values = zeros(nnz(pattern))
    return SparseShifted(map(place, rows, columns), [place(i, i) for i in moving], values, KLUFactors(pattern))
end

function factorise!(m::SparseShifted, values::Vector{Float64}, shift::Float64)
    fill!(m.values, 0.0)
    @inbounds for (k, p) in enumerate(m.positions)
        m.values[p] = -values[k]
    end
    @inbounds for p in m.diagonal
        m.values[p] += shift
    end
    factorise!(m.factors, m.values)
    return nothing
end

solve!(m::SparseShifted, x::Vector{Float64}) = solve!(m.factors, x)
solve_transposed!(m::SparseShifted, x::Vector{Float64}) = solve_transposed!(m.factors, x)
