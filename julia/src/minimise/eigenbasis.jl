# Eigenbases of SOAP's preconditioners: the first one by decomposition, later ones by a power iteration each.
#
# Vyas et al. 2024 (arXiv:2409.11321), algorithms 3 and 4, and their public implementation, which sorts the basis by its
# estimated eigenvalues before each power iteration. Bases are kept transposed: a vector in each row.
#
# Early gradients span few directions, and float64 resolves 16 digits: in the others both decompositions return what
# rounding leaves there. A ramp `RAMP` times the largest diagonal entry is added to the diagonal (the public
# implementation adds 1e-30), so that these directions have an order and a basis: the same on both engines.

"Largest of what is added to a preconditioner's diagonal, in units of its largest diagonal entry."
const RAMP = 1e-9

"`basis` ← eigenvectors, that of the largest eigenvalue first."
function first_basis!(basis, matrix)
    _, vectors = LAPACK.syevd!('V', 'L', definite(matrix))
    return transpose!(basis, vectors[:, end:-1:1])
end

"`basis` ← the basis after one power iteration. Returns the order into which the old one's vectors were brought first."
function next_basis!(basis, matrix)
    regular, vectors = definite(matrix), permutedims(basis)
    powers = regular * vectors
    order = sortperm(vec(sum(vectors .* powers; dims = 1)); rev = true)
    factors, tau = LAPACK.geqrf!(regular * vectors[:, order])
    # Vectors that go on in their old direction, whatever the library's signs.
    signs = [factors[i, i] < 0 ? -1.0 : 1.0 for i in axes(factors, 1)]
    transpose!(basis, LAPACK.orgqr!(factors, tau))
    basis .*= signs
    return order
end

function definite(matrix)
    size = Base.size(matrix, 1)
    largest = maximum(i -> matrix[i, i], 1:size)
    regular = Matrix(matrix)
    for i in 1:size
        regular[i, i] += RAMP * (largest > 0 ? largest : 1.0) * (1.0 - 0.5 * (i - 1) / size)
    end
    return regular
end
