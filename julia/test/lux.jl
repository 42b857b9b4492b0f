# Networks on flat arrays against Lux and Zygote themselves.

using Lux, Zygote

const LUX_SOURCE = "Chain(Dense(2 => 5, tanh), SkipConnection(Dense(5 => 5, gelu), +), Dense(5 => 3))"

@testset "values, pullbacks and pushforwards of $count samples" for count in (1, 6)
    number = Unideq.network_number(LUX_SOURCE, 0, 0)
    network = Unideq.NETWORKS[number]
    @test network.names == ["layer_$i.$part" for i in 1:3 for part in ("weight", "bias")]
    @test network.shapes == [[5, 2], [5], [5, 5], [5], [3, 5], [3]]
    model = Chain(Dense(2 => 5, tanh), SkipConnection(Dense(5 => 5, gelu), +), Dense(5 => 3))
    parameters, states = Lux.setup(Lux.Random.Xoshiro(4), model)
    parameters = f64(parameters)
    weights = zeros(Unideq.weight_count(network))
    network.draw!(weights, 4)
    @test weights == reduce(vcat, [vec(a) for layer in parameters for a in layer])

    x, cotangent = randn(2, count), randn(3, count)
    expected, back = Zygote.pullback((x, p) -> first(model(x, p, states)), x, parameters)
    by_x, by_parameters = back(cotangent)
    padded = [NaN; vec(x)]  # offsets count
    y = zeros(3count + 2)
    Unideq.network_value!(number, y, 2, padded, 1, weights, 0, count)
    @test reshape(y[3:end], 3, count) ≈ expected rtol = 1e-13
    gradient = zeros(2count + length(weights))
    Unideq.network_pullback!(number, gradient, 0, padded, 1, weights, 0, vec(cotangent), 0, count)
    flat = reduce(vcat, [vec(a) for layer in by_parameters for a in layer])
    @test gradient ≈ [vec(by_x); flat] rtol = 1e-12

    moved_x, moved_weights, tangent = randn(2count), randn(length(weights)), zeros(3count)
    Unideq.network_pushforward!(number, tangent, 0, padded, 1, weights, 0, moved_x, 0, moved_weights, 0, count)
    @test sum(tangent .* vec(cotangent)) ≈ sum(gradient .* [moved_x; moved_weights]) rtol = 1e-11
end

@testset "a source that can't be used is described by Julia's message" begin
    message(source) = Unideq.JSON.parse(Unideq.describe_network(source, 2, 0))["error"]
    @test occursin("Dens", message("Dens(2 => 3)"))
    @test occursin("mixes", message("WrappedFunction(x -> x .- sum(x; dims = 2))"))
end
