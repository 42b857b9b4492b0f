# KLU (Davis & Palamadai Natarajan 2010, ACM TOMS 37(3), 36), part of the SuiteSparse that comes with Julia, called
# directly: the analysis is made once, later matrices of the same pattern are factorised in the memory of the first.
# UMFPACK, which Julia's `lu` uses, allocates megabytes at every factorisation. LinearSolve's KLU allocates nothing
# either, but it has no transposed solves, and doesn't see that the pivots of an earlier matrix are no good for this one.

"`klu_l_common`: settings of KLU and what it has to say; see its klu.h."
mutable struct KLUCommon
    tol::Cdouble
    memgrow::Cdouble
    initmem_amd::Cdouble
    initmem::Cdouble
    maxwork::Cdouble
    btf::Cint
    ordering::Cint
    scale::Cint
    user_order::Ptr{Cvoid}
    user_data::Ptr{Cvoid}
    halt_if_singular::Cint
    status::Cint
    nrealloc::Cint
    structural_rank::Int64
    numerical_rank::Int64
    singular_col::Int64
    noffdiag::Int64
    flops::Cdouble
    rcond::Cdouble
    condest::Cdouble
    rgrowth::Cdouble
    work::Cdouble
    memusage::Csize_t
    mempeak::Csize_t
    KLUCommon() = new()
end

"LU factors of a sparse square matrix; its non-zeros may change, its pattern may not."
mutable struct KLUFactors
    n::Int
    starts::Vector{Int64}               # of the columns, from 0
    rows::Vector{Int64}                 # from 0
    common::KLUCommon
    symbolic::Ptr{Cvoid}
    numeric::Ptr{Cvoid}
end

function KLUFactors(matrix::SparseMatrixCSC{Float64,Int})
    n = size(matrix, 1)
    f = KLUFactors(n, matrix.colptr .- 1, rowvals(matrix) .- 1, KLUCommon(), C_NULL, C_NULL)
    ccall((:klu_l_defaults, :libklu), Cint, (Ref{KLUCommon},), f.common)
    f.common.halt_if_singular = 0
    f.symbolic = ccall(
        (:klu_l_analyze, :libklu), Ptr{Cvoid}, (Int64, Ptr{Int64}, Ptr{Int64}, Ref{KLUCommon}),
        n, f.starts, f.rows, f.common,
    )
    f.symbolic == C_NULL && error("KLU couldn't analyse a $n × $n matrix (status $(f.common.status))")
    return finalizer(free!, f)
end

function free!(f::KLUFactors)
    free_numeric!(f)
    symbolic = Ref(f.symbolic)
    ccall((:klu_l_free_symbolic, :libklu), Cint, (Ptr{Ptr{Cvoid}}, Ref{KLUCommon}), symbolic, f.common)
    f.symbolic = C_NULL
    return nothing
end

function free_numeric!(f::KLUFactors)
    f.numeric == C_NULL && return nothing
    numeric = Ref(f.numeric)
    ccall((:klu_l_free_numeric, :libklu), Cint, (Ptr{Ptr{Cvoid}}, Ref{KLUCommon}), numeric, f.common)
    f.numeric = C_NULL
    return nothing
end

"Reciprocal pivot growth below which the pivots of an earlier matrix are no good for this one."
const WORST_GROWTH = 1e-6

"Factorise for new non-zeros: with the pivots of the matrix before as long as they are good, else with new ones."
function factorise!(f::KLUFactors, values::Vector{Float64})
    if f.numeric != C_NULL
        arguments = (f.starts, f.rows, values, f.symbolic, f.numeric, f.common)
        done = refactor(arguments...)
        done && growth(arguments...) && f.common.rgrowth > WORST_GROWTH && return nothing
        free_numeric!(f)
    end
    f.numeric = ccall(
        (:klu_l_factor, :libklu), Ptr{Cvoid},
        (Ptr{Int64}, Ptr{Int64}, Ptr{Float64}, Ptr{Cvoid}, Ref{KLUCommon}),
        f.starts, f.rows, values, f.symbolic, f.common,
    )
    return nothing
end

refactor(starts, rows, values, symbolic, numeric, common) =
    ccall(
        (:klu_l_refactor, :libklu), Cint,
        (Ptr{Int64}, Ptr{Int64}, Ptr{Float64}, Ptr{Cvoid}, Ptr{Cvoid}, Ref{KLUCommon}),
        starts, rows, values, symbolic, numeric, common,
    ) == 1

growth(starts, rows, values, symbolic, numeric, common) =
    ccall(
        (:klu_l_rgrowth, :libklu), Cint,
        (Ptr{Int64}, Ptr{Int64}, Ptr{Float64}, Ptr{Cvoid}, Ptr{Cvoid}, Ref{KLUCommon}),
        starts, rows, values, symbolic, numeric, common,
    ) == 1

"x ← A⁻¹ x; NaN where A has no inverse."
function solve!(f::KLUFactors, x::Vector{Float64})
    f.numeric == C_NULL && return fill_nan!(x)
    ccall(
        (:klu_l_solve, :libklu), Cint, (Ptr{Cvoid}, Ptr{Cvoid}, Int64, Int64, Ptr{Float64}, Ref{KLUCommon}),
        f.symbolic, f.numeric, f.n, 1, x, f.common,
    )
    return nothing
end

"x ← A⁻ᵀ x; NaN where A has no inverse."
function solve_transposed!(f::KLUFactors, x::Vector{Float64})
    f.numeric == C_NULL && return fill_nan!(x)
    ccall(
        (:klu_l_tsolve, :libklu), Cint, (Ptr{Cvoid}, Ptr{Cvoid}, Int64, Int64, Ptr{Float64}, Ref{KLUCommon}),
        f.symbolic, f.numeric, f.n, 1, x, f.common,
    )
    return nothing
end

fill_nan!(x::Vector{Float64}) = (fill!(x, NaN); nothing)
