# Sources at points in blocks: one pass for sums of squares, the same numbers as in general, without allocation.

using Test
isdefined(@__MODULE__, :PROGRAMS) || include("problems.jl")

const POINT_DATA = Float64[x for x in PROGRAMS["points_objective_data"]]
const NETWORK = [0.3 * sin(2.0 * i) for i in 1:97]

"The workload's objective at points; without its `squares` it is evaluated as any other."
function points_objective(; squares = true, activation = "tanh")
    program = JSON.parse(replace(PROGRAMS["points_objective"], "\"tanh\"" => "\"$activation\""))
    squares || (program["squares"] = nothing)
    objective = Unideq.prepare_objective(JSON.json(program))
    GC.@preserve POINT_DATA Unideq.set_data!(objective, Unideq.address(POINT_DATA), length(POINT_DATA))
    return objective
end

function evaluated(worker; weights = [1.0, 0.5, 3.0])
    gradient, terms = zeros(97), zeros(3)
    total, failed = Unideq.loss_and_gradient!(worker, NETWORK, gradient, terms, weights)
    @assert !failed
    return total, gradient, terms
end

@testset "one pass gives what two give" begin
    one, two = Unideq.make_worker(points_objective()), Unideq.make_worker(points_objective(; squares = false))
    @test length(one.objective.squares) == 3
    @test isempty(two.objective.squares)
    for weights in ([1.0, 0.5, 3.0], [0.0, 1.0, 0.0])
        (total, gradient, terms), (total_too, gradient_too, terms_too) = evaluated.((one, two); weights)
        @test total ≈ total_too rtol = 1e-14
        @test terms ≈ terms_too rtol = 1e-14
        @test gradient ≈ gradient_too rtol = 1e-12
    end
end

@testset "single terms' gradients, and that of some" begin
    for squares in (true, false)
        worker = Unideq.make_worker(points_objective(; squares))
        gradients, terms, some = zeros(97, 3), zeros(3), zeros(97)
        @test !Unideq.gradients_of_terms!(gradients, worker, NETWORK, terms, [1, 2, 3])
        Unideq.gradient_of_some!(some, worker, NETWORK, [1.0, 0.5, 3.0], [1, 3])
        total, gradient, terms_too = evaluated(worker)
        @test gradients * [1.0, 0.5, 3.0] ≈ gradient rtol = 1e-12
        @test gradients[:, [1, 3]] * [1.0, 3.0] ≈ some rtol = 1e-12
        @test terms ≈ terms_too rtol = 1e-14
        only_second = zeros(97, 1)
        Unideq.gradients_of_terms!(only_second, worker, NETWORK, terms, [2])
        @test only_second[:, 1] ≈ gradients[:, 2] rtol = 1e-12
        @test terms ≈ terms_too rtol = 1e-14
    end
end

@testset "sums don't depend on the number of threads" begin
    objective = points_objective()
    @test evaluated(Unideq.make_worker(objective)) == evaluated(Unideq.make_worker(objective; threads = 2))
end

@testset "an evaluation allocates next to nothing" begin
    worker = Unideq.make_worker(points_objective(; activation = "sin"))   # not the kernels in the package image
    gradient, terms = zeros(97), zeros(3)
    run() = Unideq.loss_and_gradient!(worker, NETWORK, gradient, terms)
    run()
    bytes = @allocated(run())
    @test bytes < 500
end
