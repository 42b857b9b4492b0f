# Explicit methods that preserve strong stability, for hyperbolic equations with limiters.

module UnideqSSPRKExt

using OrdinaryDiffEqSSPRK: OrdinaryDiffEqSSPRK
using PrecompileTools: @compile_workload
using Unideq: forget_kernels!, run_integration_workload

@compile_workload begin
    run_integration_workload(:OrdinaryDiffEqSSPRK)
    forget_kernels!()
end

end
