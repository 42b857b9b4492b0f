# Fixed-step rollouts: a step u⁺ = S(t, u, c, θ) made again and again, observed on the way.

include("compiled.jl")
include("batch.jl")
include("states.jl")
include("reverse.jl")
include("forward.jl")
