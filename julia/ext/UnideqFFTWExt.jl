"Fourier transforms by FFTW."
module UnideqFFTWExt

using Base.Libc: Libdl
using FFTW: FFTW
using PrecompileTools: @compile_workload
using Unideq: Unideq, FourierTransform, forget_transforms!, transform!, transform_number

# Estimated plans: they are the same in every process, so that a run repeated gives the same bits; measured ones aren't,
# take 25 ms (48 points) to 85 ms (128²) each, and are 5 % to 35 % faster.
const FLAGS = FFTW.ESTIMATE

# From so many numbers on two threads are faster: measured for 64² to 512² points, 1.5 times from 128², 1.9 from 256².
const SHARED = 2^14

function Unideq.plan_transform(inverse::Bool, space::Vector{Int}, count::Int)
    axes = length(space)
    size = (reverse(space)..., count)
    half = (size[1] ÷ 2 + 1, size[2:end]...)
    plan(flags, num_threads) =
        inverse ? FFTW.plan_brfft(zeros(ComplexF64, half), size[1], 1:axes; flags, num_threads) :
        FFTW.plan_rfft(zeros(size), 1:axes; flags, num_threads)
    library = Libdl.dlopen(FFTW.libfftw3)
    execute = Libdl.dlsym(library, inverse ? :fftw_execute_dft_c2r : :fftw_execute_dft_r2c)
    address(plan) = Ptr{Cvoid}(Base.unsafe_convert(FFTW.PlanPtr, plan))
    threads = prod(size) >= SHARED ? Threads.nthreads() : 1
    plans = [plan(flags, k) for flags in (FLAGS, FLAGS | FFTW.UNALIGNED), k in (1, threads)]
    return FourierTransform(execute, map(address, plans), plans)
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
