# What precompilation runs: gradients by the usual adjoints of a small system. Other models compile nothing anew but
# their kernels, since no type depends on the model.

@setup_workload begin
    program = JSON.parse(Unideq.WORKLOAD["stiff_objective"])
    settings = program["sources"][1]["solver"]
    # The extension with Rosenbrock methods may load after this one.
    Unideq.method("rodas5p")
    data = Float64[x for x in Unideq.WORKLOAD["objective_data"]]
    @compile_workload begin
        for (solver, adjoint) in (("rodas5p", "gauss"), ("tsit5", "gauss"))
            settings["name"], settings["adjoint"] = solver, adjoint
            objective = Unideq.prepare_objective(JSON.json(program))
            theta, gradient = fill(0.1, objective.parameters), zeros(objective.parameters)
            GC.@preserve data Unideq.set_data!(objective, UInt(pointer(data)), length(data))
            Unideq.loss_and_gradient!(Unideq.make_worker(objective), theta, gradient, zeros(length(objective.terms)))
        end
        Unideq.forget_kernels!()
    end
end
