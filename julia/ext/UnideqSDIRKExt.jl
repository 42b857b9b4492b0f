# Singly diagonally implicit Runge–Kutta methods.

module UnideqSDIRKExt

using LinearSolve: LinearSolve
using OrdinaryDiffEqSDIRK: OrdinaryDiffEqSDIRK, ESDIRKIMEXCache
using PrecompileTools: @compile_workload
using Unideq: Unideq, forget_kernels!, run_integration_workload

"""
Stage i stands at Σ_j a_ij. OrdinaryDiffEqSDIRK has Kværnø's second stages at γ instead of 2γ, which costs his fifth-order
method two orders where the equations know the time, and its error estimate doesn't see it.
"""
function Unideq.settle_stages!(cache::ESDIRKIMEXCache)
    (; Ai, c) = cache.tab
    for i in eachindex(c)
        time = sum(view(Ai, i, :))
        abs(c[i] - time) > 1e-6 && (c[i] = time)
    end
    return nothing
end

@compile_workload begin
    run_integration_workload(:OrdinaryDiffEqSDIRK)
    forget_kernels!()
end

end
