# Convolutions on one- and two-dimensional grids and their derivatives by the kernel, as products by BLAS: one for each
# row of the grid and each tap of the kernel along it, which reads the input, extended by its boundary, where it lies.

"Sizes of a convolution; in one dimension the grid is one row. `around`: does the axis close to a ring?"
struct ConvolutionShape
    outputs::Int
    channels::Int
    rows::Int
    columns::Int
    kernel_rows::Int
    kernel_columns::Int
    rows_around::Bool
    columns_around::Bool
end

padded_rows(s::ConvolutionShape) = s.rows + s.kernel_rows - 1
padded_columns(s::ConvolutionShape) = s.columns + s.kernel_columns - 1
padded_length(s::ConvolutionShape) = padded_rows(s) * s.channels * padded_columns(s)
kernel_length(s::ConvolutionShape) = s.outputs * s.channels * s.kernel_rows * s.kernel_columns
output_length(s::ConvolutionShape) = s.outputs * s.rows * s.columns
"Numbers of the workspace beside the result: the extended input; in single precision all that goes in and out."
scratch_length(s::ConvolutionShape, single::Bool) =
    single ? cld(padded_length(s) + kernel_length(s) + output_length(s), 2) : padded_length(s)

"Axes (…, channels, space) with two axes of space."
planar(view::View, dims::Int) =
    dims == 2 ? view : reshaped(view, [view.shape[1:end-1]; 1; view.shape[end]])

function convolution_shape(outputs, x::View, size, boundary, dims)
    around = [b == "periodic" for b in boundary]
    channels, rows, columns = x.shape[end-2:end]
    kernel_rows, rows_around = dims == 2 ? (size[1], around[1]) : (1, true)
    return ConvolutionShape(outputs, channels, rows, columns, kernel_rows, size[end], rows_around, around[end])
end

"The view with its columns one after the other, else a copy."
function contiguous_columns!(lowering, view::View)
    view = in_one_piece!(lowering, view)
    return view.pieces[1].strides[end] == 1 || view.shape[end] == 1 ? view : copied!(lowering, view)
end

"The view with its columns one after the other, and channels that don't overlap, else a copy."
function separate_channels!(lowering, view::View)
    view = contiguous_columns!(lowering, view)
    channels, columns = view.shape[end-2], view.shape[end]
    return channels == 1 || view.pieces[1].strides[end-2] >= columns ? view : copied!(lowering, view)
end

convolution_attributes(node, s) = Dict{String,Any}(
    "shape" => s, "single" => in_single(node), "scratch_length" => scratch_length(s, in_single(node)),
)

function lower_convolution!(lowering, node, operands)
    (x, kernel), shape = operands, node.shape
    dims = length(kernel.shape) - 2
    (prod(shape; init = 1) == 0 || prod(kernel.shape) == 0) && return zero_view(shape)
    x = planar(x, dims)
    s = convolution_shape(kernel.shape[1], x, kernel.shape[3:end], node.attributes["boundary"], dims)
    # (outputs, channels, rows, columns) → (columns, outputs, rows, channels): each tap is a matrix.
    taps = stored_whole!(lowering, transposed(planar(kernel, dims), [4, 1, 3, 2]))
    attributes = convolution_attributes(node, s)
    operands = [contiguous_columns!(lowering, x), taps]
    y = [shape[1:end-dims]; s.rows; s.columns]
    return reshaped(push_step!(lowering, Step(:convolution, node.operation, y; operands, attributes)), shape)
end

function lower_convolution_kernel!(lowering, node, operands)
    size = integers(node.attributes["size"])
    dims = length(size)
    x, y = (planar(v, dims) for v in operands)
    any(n -> prod(n; init = 1) == 0, (node.shape, x.shape, y.shape)) && return zero_view(node.shape)
    s = convolution_shape(y.shape[end-2], x, size, node.attributes["boundary"], dims)
    attributes = convolution_attributes(node, s)
    operands = [contiguous_columns!(lowering, x), separate_channels!(lowering, y)]
    taps = [s.kernel_columns, s.outputs, s.kernel_rows, s.channels]
    view = push_step!(lowering, Step(:convolution, node.operation, taps; operands, attributes))
    return reshaped(transposed(view, [2, 4, 3, 1]), node.shape)
end

"Steps that need room beside their result take turns in one part of the workspace, as long as the largest needs."
function share_scratch!(steps, memory)
    wanting = filter(step -> haskey(step.attributes, "scratch_length"), steps)
    isempty(wanting) && return
    scratch = reserve!(memory, maximum(step.attributes["scratch_length"] for step in wanting))
    foreach(step -> step.attributes["scratch"] = scratch, wanting)
end

"A call for each element of the leading axes."
function emit_convolution!(e, step)
    s, scratch = step.attributes["shape"], step.attributes["scratch"]
    x, other = step.operands
    lead = x.shape[1:end-3]
    nest = Nest(zero(lead), copy(lead))
    at(offset, strides) = place_of(offset - 1, strides[1:length(lead)], nest.index)
    (x_port, x_offset), (port, offset) = operand_place(e, x), operand_place(e, other)
    x_strides, strides = x.pieces[1].strides, other.pieces[1].strides
    input = (x_port, at(x_offset, x_strides), x_strides[end-2], x_strides[end-1])
    shape = :(ConvolutionShape($([getfield(s, k) for k in fieldnames(ConvolutionShape)]...)))
    T = step.attributes["single"] ? Float32 : Float64
    if step.operation === :convolution
        y = at(step.offset, dense_strides(step.shape))
        call = :(convolve!($T, $(step.port), $y, $(input...), $port, $offset, w, $scratch, $shape, $(adds_in_place(step))))
    else
        once = all(==(1), lead)
        once || adds_in_place(step) || fill_code!(e, step, 0.0)
        y = (port, at(offset, strides), s.outputs == 1 ? s.columns : strides[end-2], strides[end-1])
        adds = adds_in_place(step) || !once
        call = :(convolve_back!($T, $(step.port), $(step.offset), $(input...), $(y...), w, $scratch, $shape, $adds))
    end
    push!(nest.before[end], call)
    push!(e.statements, loop_code(nest; independent = false))
end

# ---- what generated code calls ----------------------------------------------------------------------------------

"""
The input with what lies outside of the grid, as (rows, channels, columns): the rows that a kernel sees are then a
matrix of equal strides.
"""
function extend!(to::Ptr{T}, x::Ptr{Float64}, channel::Int, row::Int, s::ConvolutionShape) where {T}
    above, left, each = s.kernel_rows ÷ 2, s.kernel_columns ÷ 2, sizeof(T)
    n, bytes = s.columns, each * padded_columns(s)
    for i in -above:s.rows+above-1, c in 0:s.channels-1
        inside = 0 <= i < s.rows
        if inside || s.rows_around
            from = x + 8(c * channel + (inside ? i : mod(i, s.rows)) * row)
            copy_row!(to + each * left, from, n)
            for j in 0:left-1
                unsafe_store!(to + each * j, T(s.columns_around ? unsafe_load(from + 8(n - left + j)) : 0.0))
                unsafe_store!(to + each * (left + n + j), T(s.columns_around ? unsafe_load(from + 8j) : 0.0))
            end
        else
            for j in 0:padded_columns(s)-1
                unsafe_store!(to + each * j, zero(T))
            end
        end
        to += bytes
    end
end

"""
y[o, i] = Σ K[o, c, j] x[c, i + j − r], with products in precision T; the kernel as (columns, outputs, rows, channels).
"""
@noinline function convolve!(
    ::Type{T}, y::Vector{Float64}, y0::Int, x::Vector{Float64}, x0::Int, channel::Int, row::Int,
    kernel::Vector{Float64}, k0::Int, w::Vector{Float64}, scratch::Int, s::ConvolutionShape, add::Bool,
) where {T}
    GC.@preserve y x kernel w begin
        to, k, extended = pointer(y, y0 + 1), pointer(kernel, k0 + 1), Ptr{T}(pointer(w, scratch + 1))
        extend!(extended, pointer(x, x0 + 1), channel, row, s)
        if T === Float64
            taps_times!(to, extended, k, add, s)
        else
            taps = extended + sizeof(T) * padded_length(s)
            made = taps + sizeof(T) * kernel_length(s)
            copy_row!(taps, k, kernel_length(s))
            taps_times!(made, extended, taps, false, s)
            add_row!(to, made, output_length(s), add)
        end
    end
    return nothing
end

function taps_times!(to::Ptr{T}, extended::Ptr{T}, k::Ptr{T}, add::Bool, s::ConvolutionShape) where {T}
    seen, lead, each = s.kernel_rows * s.channels, padded_columns(s), sizeof(T)
    for i in 0:s.rows-1, j in 0:s.kernel_columns-1
        gemm!(
            'N', 'N', s.columns, s.outputs, seen, extended + each * (i * s.channels * lead + j), lead,
            k + each * j * s.outputs * seen, seen, j > 0 || add, to + each * i * s.columns, s.rows * s.columns,
        )
    end
end

"""
K[o, c, j] = Σᵢ y[o, i] x[c, i + j − r], with products in precision T; the kernel as (columns, outputs, rows, channels).
"""
@noinline function convolve_back!(
    ::Type{T}, kernel::Vector{Float64}, k0::Int, x::Vector{Float64}, x0::Int, channel::Int, row::Int,
    y::Vector{Float64}, y0::Int, output::Int, y_row::Int, w::Vector{Float64}, scratch::Int, s::ConvolutionShape,
    add::Bool,
) where {T}
    GC.@preserve kernel x y w begin
        from, k, extended = pointer(y, y0 + 1), pointer(kernel, k0 + 1), Ptr{T}(pointer(w, scratch + 1))
        extend!(extended, pointer(x, x0 + 1), channel, row, s)
        if T === Float64
            rows_times!(k, extended, from, output, y_row, add, s)
        else
            made = extended + sizeof(T) * padded_length(s)
            seen = made + sizeof(T) * kernel_length(s)
            for o in 0:s.outputs-1, i in 0:s.rows-1
                copy_row!(seen + sizeof(T) * s.columns * (o * s.rows + i), from + 8(o * output + i * y_row), s.columns)
            end
            rows_times!(made, extended, seen, s.rows * s.columns, s.columns, false, s)
            add_row!(k, made, kernel_length(s), add)
        end
    end
    return nothing
end

function rows_times!(
    k::Ptr{T}, extended::Ptr{T}, from::Ptr{T}, output::Int, y_row::Int, add::Bool, s::ConvolutionShape,
) where {T}
    seen, lead, each = s.kernel_rows * s.channels, padded_columns(s), sizeof(T)
    for j in 0:s.kernel_columns-1, i in 0:s.rows-1
        gemm!(
            'T', 'N', seen, s.outputs, s.columns, extended + each * (i * s.channels * lead + j), lead,
            from + each * i * y_row, output, i > 0 || add, k + each * j * s.outputs * seen, seen,
        )
    end
end
