# An optimiser from the text of its settings.

"What methods are told about the problem: which entries may move."
struct MinimiseProblem
    free::Vector{Bool}
end

"The method that a run's settings describe: a graph's turn, or one of those that Julia has by name."
function read_method(given::AbstractDict)
    haskey(given, "turn") && return read_first_order(given)
    name, s = given["optimizer"], given["settings"]
    name == "bfgs" && return QuasiNewton(s["tolerance"], s["line_search"], read_update(s["update"]))
    name == "lbfgs" && return QuasiNewton(s["tolerance"], s["line_search"], s["memory"])
    name == "gauss_newton" && return GaussNewton(s["damping"], s["tolerance"], s["residuals"])
    throw(ArgumentError("there is no optimiser `$name`"))
end
