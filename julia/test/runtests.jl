# Julia's own tests: `julia --project=@unideq julia/test/runtests.jl`, or one file of them by its name as an argument.

const PACKAGE = dirname(@__DIR__)
PACKAGE in LOAD_PATH || push!(LOAD_PATH, PACKAGE)

using Test
using Unideq

const FILES = filter(name -> endswith(name, ".jl") && !(name in ("runtests.jl", "problems.jl")), readdir(@__DIR__))

"What files need besides Unideq and its solvers; where that is missing they are skipped."
const NEEDED = Dict(
    "continuous_adjoints.jl" => ["ADTypes", "OrdinaryDiffEqRosenbrock", "SciMLSensitivity"],
    "lux.jl" => ["ForwardDiff", "Lux", "Zygote"],
    "minimise.jl" => ["Optim"],
)

@testset "Unideq" begin
    for file in sort(isempty(ARGS) ? FILES : intersect(FILES, ARGS))
        missing_packages = filter(name -> Base.find_package(name) === nothing, get(NEEDED, file, String[]))
        if !isempty(missing_packages)
            @info "SKIPPED: $file, FOR WANT OF $(join(missing_packages, ", "))"
            continue
        end
        @testset "$file" begin
            include(file)
        end
    end
end
