# The functions that Python calls: ensembles, single terms, integrations, evaluations.

using Test
isdefined(@__MODULE__, :objective_with) || include("problems.jl")

at(array) = Unideq.address(array)

function ensemble(objective, thetas; per_term = false)
    members, t = length(thetas) ÷ 18, 2
    total, terms = zeros(members), zeros(members * t)
    gradient = zeros(members * 18 * (per_term ? t : 1))
    GC.@preserve thetas total terms gradient begin
        Unideq.value_and_gradient!(objective, at(thetas), members, at(total), at(terms), at(gradient), per_term)
    end
    return total, terms, gradient
end

@testset "an ensemble is its members" begin
    objective = objective_with("tsit5")
    other = 0.5 .* THETA
    total, terms, gradient = ensemble(objective, [THETA; other])
    for (i, theta) in enumerate((THETA, other))
        one = ensemble(objective, theta)
        @test one == (total[i:i], terms[2i-1:2i], gradient[18i-17:18i])
    end
end

@testset "gradients of terms add up to that of the total" begin
    objective = objective_with("tsit5")
    total, terms, gradient = ensemble(objective, THETA)
    total_too, terms_too, each = ensemble(objective, THETA; per_term = true)
    @test (total, terms) == (total_too, terms_too)
    @test total[1] ≈ terms[1] + 0.1 * terms[2]
    @test each[1:18] .+ 0.1 .* each[19:36] ≈ gradient rtol = 1e-12
end

@testset "value agrees with value and gradient" begin
    objective = objective_with("tsit5")
    total, terms = zeros(1), zeros(2)
    GC.@preserve total terms Unideq.value!(objective, at(THETA), 1, at(total), at(terms))
    @test (total, terms) == ensemble(objective, THETA)[1:2]
end

@testset "data of the wrong length" begin
    objective = objective_with("tsit5")
    @test_throws ArgumentError Unideq.set_data!(objective, at(THETA), 3)
end

@testset "solve_source!" begin
    prepared = Unideq.prepare_source(PROGRAMS["integration"])
    data = Float64[x for x in PROGRAMS["integration_data"]]
    arrays, status, statistics = fill(-1.0, 24), zeros(2), zeros(8)
    GC.@preserve data arrays status statistics begin
        Unideq.solve_source!(prepared, at(data), length(data), at(THETA), 1, at(arrays), at(status), at(statistics))
    end
    u, scaled = reshape(arrays[1:16], 2, 4, 2), reshape(arrays[17:24], 4, 2)
    @test status == zeros(2)
    @test scaled ≈ THETA[2] .* u[1, :, :]
    @test all(isfinite, u)
end

@testset "evaluate!" begin
    evaluation = Unideq.prepare_evaluation(PROGRAMS["evaluation"])
    points, out = [0.1, 0.2, -0.4, 0.7], zeros(4)
    inputs = [THETA; points]                # sorted by name: theta, x
    GC.@preserve inputs out Unideq.evaluate!(evaluation, at(inputs), 2, at(out))
    network(x) = reshape(THETA[10:15], 3, 2)' * tanh.(reshape(THETA[1:6], 2, 3)' * x + THETA[7:9]) + THETA[16:17]
    @test out ≈ [network(points[1:2]); network(points[3:4])] rtol = 1e-14
end
