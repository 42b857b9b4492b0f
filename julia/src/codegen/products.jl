# Matrix products of flat arrays, compiled once with the package. C (m × n, last axis fastest) = A (m × k) · B (k × n);
# A and B have strides (from row to row, from column to column). `add` adds to what is in C.

"Beyond this many multiplications BLAS is faster, by measurement."
const BLAS_PRODUCTS = 64_000

@noinline function product!(
    c::Vector{Float64}, c0::Int, a::Vector{Float64}, a0::Int, ai::Int, ak::Int,
    b::Vector{Float64}, b0::Int, bk::Int, bj::Int, m::Int, k::Int, n::Int, add::Bool,
)
    GC.@preserve a b c begin
        p, q, r = pointer(c, c0 + 1), pointer(a, a0 + 1), pointer(b, b0 + 1)
        if n == 1 && bk == 1
            matrix_vector!(p, q, ai, ak, r, m, k, add)
        elseif m == 1 && ak == 1
            matrix_vector!(p, r, bj, bk, q, n, k, add)
        elseif m * k * n > BLAS_PRODUCTS && is_matrix(ai, ak, m, k) && is_matrix(bk, bj, k, n)
            blas_product!(p, q, ai, ak, r, bk, bj, m, k, n, add)
        elseif bj == 1
            blocked_product!(p, q, ai, ak, r, bk, m, k, n, add)
        elseif bk == 1 && ak == 1
            for i in 0:m-1
                dot_rows!(p + 8i * n, r, bj, q + 8i * ai, n, k, add)
            end
        else
            strided_product!(p, q, ai, ak, r, bk, bj, m, k, n, add)
        end
    end
    return nothing
end

function matrix_vector!(y, a, ai, ak, x, m, k, add)
    if ak == 1
        dot_rows!(y, a, ai, x, m, k, add)
    elseif ai == 1
        blocked_product!(y, x, 0, 1, a, ak, 1, k, m, add)
    else
        strided_product!(y, a, ai, ak, x, 1, 1, m, k, 1, add)
    end
end

@inline total(x::Vec) = (lane(x, 1) + lane(x, 2)) + (lane(x, 3) + lane(x, 4))
@inline put!(p, value::Float64, add) = unsafe_store!(p, add ? unsafe_load(p) + value : value)
@inline put!(p, value::Vec, add) = store4!(p, add ? plus(load4(p), value) : value)

@inline rows_times(sums, a, ai, v::Vec, ::Val{R}) where {R} =
    ntuple(r -> (@inline; fused(load4(a + 8(r - 1) * ai), v, sums[r])), Val(R))
@inline rows_times(sums, a, ai, v::Float64, ::Val{R}) where {R} =
    ntuple(r -> (@inline; muladd(unsafe_load(a + 8(r - 1) * ai), v, sums[r])), Val(R))

"y = A x, rows of A contiguous: `R` dot products at a time."
@inline function dot_block!(y, a, ai, x, k, add, rows::Val{R}) where {R}
    sums = ntuple(_ -> vec4(0.0), rows)
    rest = ntuple(_ -> 0.0, rows)
    l = 0
    while l + 4 <= k
        sums = rows_times(sums, a + 8l, ai, load4(x + 8l), rows)
        l += 4
    end
    while l < k
        rest = rows_times(rest, a + 8l, ai, unsafe_load(x + 8l), rows)
        l += 1
    end
    put_rows!(y, sums, rest, add, rows)
end

@inline put_rows!(y, sums, rest, add, ::Val{R}) where {R} =
    (ntuple(r -> (@inline; put!(y + 8(r - 1), total(sums[r]) + rest[r], add); nothing), Val(R)); nothing)

function dot_rows!(y, a, ai, x, m, k, add)
    i = 0
    while i + 4 <= m
        dot_block!(y + 8i, a + 8i * ai, ai, x, k, add, Val(4))
        i += 4
    end
    while i < m
        dot_block!(y + 8i, a + 8i * ai, ai, x, k, add, Val(1))
        i += 1
    end
end

@inline outer_times(sums, a, ai, b, ::Val{R}, ::Val{C}) where {R,C} =
    add_outer(sums, ntuple(i -> (@inline; vec4(unsafe_load(a + 8(i - 1) * ai))), Val(R)),
              ntuple(j -> (@inline; load4(b + 32(j - 1))), Val(C)), Val(C))
@inline add_outer(sums::NTuple{N,Vec}, factors, columns, ::Val{C}) where {N,C} =
    ntuple(s -> (@inline; fused(factors[(s-1)÷C+1], columns[(s-1)%C+1], sums[s])), Val(N))

"`R` rows by `4 C` columns of the product, in registers; rows of B contiguous."
@inline function product_block!(c, n, a, ai, ak, b, bk, k, add, rows::Val{R}, columns::Val{C}) where {R,C}
    sums = ntuple(_ -> vec4(0.0), Val(R * C))
    l = 0
    while l < k
        sums = outer_times(sums, a + 8l * ak, ai, b + 8l * bk, rows, columns)
        l += 1
    end
    put_block!(c, n, sums, add, columns)
end

@inline put_block!(c, n, sums::NTuple{N,Vec}, add, ::Val{C}) where {N,C} =
    (ntuple(s -> (@inline; put!(c + 8(((s - 1) ÷ C) * n + 4((s - 1) % C)), sums[s], add); nothing), Val(N)); nothing)

@inline function row_blocks!(c, n, a, ai, ak, b, bk, m, k, add, columns::Val)
    i = 0
    while i + 4 <= m
        product_block!(c + 8i * n, n, a + 8i * ai, ai, ak, b, bk, k, add, Val(4), columns)
        i += 4
    end
    while i < m
        product_block!(c + 8i * n, n, a + 8i * ai, ai, ak, b, bk, k, add, Val(1), columns)
        i += 1
    end
end

function blocked_product!(c, a, ai, ak, b, bk, m, k, n, add)
    j = 0
    if m == 1
        while j + 32 <= n
            product_block!(c + 8j, n, a, ai, ak, b + 8j, bk, k, add, Val(1), Val(8))
            j += 32
        end
    end
    while j + 8 <= n
        row_blocks!(c + 8j, n, a, ai, ak, b + 8j, bk, m, k, add, Val(2))
        j += 8
    end
    while j + 4 <= n
        row_blocks!(c + 8j, n, a, ai, ak, b + 8j, bk, m, k, add, Val(1))
        j += 4
    end
    n - j == 1 && narrow_columns!(c + 8j, n, a, ai, ak, b + 8j, bk, m, k, add, Val(1))
    n - j == 2 && narrow_columns!(c + 8j, n, a, ai, ak, b + 8j, bk, m, k, add, Val(2))
    n - j == 3 && narrow_columns!(c + 8j, n, a, ai, ak, b + 8j, bk, m, k, add, Val(3))
    return nothing
end

@inline load_some(p, ::Val{1}) = vec4(unsafe_load(p), 0.0, 0.0, 0.0)
@inline load_some(p, ::Val{2}) = vec4(unsafe_load(p), unsafe_load(p + 8), 0.0, 0.0)
@inline load_some(p, ::Val{3}) = vec4(unsafe_load(p), unsafe_load(p + 8), unsafe_load(p + 16), 0.0)
@inline put_some!(p, x::Vec, add, ::Val{W}) where {W} =
    (ntuple(j -> (@inline; put!(p + 8(j - 1), lane(x, j), add); nothing), Val(W)); nothing)

"The last one to three columns, four rows at a time."
function narrow_columns!(c, n, a, ai, ak, b, bk, m, k, add, width::Val)
    i = 0
    while i + 4 <= m
        narrow_block!(c + 8i * n, n, a + 8i * ai, ai, ak, b, bk, k, add, width, Val(4))
        i += 4
    end
    while i < m
        narrow_block!(c + 8i * n, n, a + 8i * ai, ai, ak, b, bk, k, add, width, Val(1))
        i += 1
    end
end

@inline function narrow_block!(c, n, a, ai, ak, b, bk, k, add, width::Val, rows::Val{R}) where {R}
    sums = ntuple(_ -> vec4(0.0), rows)
    l = 0
    while l < k
        sums = add_rows(sums, a + 8l * ak, ai, load_some(b + 8l * bk, width), rows)
        l += 1
    end
    put_narrow!(c, n, sums, add, width, rows)
end

@inline add_rows(sums, a, ai, v::Vec, ::Val{R}) where {R} =
    ntuple(r -> (@inline; fused(vec4(unsafe_load(a + 8(r - 1) * ai)), v, sums[r])), Val(R))
@inline put_narrow!(c, n, sums, add, width, ::Val{R}) where {R} =
    (ntuple(r -> (@inline; put_some!(c + 8(r - 1) * n, sums[r], add, width)), Val(R)); nothing)

"Any strides: one number at a time."
function strided_product!(c, a, ai, ak, b, bk, bj, m, k, n, add)
    for i in 0:m-1, j in 0:n-1
        sum = 0.0
        for l in 0:k-1
            sum = muladd(unsafe_load(a + 8(i * ai + l * ak)), unsafe_load(b + 8(l * bk + j * bj)), sum)
        end
        put!(c + 8(i * n + j), sum, add)
    end
end

"Can BLAS read it: one stride 1, the other no less than a row or column?"
is_matrix(rows, columns, m, n) = (columns == 1 && rows >= n) || (rows == 1 && columns >= m)

"Row-major C = A B is column-major Cᵀ = Bᵀ Aᵀ."
function blas_product!(c, a, ai, ak, b, bk, bj, m, k, n, add)
    b_flag, b_lead = bj == 1 && bk >= n ? ('N', bk) : ('T', bj)
    a_flag, a_lead = ak == 1 && ai >= k ? ('N', ai) : ('T', ak)
    gemm!(b_flag, a_flag, n, m, k, b, b_lead, a, a_lead, add, c, n)
    return nothing
end

"""
The same in single precision: factors and product go through `scratch` in the workspace, which has room for them; sums
with what is in C are double.
"""
@noinline function single_product!(
    c::Vector{Float64}, c0::Int, a::Vector{Float64}, a0::Int, ai::Int, ak::Int,
    b::Vector{Float64}, b0::Int, bk::Int, bj::Int, m::Int, k::Int, n::Int, add::Bool, w::Vector{Float64}, scratch::Int,
)
    GC.@preserve a b c w begin
        left = Ptr{Float32}(pointer(w, scratch + 1))
        right, product = left + 4m * k, left + 4(m * k + k * n)
        a_flag, a_lead = compact!(left, pointer(a, a0 + 1), ai, ak, m, k)
        b_flag, b_lead = compact!(right, pointer(b, b0 + 1), bk, bj, k, n)
        gemm!(b_flag, a_flag, n, m, k, right, b_lead, left, a_lead, false, product, n)
        add_row!(pointer(c, c0 + 1), product, m * n, add)
    end
    return nothing
end

"Numbers of the workspace that a product in single precision needs."
single_room(m, k, n) = cld(m * k + k * n + m * n, 2)

"A matrix (m × n) in single precision without gaps; how BLAS is to read it, and its leading dimension."
function compact!(to::Ptr{Float32}, from::Ptr{Float64}, rows::Int, columns::Int, m::Int, n::Int)
    by_rows = columns == 1 && rows >= n
    outer, inner, stride = by_rows ? (m, n, rows) : (n, m, columns)
    for i in 0:outer-1
        copy_row!(to + 4i * inner, from + 8i * stride, inner)
    end
    return by_rows ? 'N' : 'T', inner
end

"Some numbers that lie one after the other, in another precision or in the same."
@inline copy_row!(to::Ptr{Float64}, from::Ptr{Float64}, n::Int) = (unsafe_copyto!(to, from, n); nothing)
@inline function copy_row!(to::Ptr{Float32}, from::Ptr{Float64}, n::Int)
    @simd ivdep for k in 1:n
        unsafe_store!(to, Float32(unsafe_load(from, k)), k)
    end
end

"Take over single numbers, or add them."
@inline function add_row!(to::Ptr{Float64}, from::Ptr{Float32}, n::Int, add::Bool)
    if add
        @simd ivdep for k in 1:n
            unsafe_store!(to, unsafe_load(to, k) + Float64(unsafe_load(from, k)), k)
        end
    else
        @simd ivdep for k in 1:n
            unsafe_store!(to, Float64(unsafe_load(from, k)), k)
        end
    end
end

"Column-major C (m × n) = A B, or C + A B; `'T'` for a transposed factor, and the leading dimension of each."
function gemm! end

for (name, T) in ((:dgemm_, Float64), (:sgemm_, Float32))
    @eval @inline function gemm!(a_flag, b_flag, m, n, k, a::Ptr{$T}, a_lead, b::Ptr{$T}, b_lead, add, c::Ptr{$T}, c_lead)
        ccall(
            (BLAS.@blasfunc($name), BLAS.libblastrampoline), Cvoid,
            (
                Ref{UInt8}, Ref{UInt8}, Ref{BLAS.BlasInt}, Ref{BLAS.BlasInt}, Ref{BLAS.BlasInt}, Ref{$T},
                Ptr{$T}, Ref{BLAS.BlasInt}, Ptr{$T}, Ref{BLAS.BlasInt}, Ref{$T}, Ptr{$T},
                Ref{BLAS.BlasInt}, Clong, Clong,
            ),
            UInt8(a_flag), UInt8(b_flag), m, n, k, $(one(T)), a, a_lead, b, b_lead, $T(add), c, c_lead, 1, 1,
        )
        return nothing
    end
end
