# Stabilised explicit methods: many cheap stages for mildly stiff problems with real spectra, such as diffusion.

module UnideqStabilizedRKExt

using OrdinaryDiffEqStabilizedRK: OrdinaryDiffEqStabilizedRK
using PrecompileTools: @compile_workload
using Unideq: forget_kernels!, run_integration_workload

@compile_workload begin
    run_integration_workload(:OrdinaryDiffEqStabilizedRK)
    forget_kernels!()
end

end
