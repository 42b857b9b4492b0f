# Explicit methods that preserve strong stability, for hyperbolic equations with limiters.

module UnideqSSPRKExt

using OrdinaryDiffEqSSPRK: SSPRK104, SSPRK22, SSPRK33, SSPRK43, SSPRK54
using PrecompileTools: @compile_workload
using Unideq: Tableau, forget_kernels!, register_method!, run_integration_workload

const METHODS = (
    ("ssprk22", 2, SSPRK22, Tableau(SSPRK22())),
    ("ssprk33", 3, SSPRK33, Tableau(SSPRK33())),
    ("ssprk43", 3, SSPRK43, Tableau(SSPRK43())),
    ("ssprk54", 4, SSPRK54, Tableau(SSPRK54())),
    ("ssprk104", 4, SSPRK104, Tableau(SSPRK104())),
)

function register()
    for (name, order, algorithm, tableau) in METHODS
        register_method!(name, :ssp, order, false, _ -> algorithm(), tableau)
    end
    return nothing
end

__init__() = register()

@compile_workload begin
    register()
    foreach(run_integration_workload, ("ssprk22", "ssprk33", "ssprk43", "ssprk54", "ssprk104"))
    forget_kernels!()
end

end
