include("blocks.jl")
include("pointwise.jl")
include("mean_square.jl")
