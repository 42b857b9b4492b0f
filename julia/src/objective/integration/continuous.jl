# Adjoints that solve a differential equation backwards; the extension UnideqSciMLSensitivityExt has them.

const CONTINUOUS = (:gauss, :interpolating, :quadrature, :backsolve)

const CONTINUOUS_PACKAGES = (
    Base.PkgId(Base.UUID("47edcb42-4c32-4615-8424-f2b9edc5f35b"), "ADTypes"),
    Base.PkgId(Base.UUID("43230ef6-c299-4910-a778-202eb28ce4ce"), "OrdinaryDiffEqRosenbrock"),
    Base.PkgId(Base.UUID("1ed8b502-d754-442c-8d5d-10ac956f44a1"), "SciMLSensitivity"),
)

"`pull_continuous!(adjoint, batch, slot, trajectory, u0, dp)`: as `pull_by!`; the extension has a method a name."
function pull_continuous! end

# The extension may have been loaded by this very call of Julia.
pull_by!(adjoint::Val, batch::Batch, slot::Slot, trajectory::Int, u0, dp) =
    (Base.invokelatest(pull_continuous!, adjoint, batch, slot, trajectory, u0, dp); nothing)

"""
The method that continuous adjoints solve with, both ways. The adjoint is that of the solution, not of the steps, so the
method needs not be the one that was asked for, but an accurate dense output.
"""
function continuous_method(method::Method)
    method.implicit && return Unideq.method("rodas5p")
    method.tableau === nothing && return method
    return Unideq.method(method.order <= 5 ? "tsit5" : "vern9")
end

"Load what a continuous adjoint needs, or say why it can't be had."
function load_continuous(name::Symbol, settings::Settings)
    if settings.method.implicit && name in (:quadrature, :backsolve)
        why = name === :quadrature ? "misses what happens fast after an observation" : "is unstable on stiff systems"
        throw(
            Unsupported(
                "The adjoint `$name` $why, so implicit solvers ($(settings.method.name)) don't go with it; choose " *
                "`gauss` or `interpolating`.",
            ),
        )
    end
    foreach(Base.require, CONTINUOUS_PACKAGES)
    continuous_method(settings.method)
    return nothing
end
