# What precompilation runs: a small network, so that a first one waits for little but its own layers.

@setup_workload begin
    x, y, cotangent = ones(2), zeros(1), ones(1)
    @compile_workload begin
        network = compile_model(Lux.Chain(Lux.Dense(2 => 3, tanh), Lux.Dense(3 => 1)), 0, 0)
        weights = zeros(Unideq.weight_count(network))
        gradient = zeros(2 + length(weights))
        network.draw!(weights, 0)
        network.value(y, 0, x, 0, weights, 0, 1)
        network.pullback(gradient, 0, x, 0, weights, 0, cotangent, 0, 1)
        network.pushforward(y, 0, x, 0, weights, 0, x, 0, NOTHING, 0, 1)
        network.pushforward(y, 0, x, 0, weights, 0, x, 0, weights, 0, 1)
    end
end
