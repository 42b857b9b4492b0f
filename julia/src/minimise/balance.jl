# The rules by which terms' weights follow their gradients; the same as in `unideq/engine/jax/weighting_rules.py`.

"ConFIG: eigenvalues of the cosines' matrix below this fraction of the largest are dependence between gradients."
const DEPENDENT = 1e-12
"ConFIG: below this square of its length the common direction is rounding: the gradients leave none."
const OPPOSED = 1e-8

"A rule that moves the weights every so many iterations: λ ← (1 − α) λ + α λ̂, α the `rate`."
abstract type Moving end

"""
λ̂ᵢ = max |∇ Σ λ_r L_r| / mean |∇ λᵢLᵢ| (arXiv:2001.04536, algorithm 2.1), of groups of entries the largest; `weighted`:
the mean has λᵢ in it.
"""
struct Annealing <: Moving
    every::Int
    rate::Float64
    reference::Vector{Bool}             # among the balanced terms
    weighted::Bool
end

"λ̂ᵢ = Σⱼ ‖∇Lⱼ‖ / ‖∇Lᵢ‖"
struct EqualNorms <: Moving
    every::Int
    rate::Float64
end

"λ̂ᵢ = Σⱼ tr Kⱼ / tr Kᵢ; of each balanced term the residual: (source, name of its output)."
struct EqualTraces <: Moving
    every::Int
    rate::Float64
    residuals::Vector{Tuple{Int,String}}
end

"The direction with equal cosines to all gradients (arXiv:2408.11104)."
struct ConFIG end

"The gradients freed of their conflicts (arXiv:2001.06782)."
struct PCGrad end

"""
A rule and the terms it is for, by their places: `balanced` have gradients of their own, `moving` (places among the
balanced ones) weights that move; the gradients of `others` count as they are. `counted` (P, G): the entries of θ that
statistics look at, by groups, zero where θ is fixed; `free`: where it isn't. `base` (T): the objective's own weights.
"""
struct Balance{R}
    rule::R
    balanced::Vector{Int}
    moving::Vector{Int}
    others::Vector{Int}
    counted::Matrix{Float64}
    free::Vector{Bool}
    base::Vector{Float64}
end

"`Balancing` of Python, as `unideq.engine.julia.optimise` writes it; places count from 0 there."
function read_balance(b::AbstractDict, free::Vector{Bool})
    places(name) = Int[i + 1 for i in b[name]]
    counted = stack(Vector{Float64}(group) .* free for group in b["counted"])
    return Balance(
        read_rule(b), places("balanced"), places("moving"), places("others"), counted, free, Vector{Float64}(b["base"]),
    )
end

function read_rule(b::AbstractDict)
    name, every, rate = b["rule"], Int(b["every"]), Float64(b["rate"])
    name == "annealing" && return Annealing(every, rate, Vector{Bool}(b["reference"]), b["denominator"] == "weighted")
    name == "gradient_norm" && return EqualNorms(every, rate)
    name == "ntk" && return EqualTraces(every, rate, [(Int(i) + 1, String(key)) for (i, key) in b["residuals"]])
    name == "config" && return ConFIG()
    name == "pcgrad" && return PCGrad()
    throw(ArgumentError("there is no balancing rule `$name`"))
end

"Do statistics look at this entry of θ?"
counts(balance::Balance, p::Int) = any(>(0), view(balance.counted, p, :))

"Do the terms' weights change in this iteration?"
is_due(rule::Moving, iteration::Int) = iteration % rule.every == 0
is_due(rule, iteration::Int) = true

"Give the moving terms' weights for which `wanted` λ̂ (B) is a finite, positive number their next values."
function move_weights!(weights::Vector{Float64}, balance::Balance, wanted::Vector{Float64})
    rate = balance.rule.rate
    for b in balance.moving
        hat, i = wanted[b], balance.balanced[b]
        isfinite(hat) && hat > 0 && (weights[i] = (1 - rate) * weights[i] + rate * hat)
    end
    return nothing
end

"""
    set_weights!(weights, balance, gradients, iteration)

The weights (T) of an iteration from the balanced terms' gradients (P, B).
"""
function set_weights!(weights, balance::Balance{Annealing}, gradients::Matrix{Float64}, iteration::Int)
    wanted = zeros(length(balance.balanced))
    for counted in eachcol(balance.counted)
        largest, amount = largest_reference(weights, balance, gradients, counted), sum(counted)
        for (b, i) in enumerate(balance.balanced)
            mean = sum(counted[p] * abs(gradients[p, b]) for p in eachindex(counted)) / amount
            ratio = largest / (balance.rule.weighted ? abs(weights[i]) * mean : mean)
            isfinite(ratio) && (wanted[b] = max(wanted[b], ratio))
        end
    end
    return move_weights!(weights, balance, wanted)
end

"max |∇ Σ λ_r L_r| over a group's entries"
function largest_reference(weights, balance::Balance{Annealing}, gradients::Matrix{Float64}, counted)
    largest = 0.0
    for p in eachindex(counted)
        counted[p] > 0 || continue
        along = 0.0
        for (b, i) in enumerate(balance.balanced)
            balance.rule.reference[b] && (along += weights[i] * gradients[p, b])
        end
        largest = max(largest, abs(along))
    end
    return largest
end

function set_weights!(weights, balance::Balance{EqualNorms}, gradients::Matrix{Float64}, iteration::Int)
    norms = [sqrt(sum(gradients[p, b]^2 for p in axes(gradients, 1) if counts(balance, p))) for b in axes(gradients, 2)]
    return move_weights!(weights, balance, sum(norms) ./ norms)
end

"""
Projections: the weights are c wᵢ, where the direction is Σ cᵢgᵢ of the free entries' gradients gᵢ = wᵢ∇Lᵢ at the
objective's weights.
"""
function set_weights!(weights, balance::Balance, gradients::Matrix{Float64}, iteration::Int)
    base = balance.base[balance.balanced]
    own = (gradients .* balance.free) .* base'
    found = base .* coefficients(balance.rule, own' * own, iteration)
    weights[balance.balanced] .= all(isfinite, found) ? found : base
    return nothing
end

"""
    coefficients(rule, gram, iteration)

The coefficients c of the direction Σ cᵢgᵢ, from the gradients' scalar products.

ConFIG: (Σᵢ gᵢ·u) u, where u is Ĝ⁺1 made one long, Ĝ the matrix of unit gradients: Ĝᵀ(ĜĜᵀ)⁺1, by the T×T matrix of
cosines. A zero gradient has no say; its coefficient is 1.

PCGrad: Σᵢ gᵢ', each gᵢ freed of what conflicts with the others. Those come in cyclic order, first the one that is
1 + iteration mod (T − 1) places behind: over T − 1 iterations each leads once. (The paper draws the order.)
"""
function coefficients(::ConFIG, gram::Matrix{Float64}, iteration::Int)
    all(isfinite, gram) || return fill(NaN, size(gram, 1))
    norms = sqrt.(diag(gram))
    there = norms .> 0
    inverse = [n > 0 ? 1 / n : 0.0 for n in norms]
    values, vectors = eigen(Symmetric(inverse .* gram .* inverse'))
    inverted = [v > DEPENDENT * values[end] ? 1 / v : 0.0 for v in values]
    share = vectors * (inverted .* (vectors' * there))
    square = sum(share[there]; init = 0.0)                       # ‖v‖² = 1ᵀ(ĜĜᵀ)⁺1
    length = square > OPPOSED ? sum(gram * (share .* inverse)) / square : 0.0
    return [there[i] ? length * share[i] * inverse[i] : 1.0 for i in eachindex(there)]
end

function coefficients(::PCGrad, gram::Matrix{Float64}, iteration::Int)
    count = size(gram, 1)
    total = zeros(count)
    for i in 1:count
        row = zeros(count)
        row[i] = 1.0
        for k in 0:count-2
            j = mod(i + (iteration + k) % (count - 1), count) + 1
            along = sum(row[m] * gram[m, j] for m in 1:count)
            along < 0 && gram[j, j] > 0 && (row[j] -= along / gram[j, j])
        end
        total .+= row
    end
    return total
end
