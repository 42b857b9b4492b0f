# SOAP: Adam in the eigenbases of Shampoo's preconditioners. Vyas et al. 2024 (arXiv:2409.11321), algorithm 3.
#
# For a weight matrix with gradient G:
#
#     G' = Q_Lᵀ G Q_R,   M' ← β₁M' + (1 − β₁) G',   V ← β₂V + (1 − β₂) G'²,   W ← W − η Q_L (M̂' / (√V̂ + ε)) Q_Rᵀ,
#
# then L ← β₂L + (1 − β₂) GGᵀ and R ← β₂R + (1 − β₂) GᵀG, and every so many iterations new bases Q_L, Q_R. As in the
# authors' public code, the first gradient only makes the bases: nothing moves. ε is added after the bias correction, as
# in Adam here. Everything that isn't in a block takes Adam's step.
#
# Rows lie in Julia's columns (NumPy's order): what Julia sees of a weight matrix or a basis is its transpose.

"Where weight matrices lie in θ: (offset, rows, columns) each; and iterations between two renewals of the bases."
struct BasesSettings
    blocks::Vector{NTuple{3,Int}}
    every::Int
end

"A vector's stretch as a matrix."
const MatrixView = typeof(reshape(view(zeros(1), 1:1), 1, 1))
matrix_view(vector::Vector{Float64}, offset, rows, columns)::MatrixView =
    reshape(view(vector, offset+1:offset+rows*columns), rows, columns)

"One weight matrix: its part of the vectors, all transposed, and `work` of the same size."
struct EigenBlock
    gradient::MatrixView
    turned::MatrixView
    mean::MatrixView
    square::MatrixView
    work::Matrix{Float64}
    left::MatrixView
    right::MatrixView
    left_basis::MatrixView
    right_basis::MatrixView
end

"""
What SOAP has beyond Adam: preconditioners and bases of all blocks, one after another. `gradient` is the one last used;
`turned` is the same, or the next direction, in the bases.
"""
struct Eigenbases
    left::Vector{Float64}
    right::Vector{Float64}
    left_basis::Vector{Float64}
    right_basis::Vector{Float64}
    gradient::Vector{Float64}
    turned::Vector{Float64}
    blocks::Vector{EigenBlock}
    every::Int
end

make_bases(::Nothing, mean, square) = nothing

function make_bases(settings::BasesSettings, mean, square)
    left, left_basis = (zeros(sum(b -> b[2]^2, settings.blocks)) for _ in 1:2)
    right, right_basis = (zeros(sum(b -> b[3]^2, settings.blocks)) for _ in 1:2)
    gradient, turned = zero(mean), zero(mean)
    blocks, at_left, at_right = EigenBlock[], 0, 0
    for (offset, rows, columns) in settings.blocks
        whole(vector) = matrix_view(vector, offset, columns, rows)
        push!(
            blocks,
            EigenBlock(
                whole(gradient), whole(turned), whole(mean), whole(square), zeros(columns, rows),
                matrix_view(left, at_left, rows, rows), matrix_view(right, at_right, columns, columns),
                matrix_view(left_basis, at_left, rows, rows), matrix_view(right_basis, at_right, columns, columns),
            ),
        )
        at_left, at_right = at_left + rows^2, at_right + columns^2
    end
    return Eigenbases(left, right, left_basis, right_basis, gradient, turned, blocks, settings.every)
end

"X ← Q_Lᵀ X Q_R"
function turn_into!(b::EigenBlock, x)
    mul!(b.work, b.right_basis, x)
    mul!(x, b.work, b.left_basis')
    return x
end

"X ← Q_L X Q_Rᵀ"
function turn_back!(b::EigenBlock, x)
    mul!(b.work, b.right_basis', x)
    mul!(x, b.work, b.left_basis)
    return x
end

"Moments in the bases; the first gradient has none yet."
function update_moments!(method::Adam, state::AdamState{Eigenbases}, gradient, norm)
    bases = state.bases
    bases.gradient .= min(1.0, method.clip / max(norm, 1e-300)) .* gradient
    state.accepted == 1 && return nothing
    copyto!(bases.turned, bases.gradient)
    foreach(b -> turn_into!(b, b.turned), bases.blocks)
    b1, b2, mean, square = method.beta1, method.beta2, state.mean, state.square
    @inbounds @simd for i in eachindex(mean, square, bases.turned)
        g = bases.turned[i]
        mean[i] = b1 * mean[i] + (1 - b1) * g
        square[i] = b2 * square[i] + (1 - b2) * g^2
    end
    return nothing
end

function take_step!(method::Adam, state::AdamState{Eigenbases}, rate, problem)
    age = max(state.accepted - 1, 1)
    c1, c2 = 1 - method.beta1^age, 1 - method.beta2^age
    direction, mean, square = state.bases.turned, state.mean, state.square
    @inbounds @simd for i in eachindex(direction, mean, square)
        direction[i] = (mean[i] / c1) / (sqrt(square[i] / c2) + method.epsilon)
    end
    foreach(b -> turn_back!(b, b.turned), state.bases.blocks)
    for i in eachindex(direction)
        problem.free[i] && (state.theta[i] -= rate * direction[i])
    end
    return nothing
end

"What the gradient just used tells of the preconditioners, and new bases where they are due."
function learn!(method::Adam, state::AdamState{Eigenbases})
    bases, old, new = state.bases, method.beta2, 1 - method.beta2
    for b in bases.blocks
        mul!(b.left, b.gradient', b.gradient, new, old)
        mul!(b.right, b.gradient, b.gradient', new, old)
    end
    if state.accepted == 1
        foreach(begin_bases!, bases.blocks)
    elseif state.iteration > 0 && state.iteration % bases.every == 0
        foreach(renew_bases!, bases.blocks)
    end
    return nothing
end

function begin_bases!(b::EigenBlock)
    first_basis!(b.left_basis, b.left)
    first_basis!(b.right_basis, b.right)
    return nothing
end

"New bases; the first moment goes along, the second one keeps its entries, sorted as the basis is."
function renew_bases!(b::EigenBlock)
    turn_back!(b, b.mean)
    rows, columns = next_basis!(b.left_basis, b.left), next_basis!(b.right_basis, b.right)
    turn_into!(b, b.mean)
    b.square .= b.square[columns, rows]
    return nothing
end
