# The vector field and its products as SciMLSensitivity calls them. Types don't depend on the model.
# Its arrays may be views: kernels get copies of those.

"`f!(du, u, p, t)`; p is what depends on θ alone."
struct Rate
    field::Field                        # says on which side of jumps a time is
    u::Vector{Float64}
    du::Vector{Float64}
end

(f::Rate)(du::Vector{Float64}, u::Vector{Float64}, p, t) =
    Unideq.evaluate!(du, u, f.field, t)

(f::Rate)(du, u, p, t) = (f(f.du, copyto!(f.u, u), p, t); copyto!(du, f.du); nothing)

"A derivative of the vector field by state or time; the thread's field says on which side of jumps a time is."
struct Slope{F}
    derivative::F
    field::Field
end

(s::Slope)(result, u, p, t) = s.derivative(result, u, s.field, t)

"Buffers of the vector–Jacobian product λᵀ ∂f/∂(u, p): one kernel computes both."
struct Products
    runner::Runner
    field::Field
    u::Vector{Float64}
    cotangent::Vector{Float64}
    by_state::Vector{Float64}
    by_p::Vector{Float64}
end

function products!(v::Products, cotangent, u, t)
    fill!(v.by_p, 0.0)
    x, dy = copyto!(v.u, u), copyto!(v.cotangent, cotangent)
    run!(v.runner, seen_time(v.field, t); x, v.field.p, dy, dx = v.by_state, dp = v.by_p)
    return nothing
end

struct StateProduct
    products::Products
end

(v::StateProduct)(result, cotangent, u, p, t) =
    (products!(v.products, cotangent, u, t); copyto!(result, v.products.by_state); nothing)

struct ParameterProduct
    products::Products
end

(v::ParameterProduct)(result, cotangent, u, p, t) =
    (products!(v.products, cotangent, u, t); copyto!(result, v.products.by_p); nothing)

"The cotangent that arrives at observation i: `(out, u, p, t, i)`. Remembers the earliest time that was reached."
mutable struct Arrivals
    seeds::Matrix{Float64}
    earliest::Float64
end

function (a::Arrivals)(out, u, p, t, i)
    a.earliest = min(a.earliest, t)
    copyto!(out, view(a.seeds, :, i))
    return nothing
end
