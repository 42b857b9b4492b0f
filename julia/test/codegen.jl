using Unideq: Unideq, Place, Runner, compile_kernel, read_graph, run!, setup!, workload_graph

"Outputs of `workload_graph(n)` written from its definition."
function expected_outputs(u, weight, t)
    n = length(u)
    tanhs = tanh.(weight * u .^ 2)
    chosen = ifelse.(tanhs .< circshift(tanhs, 1), tanhs, u)
    moved = [0.0; fill(sum(chosen), n - 1)]
    scattered = zeros(n)
    scattered[2], scattered[1] = 5 * moved[3], 5 * moved[1]
    laplacian = circshift(tanhs, 1) .- 2 .* tanhs .+ circshift(tanhs, -1)
    adjoint = zeros(n)
    for i in 1:n, (offset, c) in ((-1, 1.0), (0, -2.0), (1, 1.0))
        adjoint[clamp(i + offset, 1, n)] += c * laplacian[i]
    end
    sums = vec(sum(weight; dims = 1))
    return [scattered .* t; adjoint], (weight' * u .^ 2) * tanhs', maximum(sums), sums
end

function run_workload(n, mode; fixed)
    kernel = compile_kernel(
        read_graph(Unideq.JSON.json(workload_graph(n))),
        Dict(
            "stacked" => Place(:y), "weight" => Place(:dp; add = true),
            "largest" => Place(:dy), "sums" => Place(:dy, 1; add = true),
        ),
        Dict("t" => Place(:t), "u" => Place(:x, 2), "weight" => Place(:p)); fixed, mode,
    )
    u, weight = sin.(1.0:n), cos.(reshape(1.0:n*n, n, n))
    rows_first = vec(permutedims(weight))
    y, dp, dy, runner = fill(NaN, 2n), fill(0.25, n * n), fill(0.5, n + 1), Runner(kernel)
    ports = (; x = [NaN; NaN; u], p = rows_first, y, dp, dy)
    setup!(runner; ports.p)
    run!(runner, 0.7; ports...)
    found = (copy(y), permutedims(reshape(dp .- 0.25, n, n)), dy[1], dy[2:end] .- 0.5)
    run!(runner, 0.7; ports...)
    setup_bytes = @allocated setup!(runner; ports.p)
    run_bytes = @allocated run!(runner, 0.7; ports...)
    bytes = run_bytes + max(setup_bytes - 32, 0)  # an empty set-up is in the image: its time is boxed
    return found, expected_outputs(u, weight, 0.7), bytes
end

@testset "many operations, $mode, n = $n" for n in (3, 5, 12, 50), mode in (:scalar, :array), fixed in ((), ("weight",))
    mode === :scalar && n > 12 && continue
    found, expected, bytes = run_workload(n, mode; fixed)
    for (mine, theirs) in zip(found, expected)
        @test mine ≈ theirs rtol = 1e-12
    end
    @test bytes == 0
end

@testset "equal graphs are compiled once" begin
    graph(n) = read_graph(Unideq.JSON.json(workload_graph(n)))
    places(port) = (Dict("largest" => Place(port)), Dict("weight" => Place(:p)))
    @test compile_kernel(graph(3), places(:y)...).run === compile_kernel(graph(3), places(:y)...).run
    @test compile_kernel(graph(3), places(:y)...).run !== compile_kernel(graph(3), places(:dy)...).run
    @test compile_kernel(graph(3), places(:y)...).run !== compile_kernel(graph(4), places(:y)...).run
end

"y = (x * scale + shift) * level ^ exponent and its sum; `shift` is an array."
function graph_with_numbers(scale, shift, level, exponent)
    n = length(shift)
    array(shape, values) = Dict{String,Any}("array" => "float64", "shape" => shape, "values" => values)
    nodes = Any[
        Unideq.node_text("input", [n]; name = "x"),
        Unideq.node_text("constant", Int[]; value = array(Int[], [scale])),
        Unideq.node_text("constant", [n]; value = array([n], shift)),
        Unideq.node_text("constant", [n]; value = array([n], fill(level, n))),
        Unideq.node_text("constant", Int[]; value = array(Int[], [exponent])),
        Unideq.node_text("multiply", [n]; inputs = [0, 1]),
        Unideq.node_text("add", [n]; inputs = [5, 2]),
        Unideq.node_text("power", [n]; inputs = [3, 4]),
        Unideq.node_text("multiply", [n]; inputs = [6, 7]),
        Unideq.node_text("sum", Int[]; inputs = [8], attributes = Dict("axes" => [0])),
    ]
    text = Dict{String,Any}(
        "format" => "unideq-graph", "version" => 1, "nodes" => nodes, "inputs" => [0],
        "outputs" => Any[Any["y", 8], Any["sum", 9]],
    )
    return read_graph(Unideq.JSON.json(text))
end

@testset "graphs that differ in numbers share code, $mode, n = $n" for n in (3, 12), mode in (:scalar, :array)
    places = Dict("y" => Place(:y), "sum" => Place(:dy)), Dict("x" => Place(:x))
    kernel(numbers...) = compile_kernel(graph_with_numbers(numbers...), places...; mode)
    function value(k, y, sum, x)
        runner = Runner(k)
        setup!(runner)
        run!(runner; x, y, dy = sum)
        return @allocated run!(runner; x, y, dy = sum)
    end
    x, y, total = cos.(1.0:n), zeros(n), zeros(1)
    first = kernel(0.3, sin.(1.0:n), 0.7, 1.5)
    for (scale, shift, level) in ((0.3, sin.(1.0:n), 0.7), (-1.9, cos.(2.0:n+1), 0.31), (0.3, sin.(1.0:n), 0.7))
        other = kernel(scale, shift, level, 1.5)
        @test other.run === first.run && other.setup === first.setup
        value(other, y, total, x)
        @test value(other, y, total, x) == 0
        @test y ≈ (x .* scale .+ shift) .* level^1.5 rtol = 1e-14
        @test total[1] ≈ sum(y) rtol = 1e-13
    end
    # What the compiler may know is code: exponents, and numbers that a user rather writes than measures.
    @test kernel(0.3, sin.(1.0:n), 0.7, 2.5).run !== first.run
    @test kernel(2.0, sin.(1.0:n), 0.7, 1.5).run !== first.run
end

@testset "an unknown operation is named" for mode in (:scalar, :array)
    text = workload_graph(5)
    text["nodes"][9]["operation"] = "tangh"
    @test_throws "`tangh`" compile_kernel(
        read_graph(Unideq.JSON.json(text)), Dict("stacked" => Place(:y)),
        Dict("t" => Place(:t), "u" => Place(:x), "weight" => Place(:p)); mode,
    )
end

const PRODUCTS = [(1, 9, 33), (9, 9, 1), (7, 5, 6), (8, 300, 8), (65, 66, 67), (2, 70, 3)]

@testset "products $m×$k×$n" for (m, k, n) in PRODUCTS, add in (false, true)
    a, b = sin.(reshape(1.0:m*k, m, k)), cos.(reshape(1.0:k*n, k, n))
    rows(x) = vec(permutedims(x))
    # Each factor as rows and as columns, after three other numbers.
    for (left, ai, ak) in ((rows(a), k, 1), (vec(a), 1, m)), (right, bk, bj) in ((rows(b), n, 1), (vec(b), 1, k))
        c = ones(m * n + 1)
        Unideq.product!(c, 1, [0.0; 0.0; 0.0; left], 3, ai, ak, [0.0; 0.0; 0.0; right], 3, bk, bj, m, k, n, add)
        @test c[2:end] ≈ rows(a * b) .+ add rtol = 1e-12
        @test c[1] == 1.0
    end
end

@testset "products $m×$k×$n in single precision" for (m, k, n) in [(7, 5, 6), (65, 66, 67)], add in (false, true)
    a, b = sin.(reshape(1.0:m*k, m, k)), cos.(reshape(1.0:k*n, k, n))
    rows(x) = vec(permutedims(x))
    w = zeros(2 + Unideq.single_room(m, k, n))
    for (left, ai, ak) in ((rows(a), k, 1), (vec(a), 1, m)), (right, bk, bj) in ((rows(b), n, 1), (vec(b), 1, k))
        c = ones(m * n + 1)
        given = (c, 1, [0.0; left], 1, ai, ak, [0.0; right], 1, bk, bj, m, k, n, add, w, 1)
        Unideq.single_product!(given...)
        exact, bound = rows(a * b) .+ add, (k + 2) * eps(Float32) / 2 * rows(abs.(a) * abs.(b))
        @test all(abs.(c[2:end] .- exact) .<= bound)
        @test c[2:end] != exact
        @test c[1] == 1.0 && w[1] == w[end] == 0.0
        @test @allocated(Unideq.single_product!(given...)) == 0
    end
end

# ---- convolutions and transforms ---------------------------------------------------------------------------------

bytes_of_a_run(runner, ports) = @allocated run!(runner; ports...)

@testset "convolutions in single precision, $boundary, n = $n" for boundary in ("periodic", "zero"), n in (3, 17)
    (_, double), (runner, single) = (Unideq.run_convolution(n, boundary, p) for p in ("float64", "float32"))
    @test single.y ≈ double.y rtol = 1e-5
    @test single.dp ≈ double.dp rtol = 1e-5
    @test single.y != double.y && single.dp != double.dp
    bytes_of_a_run(runner, single)
    @test bytes_of_a_run(runner, single) == 0
end

@testset "convolutions, $boundary, n = $n" for boundary in ("periodic", "zero"), n in (3, 9, 17)
    runner, ports = Unideq.run_convolution(n, boundary)
    x, taps = reshape(ports.x, n, 3), reshape(ports.p, 3, 3, 2)
    seen(c, i) = 1 <= i <= n ? x[i, c] : boundary == "zero" ? 0.0 : x[mod1(i, n), c]
    y = [sum(taps[j, c, o] * seen(c, i + j - 2) for j in 1:3, c in 1:3) for i in 1:n, o in 1:2]
    gradient = [sum(y[i, o] * seen(c, i + j - 2) for i in 1:n) for j in 1:3, c in 1:3, o in 1:2]
    @test ports.y ≈ vec(y) rtol = 1e-12
    @test ports.dp ≈ vec(gradient) rtol = 1e-12
    bytes_of_a_run(runner, ports)  # compiles itself
    @test bytes_of_a_run(runner, ports) == 0
end

"The whole spectrum of a real array, by its definition."
function spectrum(x)
    phase(k, j) = sum((k .- 1) .* (j .- 1) ./ size(x))
    return [sum(x[j] * cispi(-2 * phase(Tuple(k), Tuple(j))) for j in CartesianIndices(x)) for k in CartesianIndices(x)]
end

Base.find_package("FFTW") === nothing ? @info("SKIPPED: transforms, FOR WANT OF FFTW") :
@testset "transforms of $space, offset $offset" for space in ([1], [7], [16], [3, 8], [6, 5]), offset in (0, 1)
    # `space` is in NumPy's order; an odd offset isn't aligned to 16 bytes.
    x = sin.(reshape(1.0:prod(space), reverse(space)...) .^ 2)
    half = spectrum(x)[1:space[end]÷2+1, ntuple(_ -> :, length(space) - 1)...]
    forward, inverse = Unideq.transform_number(false, space, 1), Unideq.transform_number(true, space, 1)
    from, to, back = [zeros(offset); vec(x)], zeros(offset + 2length(half)), zeros(offset + length(x))
    Unideq.transform!(forward, to, offset, from, offset)
    @test reinterpret(ComplexF64, to[offset+1:end]) ≈ vec(half) rtol = 1e-12
    @test from[offset+1:end] == vec(x)
    Unideq.transform!(inverse, back, offset, copy(to), offset)
    @test back[offset+1:end] ≈ length(x) .* vec(x) rtol = 1e-12
    @test @allocated(Unideq.transform!(forward, to, offset, from, offset)) == 0
end

# ---- elementary functions ----------------------------------------------------------------------------------------

"Largest error in units in the last place of the exact value; infinities, zeros and NaNs must be the same."
function worst_error(f, exact, points)
    return setprecision(BigFloat, 1200) do
        maximum(points) do x
            mine, value = f(x), exact(big(x))
            rounded = Float64(value)
            isequal(mine, rounded) && return 0.0
            isfinite(mine) && isfinite(rounded) || return Inf
            Float64(abs(mine - value) / eps(rounded))
        end
    end
end

const MAGNITUDES = exp10.(range(-320, 2.9; length = 400))
const ORDINARY = [range(-3, 3; length = 1501); range(-750, 750; length = 601); MAGNITUDES; -MAGNITUDES]
const EXTREME = [0.0, -0.0, Inf, -Inf, NaN, 5e-324, -5e-324, 1e308, -1e308, 709.78, 709.79, -745.1, -745.2, -708.4]
const ANGLES = [
    range(-10, 10; length = 1001); (1:500) .* (π / 2); exp10.(range(-320, 15; length = 300)); 0.0; -0.0; 1e5; 99999.9
]

exact_softplus(x) = x > 0 ? x + log1p(exp(-x)) : log1p(exp(x))

@testset "$(nameof(f))" for (f, exact, bound) in (
    (Unideq.fast_exp, exp, 2), (Unideq.fast_expm1, expm1, 2), (Unideq.fast_tanh, tanh, 2),
    (Unideq.fast_sigmoid, x -> 1 / (1 + exp(-x)), 2), (Unideq.fast_softplus, exact_softplus, 3),
)
    @test worst_error(f, exact, [ORDINARY; EXTREME]) <= bound
end

@testset "$(nameof(f))" for (f, exact) in ((Unideq.fast_sin, sin), (Unideq.fast_cos, cos))
    @test worst_error(f, exact, ANGLES) <= 2
    @test all(isnan, f.([Inf, -Inf, NaN]))
end

@testset "$name of arrays is that of numbers" for name in (:exp, :expm1, :tanh, :sigmoid, :softplus, :sin, :cos)
    one, many = getfield(Unideq, Symbol(name, :_of)), getfield(Unideq, Symbol(name, :_of!))
    x = [EXTREME; ORDINARY[1:37:end]; 1e9; 1e4]
    for n in (1, 3, 4, length(x))
        y = zeros(n + 2)
        many(y, 1, x, 0, n)
        @test isequal(y, [0.0; one.(x[1:n]); 0.0])
        @test @allocated(many(y, 1, x, 0, n)) == 0
    end
end

@testset "outside a function's domain is NaN" begin
    for f in (Unideq.real_log, Unideq.real_sqrt, Unideq.real_asin, Unideq.real_acos)
        @test isnan(f(-2.0)) && isnan(f(NaN))
    end
    @test isnan(Unideq.real_log1p(-1.5)) && isnan(Unideq.real_tan(Inf)) && isnan(Unideq.real_power(-2.0, 0.5))
    @test Unideq.real_power.([-Inf, -2.0, -1.0], [2.5, 3.0, Inf]) == [Inf, -8.0, 1.0]
end
