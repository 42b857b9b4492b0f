# The rules of balancing on numbers made by hand, and what they cost.

using Test
using LinearAlgebra: norm
using Unideq: Unideq, Logs, advance!, make_run

"Two terms, ½|θ|² and ½|θ - 1|², that count their evaluations: with the gradient of their sum, and term by term."
mutable struct Bowls
    whole::Int
    apart::Int
end
Bowls() = Bowls(0, 0)
Unideq.make_worker(loss::Bowls; threads = 1) = loss

function bowls!(terms, theta)
    terms[1] = terms[2] = 0.0
    for x in theta
        terms[1] += 0.5 * x^2
        terms[2] += 0.5 * (x - 1)^2
    end
    return nothing
end

function Unideq.loss_and_gradient!(loss::Bowls, theta::Vector{Float64}, gradient, terms, weights)
    loss.whole += 1
    bowls!(terms, theta)
    gradient .= weights[1] .* theta .+ weights[2] .* (theta .- 1)
    return weights[1] * terms[1] + weights[2] * terms[2], false
end

function Unideq.gradients_of_terms!(gradients, loss::Bowls, theta::Vector{Float64}, terms, chosen)
    loss.apart += 1
    bowls!(terms, theta)
    for (column, term) in enumerate(chosen)
        gradients[:, column] .= theta .- (term - 1)
    end
    return false
end

"Steps of 0.01 times the gradient."
struct Descent end

mutable struct DescentState
    const theta::Vector{Float64}
    iteration::Int
    finished::Int
end
Unideq.start_state(::Descent, parameters::Int, terms::Int) = DescentState(zeros(parameters), 0, 0)

function Unideq.turn!(::Descent, state::DescentState, value, problem, worker, logs::Logs, seed::Int)
    Unideq.evaluate_loss!(value, worker, state.theta, problem.free)
    Unideq.log!(logs, seed, state.iteration, value.total, value.terms, norm(value.gradient), 0.01, false)
    state.theta .-= 0.01 .* value.gradient
    state.iteration += 1
    return nothing
end

function balanced_run(loss::Bowls, start, every, iterations; others = Int[])
    balancing = Dict{String,Any}(
        "rule" => "annealing", "every" => every, "rate" => 0.1, "denominator" => "plain", "reference" => [true, false],
        "balanced" => [0, 1], "moving" => [1], "others" => others, "counted" => [ones(length(start))],
        "base" => [1.0, 1.0], "residuals" => [],
    )
    given = Dict{String,Any}(
        "seeds" => 1, "terms" => 2, "free" => fill(true, length(start)), "balancing" => balancing,
        "state" => ["weights"],
    )
    run = make_run(loss, Descent(), given)
    run.states[1].theta .= start
    matrix() = fill(NaN, iterations, 1)
    cube() = fill(NaN, 2, iterations, 1)
    return run, Logs(0, matrix(), cube(), matrix(), matrix(), fill(false, iterations, 1), cube())
end

"Yu et al. (2020), algorithm 1, on the vectors themselves, with our cyclic order."
function projected(gradients, iteration)
    count = size(gradients, 2)
    total = zeros(size(gradients, 1))
    for i in 1:count
        own = gradients[:, i]
        for k in 0:count-2
            other = gradients[:, mod1(i + 1 + (iteration + k) % (count - 1), count)]
            along = sum(own .* other)
            along < 0 && (own .-= along / sum(abs2, other) .* other)
        end
        total .+= own
    end
    return total
end

@testset "balance" begin
    @testset "annealing is the largest entry over the mean" begin
        start = [3.0, -2.0, 0.5]
        run, logs = balanced_run(Bowls(), start, 10, 3)
        advance!(run, 3, logs)
        wanted = 0.9 + 0.1 * 3.0 / (sum(abs, start .- 1) / 3)
        @test logs.weights[1, :, 1] == ones(3)
        @test logs.weights[2, :, 1] ≈ fill(wanted, 3) rtol = 1e-14
        @test logs.total[1, 1] ≈ 0.5 * sum(abs2, start) + wanted * 0.5 * sum(abs2, start .- 1) rtol = 1e-14
        @test logs.gradient_norm[1, 1] ≈ norm(start .+ wanted .* (start .- 1)) rtol = 1e-14
    end

    @testset "terms are differentiated apart at updates alone" begin
        loss = Bowls()
        run, logs = balanced_run(loss, [3.0, -2.0, 0.5], 4, 9)
        advance!(run, 9, logs)
        @test (loss.whole, loss.apart) == (6, 3)     # updates before the iterations 0, 4 and 8
        @test allunique(logs.weights[2, [1, 5, 9], 1])
    end

    @testset "iterations between updates hardly allocate" begin
        run, logs = balanced_run(Bowls(), fill(2.0, 50), 10^6, 3000)
        advance!(run, 100, logs)
        used = @allocated advance!(run, 2000, logs)
        @test used < 100 * 1900
    end

    @testset "ConFIG of two gradients is their bisector" begin
        gradients = [3.0 -0.3; 0.0 0.4; 0.0 0.0]
        c = Unideq.coefficients(Unideq.ConFIG(), gradients' * gradients, 0)
        u = [1.0 - 0.6, 0.8, 0.0]
        u ./= norm(u)
        @test gradients * c ≈ sum(sum(gradients; dims = 2) .* u) .* u rtol = 1e-13
    end

    @testset "ConFIG stands still between opposed gradients, and a zero one has no say" begin
        opposed = [3.0 -2.0; 0.0 0.0]
        @test opposed * Unideq.coefficients(Unideq.ConFIG(), opposed' * opposed, 0) == [0.0, 0.0]
        some = [3.0 0.0 0.0; 0.0 0.0 2.0]
        @test Unideq.coefficients(Unideq.ConFIG(), some' * some, 0)[2] == 1.0
        @test all(>(0), some * Unideq.coefficients(Unideq.ConFIG(), some' * some, 0))
    end

    @testset "PCGrad projects vectors in turning order" begin
        gradients = [1.0 -2.0 0.3 -1.0; 0.5 1.0 -3.0 0.2; -1.0 0.4 0.6 2.0]
        for iteration in 0:3
            c = Unideq.coefficients(Unideq.PCGrad(), gradients' * gradients, iteration)
            @test gradients * c ≈ projected(gradients, iteration) rtol = 1e-12
        end
        @test !(projected(gradients, 0) ≈ projected(gradients, 1))
    end
end
