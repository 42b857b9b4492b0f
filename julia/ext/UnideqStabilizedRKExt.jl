# Stabilised explicit methods: many cheap stages for mildly stiff problems with real spectra, such as diffusion.

module UnideqStabilizedRKExt

using OrdinaryDiffEqStabilizedRK: ROCK2, ROCK4
using PrecompileTools: @compile_workload
using Unideq: forget_kernels!, register_method!, run_integration_workload

function register()
    register_method!("rock2", :stabilised, 2, false, _ -> ROCK2())
    register_method!("rock4", :stabilised, 4, false, _ -> ROCK4())
    return nothing
end

__init__() = register()

@compile_workload begin
    register()
    foreach(run_integration_workload, ("rock2", "rock4"))
    forget_kernels!()
end

end
