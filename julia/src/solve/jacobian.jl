# Analytic Jacobians for implicit methods.

"∂du/∂u by its non-zeros (row, column), and ∂du/∂t; both kernels read u at port a, once-arrays at b, and write to c."
struct CompiledJacobian
    n::Int
    values::Kernel
    time::Kernel
    rows::Vector{Int}
    columns::Vector{Int}
end

CompiledJacobian(::Nothing, once, n) = nothing

function CompiledJacobian(data::AbstractDict, once, n::Int)
    target(name) = Dict(name => Place(:c))
    return CompiledJacobian(
        n,
        kernel_of(data["values"], target("values"), at_state(once); fixed = once.names),
        kernel_of(data["time"], target("du"), at_state(once); fixed = once.names),
        Int[i + 1 for i in data["rows"]],
        Int[i + 1 for i in data["columns"]],
    )
end

"The Jacobian of one thread: OrdinaryDiffEq calls it with the thread's `Field`."
struct JacobianFunction
    source::CompiledJacobian
    once::Vector{Float64}
    work::Vector{Float64}
    values::Vector{Float64}
    slots::Vector{Int}                  # where the values stand in a sparse matrix's storage
end

struct TimeDerivative
    source::CompiledJacobian
    once::Vector{Float64}
    work::Vector{Float64}
end

function (j::JacobianFunction)(matrix::Matrix{Float64}, u::Vector{Float64}, field, t::Float64)
    j.source.values.run(u, j.once, j.values, NOTHING, NOTHING, j.work, seen_time(field, t))
    fill!(matrix, 0.0)
    @inbounds for i in eachindex(j.values)
        matrix[j.source.rows[i], j.source.columns[i]] = j.values[i]
    end
    return nothing
end

function (j::JacobianFunction)(matrix::SparseMatrixCSC{Float64,Int}, u::Vector{Float64}, field, t::Float64)
    j.source.values.run(u, j.once, j.values, NOTHING, NOTHING, j.work, seen_time(field, t))
    storage = nonzeros(matrix)
    fill!(storage, 0.0)
    @inbounds for i in eachindex(j.values)
        storage[j.slots[i]] = j.values[i]
    end
    return nothing
end

(d::TimeDerivative)(du::Vector{Float64}, u::Vector{Float64}, field, t::Float64) =
    (d.source.time.run(u, d.once, du, NOTHING, NOTHING, d.work, seen_time(field, t)); nothing)

"""
What implicit methods get besides the right-hand side, for one thread. The prototype is sparse where that pays: more
than 30 states and less than 30 % of the entries; it holds the diagonal, which W = I/(γh) − J fills.
"""
struct SolverDerivatives{M<:AbstractMatrix{Float64}}
    jacobian::JacobianFunction
    time::TimeDerivative
    prototype::M
end

SolverDerivatives(::Nothing, once) = nothing

function SolverDerivatives(source::CompiledJacobian, once::Vector{Float64})
    n, count = source.n, length(source.rows)
    time = TimeDerivative(source, once, workspace(source.time))
    if !pays_sparse(n, count)
        jacobian = JacobianFunction(source, once, workspace(source.values), zeros(count), Int[])
        return SolverDerivatives(jacobian, time, zeros(n, n))
    end
    prototype = sparse([source.rows; 1:n], [source.columns; 1:n], ones(count + n), n, n)
    slots = [storage_position(prototype, r, c) for (r, c) in zip(source.rows, source.columns)]
    jacobian = JacobianFunction(source, once, workspace(source.values), zeros(count), slots)
    return SolverDerivatives(jacobian, time, prototype)
end

"Where entry (r, c) stands in the storage of a sparse matrix that has it."
function storage_position(matrix::SparseMatrixCSC, r::Int, c::Int)
    range = nzrange(matrix, c)
    return first(range) - 1 + searchsortedfirst(view(rowvals(matrix), range), r)
end

"Whether a sparse matrix costs less than a dense one."
pays_sparse(n::Int, count::Int) = n > 30 && count < 0.3 * n^2

"Prepare the kernels for new values of the once-arrays."
setup!(::Nothing, u::Vector{Float64}, du::Vector{Float64}) = nothing

function setup!(d::SolverDerivatives, u::Vector{Float64}, du::Vector{Float64})
    d.jacobian.source.values.setup(u, d.jacobian.once, d.jacobian.values, NOTHING, NOTHING, d.jacobian.work, 0.0)
    d.time.source.time.setup(u, d.time.once, du, NOTHING, NOTHING, d.time.work, 0.0)
    return nothing
end

ode_function(d::SolverDerivatives) = ODEFunction{true,SciMLBase.FullSpecialize}(
    Rate();
    jac = d.jacobian,
    tgrad = d.time,
    jac_prototype = d.prototype,
)
