# Training: whole optimiser loops, every seed on its own. The methods, their rejection rules, logs and named state
# are those of the JAX engine, so that a run saved by one goes on with the other.

include("learning_rate.jl")
include("loss_value.jl")
include("logs.jl")
include("adam.jl")
include("line_search.jl")
include("dense_curvature.jl")
include("limited_curvature.jl")
include("quasi_newton.jl")
include("named_state.jl")
include("settings.jl")
include("run.jl")
include("workload.jl")
