# Julia's own tests: `julia --project=@unideq julia/test/runtests.jl`, or one file of them by its name as an argument.

const PACKAGE = dirname(@__DIR__)
PACKAGE in LOAD_PATH || push!(LOAD_PATH, PACKAGE)

using Test
using Unideq

const FILES = filter(name -> endswith(name, ".jl") && name != "runtests.jl", readdir(@__DIR__))

@testset "Unideq" begin
    for file in sort(isempty(ARGS) ? FILES : intersect(FILES, ARGS))
        @testset "$file" begin
            include(file)
        end
    end
end
