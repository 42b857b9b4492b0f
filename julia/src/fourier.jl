# Fourier transforms of real arrays by FFTW, which the extension UnideqFFTWExt loads when a graph first asks for one.

"""
Transforms of one kind and shape: FFTW's function `execute(plan, from, to)` between an array of numbers and its half
spectrum (real, imaginary, real, …). Of the `plans`, the first row needs both arrays at multiples of 16 bytes; the second,
for any, takes about twice as long. The first column has one thread, the second all where the transform is large. The
inverse isn't divided by the number of points, and overwrites its input. `owner` has the plans.
"""
struct FourierTransform
    execute::Ptr{Cvoid}
    plans::Matrix{Ptr{Cvoid}}
    owner::Any
end

const TRANSFORMS = FourierTransform[]
const TRANSFORM_NUMBERS = Dict{Tuple{Bool,Vector{Int},Int},Int}()
const TRANSFORMS_LOCK = ReentrantLock()

const FFTW_PACKAGE = Base.PkgId(Base.UUID("7a1cc6ca-52ef-59f5-83cd-3a7055c09341"), "FFTW")

"""
    plan_transform(inverse, space, count)::FourierTransform

Over axes of the lengths `space` (NumPy's order: last one fastest) of `count` arrays. The extension has the method.
"""
function plan_transform end

"The number in `TRANSFORMS` of the transform, planned when first asked for."
function transform_number(inverse::Bool, space::Vector{Int}, count::Int)
    return lock(TRANSFORMS_LOCK) do
        get!(TRANSFORM_NUMBERS, (inverse, space, count)) do
            Base.locate_package(FFTW_PACKAGE) === nothing && throw(ArgumentError(
                "Fourier transforms need the Julia package FFTW, which isn't installed. In Julia, type " *
                "`import Pkg; Pkg.activate(\"unideq\"; shared = true); Pkg.add(\"FFTW\")`.",
            ))
            Base.require(FFTW_PACKAGE)
            push!(TRANSFORMS, Base.invokelatest(plan_transform, inverse, space, count)::FourierTransform)
            length(TRANSFORMS)
        end
    end
end

"""
What generated code calls: from[j+1 …] is transformed to to[i+1 …]. Work that is spread over threads is in tasks of its
own; in the first task all threads are free.
"""
@noinline function transform!(number::Int, to::Vector{Float64}, i::Int, from::Vector{Float64}, j::Int)
    transform = @inbounds TRANSFORMS[number]
    GC.@preserve to from begin
        p, q = pointer(from, j + 1), pointer(to, i + 1)
        anywhere, alone = (UInt(p) | UInt(q)) & 0x0f != 0, current_task() === Base.roottask
        plan = @inbounds transform.plans[1+anywhere, 1+alone]
        ccall(transform.execute, Cvoid, (Ptr{Cvoid}, Ptr{Float64}, Ptr{Float64}), plan, p, q)
    end
    return nothing
end

"Forget the plans of a workload: they are addresses in a process that ends."
forget_transforms!() = (empty!(TRANSFORMS); empty!(TRANSFORM_NUMBERS); nothing)
