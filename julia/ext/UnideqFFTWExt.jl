"Fourier transforms by FFTW."
module UnideqFFTWExt

using Base.Libc: Libdl
using FFTW: FFTW
using PrecompileTools: @compile_workload
using Unideq: Unideq, FourierTransform, forget_transforms!, transform!, transform_number

# Estimated plans: they are the same in every process, so that a run repeated gives the same bits; measured ones aren't,
# take 25 ms (48 points) to 85 ms (128²) each, and are 5 % to 35 % faster.
const FLAGS = FFTW.ESTIMATE

function Unideq.plan_transform(inverse::Bool, space::Vector{Int}, count::Int)
    axes = length(space)
    size = (reverse(space)..., count)
    half = (size[1] ÷ 2 + 1, size[2:end]...)
    plans = map((FLAGS, FLAGS | FFTW.UNALIGNED)) do flags
        # Several threads are for whole trajectories: each transform has one.
        inverse ? FFTW.plan_brfft(zeros(ComplexF64, half), size[1], 1:axes; flags, num_threads = 1) :
        FFTW.plan_rfft(zeros(size), 1:axes; flags, num_threads = 1)
    end
    library = Libdl.dlopen(FFTW.libfftw3)
    execute = Libdl.dlsym(library, inverse ? :fftw_execute_dft_c2r : :fftw_execute_dft_r2c)
    address(plan) = Ptr{Cvoid}(Base.unsafe_convert(FFTW.PlanPtr, plan))
    return FourierTransform(execute, address(plans[1]), address(plans[2]), plans)
end

@compile_workload begin
    for space in ([8], [4, 6]), count in (1, 2), inverse in (false, true)
        number = Unideq.transform_number(inverse, space, count)
        transform!(number, zeros(100), 0, zeros(100), 0)
        transform!(number, zeros(100), 1, zeros(100), 1)
    end
    forget_transforms!()
end

end
