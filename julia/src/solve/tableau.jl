# Butcher tableaus of explicit Runge–Kutta methods, read off the solvers themselves.

"""
An explicit Runge–Kutta method with dense output, stages k_i = f(t + c_i h, u + h Σ_j a_ij k_j), j < i.

`main` stages make the step, u⁺ = u + h Σ b_i k_i; those after them serve the dense output alone,
u(t + s h) = u + h Σ_i k_i Σ_d dense[d, i] s^d. With `fsal` the last main stage is the next step's first.
`rows[i]` lists the j with a_ij ≠ 0.
"""
struct Tableau
    a::Matrix{Float64}
    b::Vector{Float64}
    c::Vector{Float64}
    dense::Matrix{Float64}
    rows::Vector{Vector{Int}}
    main::Int
    fsal::Bool
end

stages(tableau::Tableau) = length(tableau.c)

"The tableau that Python wrote; its last stage is the next step's first."
function Tableau(own::AbstractDict)
    a, c = matrix(own["a"], 0), Float64[x for x in own["c"]]
    rows = [findall(!iszero, a[i, :]) for i in eachindex(c)]
    return Tableau(a, Float64[x for x in own["b"]], c, matrix(own["dense"], 0), rows, length(c), true)
end

"A matrix by its rows; `columns` where there is none."
matrix(rows, columns) = isempty(rows) ? zeros(0, columns) : Float64[row[j] for row in rows, j in eachindex(first(rows))]

const PROBE_SIZE = 64
const PROBE_DEGREE = 10

"A right-hand side whose i-th evaluation returns the i-th unit vector, and that remembers where it was evaluated."
mutable struct Probe
    calls::Int
    states::Vector{Vector{Float64}}
    times::Vector{Float64}
end

function (probe::Probe)(du, u, p, t)
    probe.calls += 1
    push!(probe.states, copy(u))
    push!(probe.times, t)
    fill!(du, 0.0)
    du[probe.calls] = 1.0
    return nothing
end

"""
    Tableau(algorithm)

Take one step h = 1 from u = 0 where the i-th evaluation gives the i-th unit vector: the states at which the solver
evaluates are the rows of `a`, the result is `b`, and its dense output gives the polynomials.
"""
function Tableau(algorithm)
    probe = Probe(0, [], [])
    f = ODEFunction{true,SciMLBase.FullSpecialize}(probe)
    problem = ODEProblem{true}(f, zeros(PROBE_SIZE), (0.0, 4.0))
    integrator = init(
        problem,
        algorithm;
        dt = 1.0,
        adaptive = false,
        save_everystep = false,
        dense = false,
        calck = true,
        verbose = QUIET,
    )
    step!(integrator)
    main, b = probe.calls, copy(integrator.u)
    powers, values = probed_output(integrator)
    total = probe.calls
    step!(integrator)
    fsal = probe.states[total+1] != b
    a = [probe.states[i][j] for i in 1:total, j in 1:total]
    rows = [findall(!iszero, a[i, :]) for i in 1:total]
    return Tableau(a, b[1:main], probe.times[1:total], polynomials(powers, values[:, 1:total]), rows, main, fsal)
end

"The polynomials of lowest degree that take those values, up to rounding: least squares, stage by stage."
function polynomials(powers, values)
    for degree in 1:PROBE_DEGREE
        coefficients = powers[:, 1:degree] \ values
        error = maximum(abs, powers[:, 1:degree] * coefficients - values)
        error < 1e-13 * max(1, maximum(abs, values)) && return chopped(Float64.(coefficients))
    end
    throw(ArgumentError("the dense output is no polynomial of degree $PROBE_DEGREE"))
end

"Columns that are rounding errors alone become zero."
function chopped(coefficients)
    for column in eachcol(coefficients)
        maximum(abs, column) < 1e-11 && fill!(column, 0.0)
    end
    return coefficients
end

"Powers s^d of Chebyshev nodes in (0, 1), in extended precision, and the integrator's dense output there."
function probed_output(integrator)
    nodes = [(1 - cospi((2i - 1) / 2PROBE_DEGREE)) / 2 for i in 1:PROBE_DEGREE]
    values = zeros(PROBE_DEGREE, PROBE_SIZE)
    for (i, s) in enumerate(nodes)
        values[i, :] = integrator(s)
    end
    return [big(s)^d for s in nodes, d in 1:PROBE_DEGREE], values
end

"What the weights of the dense output are multiplied by."
output_scale(::Tableau, h::Float64) = h

"Weights of the stages in the dense output at fraction `s` of the step."
function output_weights!(weights::Vector{Float64}, tableau::Tableau, s::Float64)
    degree = size(tableau.dense, 1)
    @inbounds for i in 1:stages(tableau)
        w = tableau.dense[degree, i]
        for d in degree-1:-1:1
            w = muladd(w, s, tableau.dense[d, i])
        end
        weights[i] = w * s
    end
    return weights
end
