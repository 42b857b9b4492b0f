# Solvers: those of the table of `unideq.solvers` by name, and methods from outside by their coefficients.

"""
One solver. `algorithm(sparse)` makes it, for sparse or dense Jacobians; `nothing`: its steps are made from its tableau,
by the weights `error` of the error's estimate, which Rosenbrock methods have, too. `tableau` is there for explicit Runge–Kutta and for Rosenbrock methods,
and with it the discrete adjoint and forward mode.
"""
struct Method
    name::String
    order::Int
    implicit::Bool
    fixed::Bool
    algorithm::Union{Nothing,Function}
    tableau::Union{Nothing,Tableau,RosenbrockTableau}
    error::Vector{Float64}
    package::Symbol             # that it comes from; its own: `:none`
end

"Whether a method solves its stages by Newton iterations, which remember how well they converged."
iterates(method::Method) = method.package in (:OrdinaryDiffEqSDIRK, :OrdinaryDiffEqFIRK)

"Whether the dense output of a method isn't worth its steps: it is of third order."
ends_at_outputs(method::Method) = method.package === :OrdinaryDiffEqSDIRK

include_dependency("solvers.json")

"The table: name → `package`, `algorithm`, `order`, `implicit`, `fixed`, `coefficients`; or what `Method(name, own)` reads."
const SOLVERS = JSON.parsefile(joinpath(@__DIR__, "solvers.json"))

"Packages that aren't loaded before a solver of theirs is asked for: name → UUID."
const PACKAGES = Dict(
    "LinearSolve" => "7ed4a6bd-45f5-4d41-b270-4a48e9bafcae",
    "OrdinaryDiffEqBDF" => "6ad6398a-0878-4a85-9266-38940aa047c8",
    "OrdinaryDiffEqFIRK" => "5960d6e9-dd7a-4743-88e7-cf307b64f125",
    "OrdinaryDiffEqRosenbrock" => "43230ef6-c299-4910-a778-202eb28ce4ce",
    "OrdinaryDiffEqSDIRK" => "2d112036-d095-4a1e-ab9a-08536f3ecdbf",
    "OrdinaryDiffEqSSPRK" => "669c94d9-1f4b-4b64-b377-1aa079aa2388",
    "OrdinaryDiffEqStabilizedRK" => "358294b1-0aab-51c3-aafe-ad5ab194a2ad",
)

"Solvers that were asked for, by name."
const METHODS = Dict{String,Method}()

"""
    method(name)

The solver of that name; loads its package where need be.
"""
function method(name::AbstractString)
    haskey(METHODS, name) && return METHODS[name]
    haskey(SOLVERS, name) || throw(
        ArgumentError("unknown solver `$name`; there are $(join(sort!(collect(keys(SOLVERS))), ", "))"),
    )
    row = SOLVERS[name]
    haskey(row, "package") || return METHODS[name] = Method(name, row)
    package = package_of(name, row["package"])
    row["implicit"] && package_of(name, "LinearSolve")
    # The package may have been loaded by this very call of Julia.
    return METHODS[name] = Base.invokelatest(Method, name, row, package)
end

"A method of these coefficients, as `unideq.engine.julia.tableau` writes them."
function Method(name::AbstractString, own::AbstractDict)
    tableau = own["implicit"] ? RosenbrockTableau(own) : Tableau(own)
    error = Float64[x for x in own["error"]]
    return Method(name, own["order"], own["implicit"], own["fixed"], nothing, tableau, error, :none)
end

"A method of OrdinaryDiffEq, its tableau taken from there."
function Method(name::AbstractString, row::AbstractDict, package::Module)
    kind, coefficients = getproperty(package, Symbol(row["algorithm"])), row["coefficients"]
    linear(sparse) = sparse ? package_of(name, "LinearSolve").KLUFactorization() : nothing
    algorithm = row["implicit"] ? sparse -> kind(; linsolve = linear(sparse)) : _ -> kind()
    tableau, error = row["recorded"] ? Tableau(kind()) : nothing, Float64[]
    if coefficients !== nothing
        table = getproperty(package, Symbol(coefficients))(Float64, Float64)
        tableau, error = RosenbrockTableau(table), table.btilde
    end
    return Method(name, row["order"], row["implicit"], row["fixed"], algorithm, tableau, error, nameof(package))
end

"The same method, its steps made from its tableau here."
by_tableau(m::Method) = Method(m.name, m.order, m.implicit, m.fixed, nothing, m.tableau, m.error, :none)

"A package that a solver needs."
function package_of(solver, package)
    isdefined(@__MODULE__, Symbol(package)) && return getproperty(@__MODULE__, Symbol(package))
    id = Base.PkgId(Base.UUID(PACKAGES[package]), package)
    Base.locate_package(id) === nothing && throw(
        ArgumentError(
            "solver `$solver` needs the Julia package $package, which isn't installed. " *
            "In Julia, type `import Pkg; Pkg.activate(\"unideq\"; shared = true); Pkg.add(\"$package\")`.",
        ),
    )
    return Base.require(id)
end

"Names of the solvers of a package."
solvers_of(package) = sort!([name for (name, row) in SOLVERS if get(row, "package", nothing) == package])

# Tableaus are read off while this package is precompiled.
for package in ("OrdinaryDiffEqTsit5", "OrdinaryDiffEqLowOrderRK", "OrdinaryDiffEqVerner")
    foreach(method, solvers_of(package))
end
