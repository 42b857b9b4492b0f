# Rollouts: forward mode against reverse mode and differences, threads, and what a step allocates.

using LinearAlgebra: dot
using Test
isdefined(@__MODULE__, :objective_with) || include("problems.jl")

const ROLLOUT_DATA = Float64[x for x in PROGRAMS["rollout_objective_data"]]
const DIRECTION_OF_ROLLOUT = [cos(1.7 * i) for i in 1:18]

"The workload's rollout with other settings; five states are recorded."
function rollout_with(; change = identity, settings...)
    program = JSON.parse(PROGRAMS["rollout_objective"])
    source = program["sources"][1]
    for (name, value) in settings
        source[String(name)] = value
    end
    objective = Unideq.prepare_objective(change(JSON.json(program)))
    GC.@preserve ROLLOUT_DATA Unideq.set_data!(objective, Unideq.address(ROLLOUT_DATA), length(ROLLOUT_DATA))
    return objective
end

function gradient_of_rollout(objective; threads = 1)
    worker = Unideq.make_worker(objective; threads)
    gradient, terms = zeros(18), zeros(1)
    total, failed = Unideq.loss_and_gradient!(worker, THETA, gradient, terms)
    return total, gradient, terms, failed
end

const ROLLOUTS = (
    (; checkpoint = false),
    (; checkpoint = true),
    (; checkpoint = false, warmup = 3),
    (; checkpoint = true, steps = 10, every = 2),
    (; checkpoint = false, steps = 15, every = 3),
)

@testset "reverse and forward mode are transposes: $settings" for settings in ROLLOUTS
    objective = rollout_with(; settings...)
    total, gradient, _, failed = gradient_of_rollout(objective)
    Unideq.need_forward!(objective)
    worker = Unideq.make_worker(objective)
    along = Unideq.directional_derivative(worker, THETA, DIRECTION_OF_ROLLOUT)
    @test !failed
    @test dot(gradient, DIRECTION_OF_ROLLOUT) ≈ along rtol = 1e-12
    haskey(settings, :warmup) && continue   # what the warm-up depends on is taken as given
    value(shift) = first(Unideq.loss!(worker, THETA .+ shift .* DIRECTION_OF_ROLLOUT, zeros(1)))
    @test along ≈ (value(1e-5) - value(-1e-5)) / 2e-5 rtol = 1e-8
    @test value(0.0) == total
end

@testset "threads change no bit" begin
    objective = rollout_with(; checkpoint = true)
    @test gradient_of_rollout(objective) == gradient_of_rollout(objective; threads = 2)
end

@testset "states computed again change no bit" begin
    @test gradient_of_rollout(rollout_with(; checkpoint = false)) == gradient_of_rollout(rollout_with(; checkpoint = true))
end

"Bytes that a gradient and a directional derivative allocate."
function bytes_of_rollout(; settings...)
    # The workload's own kernels would be called as the image has them.
    objective = rollout_with(; change = text -> replace(text, "\"tanh\"" => "\"arctan\""), settings...)
    Unideq.need_forward!(Unideq.need_reverse!(objective))
    worker = Unideq.make_worker(objective)
    gradient, terms = zeros(18), zeros(1)
    reverse() = Unideq.loss_and_gradient!(worker, THETA, gradient, terms)
    forward() = Unideq.directional_derivative(worker, THETA, DIRECTION_OF_ROLLOUT)
    reverse(), forward()
    return @allocated(reverse()), @allocated(forward())
end

@testset "steps allocate nothing" for checkpoint in (false, true)
    few, many = bytes_of_rollout(; checkpoint), bytes_of_rollout(; checkpoint, steps = 500, every = 100)
    @test few == many
    @test maximum(many) < 2000
end

@testset "memory: all states, or about √m of them twice" begin
    kept(; settings...) = (w = Unideq.make_worker(rollout_with(; settings...)).sources[1]; w)
    all = kept(; checkpoint = false, steps = 100, every = 20)
    few = kept(; checkpoint = true, steps = 100, every = 20)
    @test length.(all.kept) == [2 * 101, 2 * 101]
    @test length.(few.kept) == [2 * 10, 2 * 10]
    @test length(few.slots[1].segment) == 2 * 11
end

@testset "is every number finite?" begin
    x = [1.0, -2.0, 1e308, 5e-324, -0.0]
    @test Unideq.all_finite(x)
    for bad in (NaN, Inf, -Inf), i in 1:5
        y = copy(x)
        y[i] = bad
        @test !Unideq.all_finite(y)
    end
end
