# Analytic Jacobians for implicit methods.

"""
∂du/∂u by its non-zeros (row, column), and ∂du/∂t; both kernels read what the vector field reads. Time moves the states
`moving`; rows of the others, which are `algebraic`, are residuals.
"""
struct CompiledJacobian
    n::Int
    values::Kernel
    time::Kernel
    rows::Vector{Int}
    columns::Vector{Int}
    moving::Vector{Int}
    algebraic::Vector{Int}
end

CompiledJacobian(::Nothing, body, n) = nothing

has_algebraic(::Nothing) = false
has_algebraic(j::CompiledJacobian) = !isempty(j.algebraic)

"Of the vector field `body`, a `CompiledGraph`."
function CompiledJacobian(data::AbstractDict, body, n::Int)
    algebraic = Int[i + 1 for i in get(data, "algebraic", ())]
    kernel(which, output) = kernel_of(data[which], Dict(output => Place(:y)), all_inputs(body); body.fixed)
    return CompiledJacobian(
        n,
        kernel("values", "values"),
        kernel("time", "du"),
        Int[i + 1 for i in data["rows"]],
        Int[i + 1 for i in data["columns"]],
        setdiff(1:n, algebraic),
        algebraic,
    )
end

"The Jacobian of one thread: OrdinaryDiffEq calls it with the thread's `Field`."
struct JacobianFunction
    source::CompiledJacobian
    runner::Runner
    p::Vector{Float64}
    values::Vector{Float64}
    positions::Vector{Int}              # where the values stand in a sparse matrix's storage
end

struct TimeDerivative
    runner::Runner
    p::Vector{Float64}
end

"Compute the values, for a state at a time."
evaluate!(j::JacobianFunction, u::Vector{Float64}, t::Float64) = run!(j.runner, t; x = u, j.p, y = j.values)

function (j::JacobianFunction)(matrix::Matrix{Float64}, u::Vector{Float64}, field, t::Float64)
    evaluate!(j, u, seen_time(field, t))
    fill!(matrix, 0.0)
    @inbounds for i in eachindex(j.values)
        matrix[j.source.rows[i], j.source.columns[i]] = j.values[i]
    end
    return nothing
end

function (j::JacobianFunction)(matrix::SparseMatrixCSC{Float64,Int}, u::Vector{Float64}, field, t::Float64)
    evaluate!(j, u, seen_time(field, t))
    storage = nonzeros(matrix)
    fill!(storage, 0.0)
    @inbounds for i in eachindex(j.values)
        storage[j.positions[i]] = j.values[i]
    end
    return nothing
end

(d::TimeDerivative)(du::Vector{Float64}, u::Vector{Float64}, field, t::Float64) =
    run!(d.runner, seen_time(field, t); x = u, d.p, y = du)

"""
What implicit methods get besides the right-hand side, for one thread. The prototype is sparse where that pays: more
than 30 states and less than 30 % of the entries; it holds the diagonal, which W = I/(γh) − J fills.
"""
struct SolverDerivatives{M<:AbstractMatrix{Float64}}
    jacobian::JacobianFunction
    time::TimeDerivative
    prototype::M
end

SolverDerivatives(::Nothing, p) = nothing

function SolverDerivatives(source::CompiledJacobian, p::Vector{Float64})
    n, count = source.n, length(source.rows)
    time = TimeDerivative(Runner(source.time), p)
    jacobian(positions) = JacobianFunction(source, Runner(source.values), p, zeros(count), positions)
    pays_sparse(n, count) || return SolverDerivatives(jacobian(Int[]), time, zeros(n, n))
    prototype = sparse([source.rows; 1:n], [source.columns; 1:n], ones(count + n), n, n)
    positions = [storage_position(prototype, r, c) for (r, c) in zip(source.rows, source.columns)]
    return SolverDerivatives(jacobian(positions), time, prototype)
end

"Where entry (r, c) stands in the storage of a sparse matrix that has it."
function storage_position(matrix::SparseMatrixCSC, r::Int, c::Int)
    range = nzrange(matrix, c)
    return first(range) - 1 + searchsortedfirst(view(rowvals(matrix), range), r)
end

"Whether a sparse matrix costs less than a dense one."
pays_sparse(n::Int, count::Int) = n > 30 && count < 0.3 * n^2

"Prepare the kernels for new precomputed values."
setup_derivatives!(::Nothing) = nothing
setup_derivatives!(d::SolverDerivatives) = foreach(f -> setup!(f.runner; f.p), (d.jacobian, d.time))

ode_function(d::SolverDerivatives) = ODEFunction{true,SciMLBase.FullSpecialize}(
    Rate();
    jac = d.jacobian,
    tgrad = d.time,
    jac_prototype = d.prototype,
)
