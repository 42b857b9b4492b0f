"Continuous adjoints by SciMLSensitivity, fed with compiled vector–Jacobian products; nothing is differentiated here."
module UnideqSciMLSensitivityExt

using ADTypes: AutoFiniteDiff
using JSON: JSON
using OrdinaryDiffEqRosenbrock: Rodas5P
using PrecompileTools: @compile_workload, @setup_workload
using SciMLBase: SciMLBase, ODEFunction, ODEProblem, remake, solve
using SciMLSensitivity:
    BacksolveAdjoint,
    GaussAdjoint,
    InterpolatingAdjoint,
    QuadratureAdjoint,
    ZygoteVJP,
    adjoint_sensitivities
using Unideq:
    Unideq,
    Batch,
    Course,
    Field,
    QUIET,
    Runner,
    Slot,
    continuous_method,
    course_of,
    initial_offset,
    is_sparse,
    next_jump,
    run!,
    see_between!,
    seen_time,
    slack,
    stops_between

include("UnideqSciMLSensitivityExt/functions.jl")
include("UnideqSciMLSensitivityExt/adjoints.jl")
include("UnideqSciMLSensitivityExt/workload.jl")

end
