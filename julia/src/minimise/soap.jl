# SOAP's new bases, which follow its turn. Vyas et al. 2024 (arXiv:2409.11321), algorithm 3; see `unideq.optimise.soap`.
#
# Rows lie in Julia's columns (NumPy's order): what Julia sees of a weight matrix or a basis is its transpose.

"Where weight matrices lie in θ: (offset, rows, columns) each; and iterations between two renewals of the bases."
struct BasesSettings
    blocks::Vector{NTuple{3,Int}}
    every::Int
end

BasesSettings(beside::AbstractDict) =
    BasesSettings([Tuple{Int,Int,Int}(block) for block in beside["blocks"]], beside["every"])

"A vector's stretch as a matrix."
const MatrixView = typeof(reshape(view(zeros(1), 1:1), 1, 1))
matrix_view(vector::Vector{Float64}, offset, rows, columns)::MatrixView =
    reshape(view(vector, offset+1:offset+rows*columns), rows, columns)

"One weight matrix: its part of the state, all transposed, and `work` of the same size."
struct EigenBlock
    mean::MatrixView
    square::MatrixView
    work::Matrix{Float64}
    left::MatrixView
    right::MatrixView
    left_basis::MatrixView
    right_basis::MatrixView
end

struct Eigenbases
    blocks::Vector{EigenBlock}
    every::Int
end

function make_beside(settings::BasesSettings, layout::Layout, numbers)
    start(name) = first(stretch_of(layout, name)) - 1
    blocks, left, right = EigenBlock[], 0, 0
    for (offset, rows, columns) in settings.blocks
        whole(name) = matrix_view(numbers, start(name) + offset, columns, rows)
        square(name, at, n) = matrix_view(numbers, start(name) + at, n, n)
        push!(
            blocks,
            EigenBlock(
                whole("mean"), whole("square"), zeros(columns, rows),
                square("bases.left", left, rows), square("bases.right", right, columns),
                square("bases.left_basis", left, rows), square("bases.right_basis", right, columns),
            ),
        )
        left, right = left + rows^2, right + columns^2
    end
    return Eigenbases(blocks, settings.every)
end

prepare!(::Eigenbases, method, state, value) = nothing

"Bases begin at the first gradient, and are renewed every so many iterations; a refused gradient leaves them."
function follow!(bases::Eigenbases, state::FirstOrderState, used::Bool)
    used || return nothing
    if number(state, "accepted") == 1
        foreach(begin_bases!, bases.blocks)
    elseif state.iteration > 0 && state.iteration % bases.every == 0 # that of the turn
        foreach(renew_bases!, bases.blocks)
    end
    return nothing
end

"X ← Q_Lᵀ X Q_R"
function rotate_into!(b::EigenBlock, x)
    mul!(b.work, b.right_basis, x)
    mul!(x, b.work, b.left_basis')
    return x
end

"X ← Q_L X Q_Rᵀ"
function rotate_back!(b::EigenBlock, x)
    mul!(b.work, b.right_basis', x)
    mul!(x, b.work, b.left_basis)
    return x
end

function begin_bases!(b::EigenBlock)
    first_basis!(b.left_basis, b.left)
    first_basis!(b.right_basis, b.right)
    return nothing
end

"New bases; the first moment goes along, the second one keeps its entries, sorted as the basis is."
function renew_bases!(b::EigenBlock)
    rotate_back!(b, b.mean)
    rows, columns = next_basis!(b.left_basis, b.left), next_basis!(b.right_basis, b.right)
    rotate_into!(b, b.mean)
    b.square .= b.square[columns, rows]
    return nothing
end
