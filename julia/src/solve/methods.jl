# Solvers by name.

"""
One solver. `algorithm(sparse)` makes it, for sparse or dense Jacobians, once the package of its family is loaded;
`tableau` is there for explicit Runge–Kutta and for Rosenbrock methods, and with it the discrete adjoint and forward
mode.
"""
struct Method
    name::String
    family::Symbol
    order::Int
    implicit::Bool
    fixed::Bool
    algorithm::Function
    tableau::Union{Nothing,Tableau,RosenbrockTableau}
end

"Packages that aren't loaded before a solver of theirs is asked for: family → name, UUID."
const FAMILIES = Dict(
    :rosenbrock => ("OrdinaryDiffEqRosenbrock", "43230ef6-c299-4910-a778-202eb28ce4ce"),
    :bdf => ("OrdinaryDiffEqBDF", "6ad6398a-0878-4a85-9266-38940aa047c8"),
    :sdirk => ("OrdinaryDiffEqSDIRK", "2d112036-d095-4a1e-ab9a-08536f3ecdbf"),
    :firk => ("OrdinaryDiffEqFIRK", "5960d6e9-dd7a-4743-88e7-cf307b64f125"),
    :stabilised => ("OrdinaryDiffEqStabilizedRK", "358294b1-0aab-51c3-aafe-ad5ab194a2ad"),
    :ssp => ("OrdinaryDiffEqSSPRK", "669c94d9-1f4b-4b64-b377-1aa079aa2388"),
)

const LINEAR_SOLVE = ("LinearSolve", "7ed4a6bd-45f5-4d41-b270-4a48e9bafcae")

"Solvers of those packages: name → family, order, whether implicit."
const ELSEWHERE = Dict(
    "rodas5p" => (:rosenbrock, 5, true),
    "rodas4" => (:rosenbrock, 4, true),
    "rosenbrock23" => (:rosenbrock, 2, true),
    "fbdf" => (:bdf, 5, true),
    "qndf" => (:bdf, 5, true),
    "trbdf2" => (:sdirk, 2, true),
    "kencarp4" => (:sdirk, 4, true),
    "kvaerno5" => (:sdirk, 5, true),
    "radauiia5" => (:firk, 5, true),
    "rock2" => (:stabilised, 2, false),
    "rock4" => (:stabilised, 4, false),
    "ssprk22" => (:ssp, 2, false),
    "ssprk33" => (:ssp, 3, false),
    "ssprk43" => (:ssp, 3, false),
    "ssprk54" => (:ssp, 4, false),
    "ssprk104" => (:ssp, 4, false),
)

"Solvers that make fixed steps and need `dt`."
const FIXED_STEP = Set(("euler", "heun", "midpoint", "ralston", "rk4", "ssprk22", "ssprk33", "ssprk54", "ssprk104"))

"Rosenbrock methods that have the discrete adjoint."
const ROSENBROCK = Set(("rodas4", "rodas5p"))

const METHODS = Dict{String,Method}()

"Make a solver known; extensions call this when they load."
function register_method!(name, family, order, implicit, algorithm, tableau = nothing)
    METHODS[name] = Method(name, family, order, implicit, name in FIXED_STEP, algorithm, tableau)
    return nothing
end

"An explicit Runge–Kutta method, its tableau taken from the solver."
register_explicit!(name, family, order, algorithm) =
    register_method!(name, family, order, false, algorithm, Tableau(algorithm(false)))

register_explicit!("tsit5", :explicit, 5, _ -> Tsit5())
register_explicit!("dopri5", :explicit, 5, _ -> DP5())
register_explicit!("bs3", :explicit, 3, _ -> BS3())
register_explicit!("vern6", :explicit, 6, _ -> Vern6())
register_explicit!("vern7", :explicit, 7, _ -> Vern7())
register_explicit!("vern8", :explicit, 8, _ -> Vern8())
register_explicit!("vern9", :explicit, 9, _ -> Vern9())
register_explicit!("euler", :explicit, 1, _ -> Euler())
register_explicit!("heun", :explicit, 2, _ -> Heun())
register_explicit!("midpoint", :explicit, 2, _ -> Midpoint())
register_explicit!("ralston", :explicit, 2, _ -> Ralston())
register_explicit!("rk4", :explicit, 4, _ -> RK4())

"""
    method(name)

The solver of that name; loads its package where need be.
"""
function method(name::AbstractString)
    haskey(METHODS, name) && return METHODS[name]
    haskey(ELSEWHERE, name) || throw(
        ArgumentError("unknown solver `$name`; there are $(join(sort!(solver_names()), ", "))"),
    )
    package, uuid = FAMILIES[first(ELSEWHERE[name])]
    last(ELSEWHERE[name]) && require_for(name, LINEAR_SOLVE...)
    require_for(name, package, uuid)
    return Base.invokelatest(getindex, METHODS, name)
end

function require_for(name, package, uuid)
    id = Base.PkgId(Base.UUID(uuid), package)
    Base.locate_package(id) === nothing && throw(
        ArgumentError(
            "solver `$name` needs the Julia package $package, which isn't installed. " *
            "In Julia, type `import Pkg; Pkg.activate(\"unideq\"; shared = true); Pkg.add(\"$package\")`.",
        ),
    )
    Base.require(id)
    return nothing
end

"""
The linear solver of an implicit method. Sparse systems are factorised by `sparse_method`, which keeps the symbolic
factorisation from step to step; `nothing` leaves dense ones to the solver's own choice.
"""
linear_solver(sparse::Bool, sparse_method) = sparse ? sparse_method() : nothing

solver_names() = collect(union(keys(METHODS), keys(ELSEWHERE)))

"""
    solver_table()

JSON text: name → `family`, `order`, `implicit`, `fixed` (needs `dt`), `discrete` (has the discrete adjoint). Loads
nothing.
"""
function solver_table()
    table = Dict{String,Any}()
    for (name, m) in METHODS
        table[name] = solver_row(m.family, m.order, m.implicit, name)
    end
    for (name, (family, order, implicit)) in ELSEWHERE
        table[name] = solver_row(family, order, implicit, name)
    end
    return JSON.json(table)
end

solver_row(family, order, implicit, name) = Dict(
    "family" => String(family),
    "order" => order,
    "implicit" => implicit,
    "fixed" => name in FIXED_STEP,
    "discrete" => family in (:explicit, :ssp) || name in ROSENBROCK,
)
