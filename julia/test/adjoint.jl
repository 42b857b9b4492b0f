# Gradients: reverse mode against forward mode and finite differences; nothing depends on the number of threads.

using LinearAlgebra: dot
using Test
isdefined(@__MODULE__, :objective_with) || include("problems.jl")

function value_and_gradient(objective; theta = THETA, threads = 1)
    worker = Unideq.make_worker(objective; threads)
    gradient, terms = zeros(length(theta)), zeros(2)
    total, failed = Unideq.loss_and_gradient!(worker, theta, gradient, terms)
    return total, gradient, terms, failed
end

const DIRECTION = [cos(1.7 * i) for i in 1:18]
const WITH_TABLEAU = sort!(collect(name for (name, m) in Unideq.METHODS if m.tableau isa Unideq.Tableau))

@testset "reverse and forward mode of $name are transposes" for name in WITH_TABLEAU
    objective = objective_with(name)
    _, gradient, _, failed = value_and_gradient(objective)
    Unideq.need_forward!(objective)
    along = Unideq.directional_derivative(Unideq.make_worker(objective), THETA, DIRECTION)
    @test !failed
    @test dot(gradient, DIRECTION) ≈ along rtol = 1e-12
end

@testset "gradient by $name against central differences" for name in ("tsit5", "vern7", "bs3", "rk4", "euler")
    objective = objective_with(name; rtol = 1e-11, atol = 1e-11)
    _, gradient, _, _ = value_and_gradient(objective)
    worker, step = Unideq.make_worker(objective), 1e-5
    total(shift) = first(Unideq.loss!(worker, THETA .+ shift .* DIRECTION, zeros(2)))
    @test dot(gradient, DIRECTION) ≈ (total(step) - total(-step)) / 2step rtol = 1e-7
end

@testset "threads change no bit" begin
    objective = objective_with("tsit5")
    one, two = value_and_gradient(objective), value_and_gradient(objective; threads = 2)
    @test one == two
end

@testset "a failed solve gives NaN everywhere" begin
    total, gradient, terms, failed = value_and_gradient(objective_with("tsit5"; max_steps = 2))
    @test failed && isnan(total) && all(isnan, gradient) && all(isnan, terms)
end

@testset "adjoints that can't be had" begin
    @test_throws r"unknown adjoint `nonsense`" Unideq.need_reverse!(objective_with("tsit5"; adjoint = "nonsense"))
end

"Bytes that a gradient allocates, and its steps. The workload's own kernels would be called as the image has them."
function bytes_and_steps(tolerance)
    program = program_with("objective", "tsit5"; rtol = tolerance, atol = tolerance)
    worker = Unideq.make_worker(objective_of(replace(program, "\"tanh\"" => "\"arctan\"")))
    gradient, terms = zeros(18), zeros(2)
    run() = Unideq.loss_and_gradient!(worker, THETA, gradient, terms)
    run()
    return @allocated(run()), worker.sources[1].tapes[1].steps
end

@testset "a gradient allocates next to nothing, however many steps it takes" begin
    (few_bytes, few), (many_bytes, many) = bytes_and_steps(1e-4), bytes_and_steps(1e-13)
    @test many > 5few
    @test many_bytes == few_bytes < 5000
end
