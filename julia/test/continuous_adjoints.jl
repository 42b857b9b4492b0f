# Adjoints that solve backwards, against the exact one of the steps taken.

using SciMLSensitivity

"Gradient of the workload's objective at tight tolerances."
function gradient_by(solver, adjoint)
    program = Unideq.JSON.parse(Unideq.WORKLOAD["stiff_objective"])
    settings = program["sources"][1]["solver"]
    tight = Dict("rtol" => 1e-10, "atol" => 1e-12, "max_steps" => 10_000)
    merge!(settings, tight, Dict("name" => solver, "adjoint" => adjoint))
    objective = Unideq.prepare_objective(Unideq.JSON.json(program))
    data = Float64[x for x in Unideq.WORKLOAD["objective_data"]]
    GC.@preserve data Unideq.set_data!(objective, UInt(pointer(data)), length(data))
    theta = collect(range(-0.5, 0.5, objective.parameters))
    gradient, terms = zeros(objective.parameters), zeros(length(objective.terms))
    _, failed = Base.invokelatest(
        () -> Unideq.loss_and_gradient!(Unideq.make_worker(objective), theta, gradient, terms),
    )
    @test !failed
    return gradient
end

const EXACT = gradient_by("tsit5", "discrete")

@testset "$adjoint with $solver" for (solver, adjoint) in [
    ("tsit5", "forward"),
    ("tsit5", "gauss"),
    ("tsit5", "interpolating"),
    ("tsit5", "quadrature"),
    ("tsit5", "backsolve"),
    ("rodas5p", "discrete"),
    ("rodas5p", "gauss"),
    ("rodas5p", "interpolating"),
]
    @test gradient_by(solver, adjoint) ≈ EXACT rtol = 1e-8
end

@testset "$adjoint is refused with an implicit solver" for adjoint in ("quadrature", "backsolve", "forward")
    @test_throws Unideq.Unsupported gradient_by("rodas5p", adjoint)
end
