# Four numbers in one register: what the elementary functions and matrix products are written in.

const Vec = NTuple{4,VecElement{Float64}}
const Whole = NTuple{4,VecElement{Int64}}
const Flags = NTuple{4,VecElement{Bool}}

"Numbers that the branch-free functions take: one, or four at a time."
const Lanes = Union{Float64,Vec}

@inline vec4(x::Float64) = Vec((VecElement(x), VecElement(x), VecElement(x), VecElement(x)))
@inline vec4(a::Float64, b::Float64, c::Float64, d::Float64) =
    Vec((VecElement(a), VecElement(b), VecElement(c), VecElement(d)))
@inline lane(x::Vec, k::Int) = x[k].value

"`x` in every lane of something like `like`."
@inline lanes(like::Float64, x::Float64) = x
@inline lanes(like::Vec, x::Float64) = vec4(x)

@inline load4(p::Ptr{Float64}) = unsafe_load(Ptr{Vec}(p))
@inline store4!(p::Ptr{Float64}, x::Vec) = unsafe_store!(Ptr{Vec}(p), x)

const D4 = "<4 x double>"
const I4 = "<4 x i64>"
const B4 = "<4 x i8>"

for (name, scalar, instruction) in
    ((:plus, :+, "fadd"), (:minus, :-, "fsub"), (:times, :*, "fmul"), (:over, :/, "fdiv"))
    code = "%r = $instruction $D4 %0, %1\nret $D4 %r"
    @eval @inline $name(a::Float64, b::Float64) = $scalar(a, b)
    @eval @inline $name(a::Vec, b::Vec) = Base.llvmcall($code, Vec, Tuple{Vec,Vec}, a, b)
end

@inline fused(a::Float64, b::Float64, c::Float64) = muladd(a, b, c)
@inline fused(a::Vec, b::Vec, c::Vec) = ccall("llvm.fmuladd.v4f64", llvmcall, Vec, (Vec, Vec, Vec), a, b, c)
@inline magnitude(a::Float64) = abs(a)
@inline magnitude(a::Vec) = ccall("llvm.fabs.v4f64", llvmcall, Vec, (Vec,), a)
@inline with_sign(a::Float64, b::Float64) = copysign(a, b)
@inline with_sign(a::Vec, b::Vec) = ccall("llvm.copysign.v4f64", llvmcall, Vec, (Vec, Vec), a, b)
@inline square_root(a::Float64) = Base.Math.sqrt_llvm(a)
@inline square_root(a::Vec) = ccall("llvm.sqrt.v4f64", llvmcall, Vec, (Vec,), a)

for (name, scalar, instruction) in ((:below, :<, "olt"), (:not_below, :>=, "oge"))
    code = "%c = fcmp $instruction $D4 %0, %1\n%r = zext <4 x i1> %c to $B4\nret $B4 %r"
    @eval @inline $name(a::Float64, b::Float64) = $scalar(a, b)
    @eval @inline $name(a::Vec, b::Vec) = Base.llvmcall($code, Flags, Tuple{Vec,Vec}, a, b)
end
const CHOOSE = "%c = trunc $B4 %0 to <4 x i1>\n%r = select <4 x i1> %c, $D4 %1, $D4 %2\nret $D4 %r"
@inline choose(c::Bool, a::Float64, b::Float64) = ifelse(c, a, b)
@eval @inline choose(c::Flags, a::Vec, b::Vec) = Base.llvmcall($CHOOSE, Vec, Tuple{Flags,Vec,Vec}, c, a, b)

# Integers hidden in doubles. Adding 1.5·2⁵² leaves the nearest integer in the lowest bits.
const ROUNDER = 6755399441055744.0
for (name, scalar, instruction) in (
    (:integer_sum, :+, "add"), (:integer_difference, :-, "sub"), (:bits_and, :&, "and"), (:bits_or, :xor, "xor"),
)
    code = "%a = bitcast $D4 %0 to $I4\n%b = bitcast $D4 %1 to $I4\n%c = $instruction $I4 %a, %b\n" *
           "%r = bitcast $I4 %c to $D4\nret $D4 %r"
    @eval @inline $name(a::Float64, b::Float64) =
        reinterpret(Float64, $scalar(reinterpret(Int64, a), reinterpret(Int64, b)))
    @eval @inline $name(a::Vec, b::Vec) = Base.llvmcall($code, Vec, Tuple{Vec,Vec}, a, b)
end
for (name, scalar, instruction) in ((:shifted_left, :<<, "shl"), (:shifted_right, :>>, "ashr"))
    code(n) = "%a = bitcast $D4 %0 to $I4\n%c = $instruction $I4 %a, <i64 $n, i64 $n, i64 $n, i64 $n>\n" *
              "%r = bitcast $I4 %c to $D4\nret $D4 %r"
    for n in (1, 52, 62, 63)
        @eval @inline $name(a::Float64, ::Val{$n}) = reinterpret(Float64, $scalar(reinterpret(Int64, a), $n))
        @eval @inline $name(a::Vec, ::Val{$n}) = Base.llvmcall($(code(n)), Vec, Tuple{Vec}, a)
    end
end
