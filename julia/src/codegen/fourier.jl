# Steps of real Fourier transforms. A spectrum's last axis (real, imaginary) makes it FFTW's array of complex numbers.

function lower_rfft!(lowering, node, operands)
    dims = Int(node.attributes["dims"])
    shape = operands[1].shape
    return transformed!(lowering, node, operands[1], false, shape[end-dims+1:end], shape[1:end-dims])
end

"The factor 1/N goes into a copy of the spectrum, which FFTW overwrites; what computes the spectrum fuses with it."
function lower_irfft!(lowering, node, operands)
    space = integers(node.attributes["shape"])
    lead = node.shape[1:end-length(space)]
    prod(lead; init = 1) == 0 && return zero_view(node.shape)
    scaled = weighted!(lowering, [operands[1]], [1 / prod(space)])
    return transformed!(lowering, node, scaled, true, space, lead)
end

function transformed!(lowering, node, view, inverse, space, lead)
    count = prod(lead; init = 1)
    count == 0 && return zero_view(node.shape)
    attributes = Dict{String,Any}("number" => transform_number(inverse, space, count))
    operands = [stored_whole!(lowering, view)]
    return push_step!(lowering, Step(:fourier, node.operation, node.shape; operands, attributes))
end

function emit_fourier!(e, step)
    port, offset = operand_place(e, step.operands[1])
    number = step.attributes["number"]
    push!(e.statements, :(transform!($number, $(step.port), $(step.offset), $port, $offset)))
end
