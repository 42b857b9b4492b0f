"The Julia engine of Unideq: graphs compiled to in-place functions, integrated, differentiated and trained."
module Unideq

using Base64: base64decode
using FunctionWrappers: FunctionWrapper
using JSON: JSON
using LinearAlgebra
using OrdinaryDiffEqLowOrderRK: OrdinaryDiffEqLowOrderRK
using OrdinaryDiffEqTsit5: OrdinaryDiffEqTsit5
using OrdinaryDiffEqVerner: OrdinaryDiffEqVerner
using PrecompileTools: @compile_workload, @setup_workload
using RuntimeGeneratedFunctions
using SciMLBase: SciMLBase, ODEFunction, ODEProblem, ReturnCode, init, reinit!, step!
using SciMLLogging: SciMLLogging
using SparseArrays

RuntimeGeneratedFunctions.init(@__MODULE__)

include("graph.jl")
include("indices.jl")
include("mathematics.jl")
include("networks.jl")
include("fourier.jl")
include("codegen/codegen.jl")
include("kernel.jl")
include("solve/solve.jl")
include("objective/objective.jl")
include("minimise/minimise.jl")
include("bridge.jl")
include("workload.jl")

end
