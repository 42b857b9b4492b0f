# The Brusselator with a neural reaction term in native Julia: in place, dense Jacobian, and sparse with its colouring.

include("serve.jl")
include("network.jl")

using ADTypes, LinearSolve, OrdinaryDiffEqBDF, OrdinaryDiffEqRosenbrock, SparseArrays
using NNlib: tanh_fast

const NET = layers((2, 8, 1), 0)

"Both species interleaved: u₁, v₁, u₂, v₂, …; boundary values u = 1, v = 3."
struct Brusselator
    cells::Int
    diffusion::Float64
end

function (b::Brusselator)(du, w, p, t)
    N, α = b.cells, b.diffusion * (b.cells + 1)^2
    @inbounds for i in 1:N
        u, v = w[2i-1], w[2i]
        left_u, left_v = i == 1 ? (one(u), 3one(v)) : (w[2i-3], w[2i-2])
        right_u, right_v = i == N ? (one(u), 3one(v)) : (w[2i+1], w[2i+2])
        r = u^2 * v + forward(NET, tanh_fast, p, SVector(u, v))[1]
        du[2i-1] = 1 + r - 4u + α * (left_u - 2u + right_u)
        du[2i] = 3u - r + α * (left_v - 2v + right_v)
    end
    return nothing
end

"Each cell depends on itself and, species by species, on its neighbours."
function pattern(N)
    J = spzeros(2N, 2N)
    for i in 1:N
        J[2i-1:2i, 2i-1:2i] .= 1
        for j in (i - 1, i + 1), s in (1, 0)
            1 <= j <= N && (J[2i-s, 2j-s] = 1)
        end
    end
    return J
end

"Columns that no row sees together: three cells apart."
colours(N) = [2 * mod(i - 1, 3) + s for i in 1:N for s in 1:2]

const SOLVERS = Dict(
    "rodas5p" => (ad, linear) -> Rodas5P(; autodiff = ad, linsolve = linear),
    "fbdf" => (ad, linear) -> FBDF(; autodiff = ad, linsolve = linear),
)

function solved(f, alg, u0, p, span, tolerance)
    problem = ODEProblem(f, u0, (0.0, span), p)
    call = () -> solve(problem, alg; reltol = tolerance, abstol = tolerance, save_everystep = false, dense = false)
    solution = call()
    w = solution.u[end]
    facts = Dict{String,Any}("steps" => solution.stats.naccept + solution.stats.nreject, "end" => vcat(w[1:2:end], w[2:2:end]))
    return call, facts
end

function prepare(problem)
    p, N = Float64.(problem["theta"]), Int(problem["cells"])
    start = Float64.(problem["u0"])
    u0 = collect(vec(hcat(start[1:N], start[N+1:2N])'))
    f! = Brusselator(N, problem["diffusion"])
    make = SOLVERS[problem["solver"]]
    span, tolerance = Float64(problem["span"]), Float64(problem["tolerance"])
    dense = () -> solved(f!, make(AutoForwardDiff(), nothing), u0, p, span, tolerance)
    sparse_ = function ()
        J = pattern(N)
        f = ODEFunction(f!; jac_prototype = J, colorvec = colours(N))
        return solved(f, make(AutoForwardDiff(), KLUFactorization()), u0, p, span, tolerance)
    end
    entrants = [Entrant("sparse Jacobian", sparse_)]
    N <= problem["dense_up_to"] && push!(entrants, Entrant("dense Jacobian", dense))
    return entrants
end

serve(prepare)
