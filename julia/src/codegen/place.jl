"""
Where an input is read or an output goes: `port` is one of `Ports`, or `:t`; the array begins after `offset`
elements. Outputs with `add` are added to what is there.
"""
struct Place
    port::Symbol
    offset::Int
    add::Bool
end
Place(port::Symbol, offset::Int = 0; add::Bool = false) = Place(port, offset, add)

"No numbers: for a port that isn't used, a tangent that is zero."
const NOTHING = Float64[]

"""
Where a workspace holds numbers that aren't in the code: of node i the attribute of that name, or its value where the name
is empty, from an offset on.
"""
const Places = Vector{Tuple{Int,String,Int}}

"Attributes of `piecewise_polynomial` that are data."
const TABLES = ("anchors", "breaks", "coefficients")
