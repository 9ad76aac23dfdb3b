/**
 * The C text that networks with vectors include: the functions of the loop IR for vectors of one width. A dozen of
 * them have forms for AVX-512, AVX2, SSE and NEON beside the plain one; the others are made of these.
 */
import type { Lanes } from "../../loops/ir.ts";
import { scalarHeader } from "./scalars.ts";

/** What the emitted networks include as "recurve.h": single numbers, and vectors of these widths. */
export function headerText(widths: readonly Lanes[]): string {
  return [scalarHeader, ...widths.filter((lanes) => lanes > 1).map(vectorHeader)].join("\n");
}

function vectorHeader(lanes: Lanes): string {
  const numbers = Array.from({ length: lanes }, (_, i) => i);
  return [types, ...forms[lanes as 4 | 8 | 16], derived]
    .join("\n")
    .replaceAll("EACH(i)", `for (int i = 0; i < ${lanes}; i++)`)
    .replaceAll("ALL(x)", `{ ${numbers.map(() => "x").join(", ")} }`)
    .replaceAll("RAMP", `{ ${numbers.join(", ")} }`)
    .replaceAll("BYTES", String(4 * lanes))
    .replaceAll("xN", `x${lanes}`);
}

const types = `/*
 * Arithmetic of networks made by Recurve: vectors xN. What the functions mean is said with those of single numbers.
 */
#ifndef RECURVE_xN
#define RECURVE_xN

#if defined(__GNUC__) && !defined(__clang__)
/* Vectors that the machine has not are passed in memory, which does not matter here: all functions are static. */
#pragma GCC diagnostic ignored "-Wpsabi"
#endif

typedef float f32xN __attribute__((vector_size(BYTES)));
typedef int32_t i32xN __attribute__((vector_size(BYTES)));
typedef uint32_t u32xN __attribute__((vector_size(BYTES)));
typedef float f32xN_anywhere __attribute__((vector_size(BYTES), aligned(4), may_alias));
typedef int32_t i32xN_anywhere __attribute__((vector_size(BYTES), aligned(4), may_alias));

RECURVE_INLINE f32xN splat_f32xN(float x) { return (f32xN)ALL(x); }
RECURVE_INLINE i32xN splat_i32xN(int32_t x) { return (i32xN)ALL(x); }
RECURVE_INLINE f32xN load_f32xN(const float *from) { return *(const f32xN_anywhere *)from; }
RECURVE_INLINE i32xN load_i32xN(const int32_t *from) { return *(const i32xN_anywhere *)from; }
RECURVE_INLINE void store_f32xN(float *to, f32xN x) { *(f32xN_anywhere *)to = x; }
RECURVE_INLINE void store_i32xN(int32_t *to, i32xN x) { *(i32xN_anywhere *)to = x; }
RECURVE_INLINE float lane_f32xN(f32xN x, int lane) { return x[lane]; }
RECURVE_INLINE int32_t lane_i32xN(i32xN x, int lane) { return x[lane]; }
`;

/** Comparisons that answer with 0 or -1 in each lane. */
const laneMasks = `typedef i32xN boolxN;
RECURVE_INLINE boolxN splat_boolxN(bool x) { return splat_i32xN(-(int32_t)x); }
RECURVE_INLINE bool lane_boolxN(boolxN x, int lane) { return x[lane] != 0; }
RECURVE_INLINE boolxN less_f32xN(f32xN a, f32xN b) { return a < b; }
RECURVE_INLINE boolxN lessEqual_f32xN(f32xN a, f32xN b) { return a <= b; }
RECURVE_INLINE boolxN equal_f32xN(f32xN a, f32xN b) { return a == b; }
RECURVE_INLINE boolxN less_i32xN(i32xN a, i32xN b) { return a < b; }
RECURVE_INLINE boolxN lessEqual_i32xN(i32xN a, i32xN b) { return a <= b; }
RECURVE_INLINE boolxN equal_i32xN(i32xN a, i32xN b) { return a == b; }
`;

/** The second operand where one is NaN or both are equal: what one instruction does. */
const plainForms = `RECURVE_INLINE i32xN select_i32xN(boolxN mask, i32xN a, i32xN b) { return (mask & a) | (~mask & b); }
RECURVE_INLINE f32xN select_f32xN(boolxN mask, f32xN a, f32xN b)
{
    return (f32xN)select_i32xN(mask, (i32xN)a, (i32xN)b);
}
RECURVE_INLINE f32xN fma_f32xN(f32xN a, f32xN b, f32xN c)
{
    f32xN y;
    EACH(i) y[i] = fma_f32(a[i], b[i], c[i]);
    return y;
}
/* a where it is larger (smaller), else b. */
RECURVE_INLINE f32xN larger_f32xN(f32xN a, f32xN b) { return select_f32xN(less_f32xN(b, a), a, b); }
RECURVE_INLINE f32xN smaller_f32xN(f32xN a, f32xN b) { return select_f32xN(less_f32xN(a, b), a, b); }
RECURVE_INLINE f32xN floor_f32xN(f32xN x)
{
    f32xN y;
    EACH(i) y[i] = floor_f32(x[i]);
    return y;
}
RECURVE_INLINE f32xN nearest_f32xN(f32xN x)
{
    f32xN y;
    EACH(i) y[i] = nearest_f32(x[i]);
    return y;
}
RECURVE_INLINE f32xN sqrt_f32xN(f32xN x)
{
    f32xN y;
    EACH(i) y[i] = sqrt_f32(x[i]);
    return y;
}
RECURVE_INLINE i32xN i32xN_of_f32xN(f32xN x)
{
    i32xN y;
    EACH(i) y[i] = i32_of_f32(x[i]);
    return y;
}
`;

/** Truncation that answers INT32_MIN for all that does not fit, made to saturate. */
const saturate = `RECURVE_INLINE i32xN i32xN_of_f32xN(f32xN x)
{
    const i32xN y = select_i32xN(lessEqual_f32xN(splat_f32xN(2147483648.0f), x), splat_i32xN(INT32_MAX), TRUNCATED);
    return select_i32xN(equal_f32xN(x, x), y, splat_i32xN(0));
}
`;

const fused = (form: string): string => `RECURVE_INLINE f32xN fma_f32xN(f32xN a, f32xN b, f32xN c)
{
#ifdef RECURVE_FUSED
    return ${form};
#else
    return a * b + c;
#endif
}
`;

const avx512 = `/* A bit for each lane. */
typedef uint16_t boolxN;
RECURVE_INLINE boolxN splat_boolxN(bool x) { return x ? 0xffff : 0; }
RECURVE_INLINE bool lane_boolxN(boolxN x, int lane) { return (x >> lane) & 1; }
RECURVE_INLINE boolxN less_f32xN(f32xN a, f32xN b) { return __builtin_ia32_cmpps512_mask(a, b, 17, -1, 4); }
RECURVE_INLINE boolxN lessEqual_f32xN(f32xN a, f32xN b) { return __builtin_ia32_cmpps512_mask(a, b, 18, -1, 4); }
RECURVE_INLINE boolxN equal_f32xN(f32xN a, f32xN b) { return __builtin_ia32_cmpps512_mask(a, b, 0, -1, 4); }
RECURVE_INLINE boolxN less_i32xN(i32xN a, i32xN b) { return __builtin_ia32_cmpd512_mask(a, b, 1, -1); }
RECURVE_INLINE boolxN lessEqual_i32xN(i32xN a, i32xN b) { return __builtin_ia32_cmpd512_mask(a, b, 2, -1); }
RECURVE_INLINE boolxN equal_i32xN(i32xN a, i32xN b) { return __builtin_ia32_cmpd512_mask(a, b, 0, -1); }
RECURVE_INLINE i32xN select_i32xN(boolxN mask, i32xN a, i32xN b)
{
    return __builtin_ia32_blendmd_512_mask(b, a, mask);
}
RECURVE_INLINE f32xN select_f32xN(boolxN mask, f32xN a, f32xN b)
{
    return __builtin_ia32_blendmps_512_mask(b, a, mask);
}
${fused("__builtin_ia32_vfmaddps512_mask(a, b, c, -1, 4)")}\
/* a where it is larger (smaller), else b. */
RECURVE_INLINE f32xN larger_f32xN(f32xN a, f32xN b) { return __builtin_ia32_maxps512_mask(a, b, a, -1, 4); }
RECURVE_INLINE f32xN smaller_f32xN(f32xN a, f32xN b) { return __builtin_ia32_minps512_mask(a, b, a, -1, 4); }
RECURVE_INLINE f32xN floor_f32xN(f32xN x) { return __builtin_ia32_rndscaleps_mask(x, 9, x, -1, 4); }
RECURVE_INLINE f32xN nearest_f32xN(f32xN x) { return __builtin_ia32_rndscaleps_mask(x, 8, x, -1, 4); }
RECURVE_INLINE f32xN sqrt_f32xN(f32xN x) { return __builtin_ia32_sqrtps512_mask(x, x, -1, 4); }
${saturate.replace("TRUNCATED", "__builtin_ia32_cvttps2dq512_mask(x, splat_i32xN(0), -1, 4)")}`;

/** AVX2 for eight lanes, SSE with fused multiply-add for four; their built-in functions differ in an ending. */
const avx = (ending: "256" | ""): string => `${laneMasks}\
RECURVE_INLINE f32xN select_f32xN(boolxN mask, f32xN a, f32xN b)
{
    return __builtin_ia32_blendvps${ending}(b, a, (f32xN)mask);
}
RECURVE_INLINE i32xN select_i32xN(boolxN mask, i32xN a, i32xN b)
{
    return (i32xN)select_f32xN(mask, (f32xN)a, (f32xN)b);
}
${fused(`__builtin_ia32_vfmaddps${ending}(a, b, c)`)}\
/* a where it is larger (smaller), else b. */
RECURVE_INLINE f32xN larger_f32xN(f32xN a, f32xN b) { return __builtin_ia32_maxps${ending}(a, b); }
RECURVE_INLINE f32xN smaller_f32xN(f32xN a, f32xN b) { return __builtin_ia32_minps${ending}(a, b); }
RECURVE_INLINE f32xN floor_f32xN(f32xN x) { return __builtin_ia32_roundps${ending}(x, 9); }
RECURVE_INLINE f32xN nearest_f32xN(f32xN x) { return __builtin_ia32_roundps${ending}(x, 8); }
RECURVE_INLINE f32xN sqrt_f32xN(f32xN x) { return __builtin_ia32_sqrtps${ending}(x); }
${saturate.replace("TRUNCATED", `(i32xN)__builtin_ia32_cvttps2dq${ending}(x)`)}`;

const neon = `${laneMasks}\
RECURVE_INLINE i32xN select_i32xN(boolxN mask, i32xN a, i32xN b) { return (mask & a) | (~mask & b); }
RECURVE_INLINE f32xN select_f32xN(boolxN mask, f32xN a, f32xN b)
{
    return (f32xN)select_i32xN(mask, (i32xN)a, (i32xN)b);
}
${fused("(f32xN)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b)")}\
/* a where it is larger (smaller), else b. */
RECURVE_INLINE f32xN larger_f32xN(f32xN a, f32xN b) { return select_f32xN(less_f32xN(b, a), a, b); }
RECURVE_INLINE f32xN smaller_f32xN(f32xN a, f32xN b) { return select_f32xN(less_f32xN(a, b), a, b); }
RECURVE_INLINE f32xN floor_f32xN(f32xN x) { return (f32xN)vrndmq_f32((float32x4_t)x); }
RECURVE_INLINE f32xN nearest_f32xN(f32xN x) { return (f32xN)vrndnq_f32((float32x4_t)x); }
RECURVE_INLINE f32xN sqrt_f32xN(f32xN x) { return (f32xN)vsqrtq_f32((float32x4_t)x); }
RECURVE_INLINE i32xN i32xN_of_f32xN(f32xN x) { return (i32xN)vcvtq_s32_f32((float32x4_t)x); }
`;

const plain = `#else\n${laneMasks}${plainForms}#endif\n`;

/** For each width the forms for the machines that have it, then the plain ones. */
const forms: { readonly [N in 4 | 8 | 16]: readonly string[] } = {
  4: [
    `#if defined(RECURVE_GCC) && defined(__SSE4_1__) && defined(__FMA__)\n${avx("")}`,
    `#elif defined(__ARM_NEON) && defined(__aarch64__) && !defined(RECURVE_PLAIN)\n#include <arm_neon.h>\n${neon}`,
    plain,
  ],
  8: [`#if defined(RECURVE_GCC) && defined(__AVX2__) && defined(__FMA__)\n${avx("256")}`, plain],
  16: [`#if defined(RECURVE_GCC) && defined(__AVX512F__)\n${avx512}`, plain],
};

const derived = `RECURVE_INLINE boolxN not_boolxN(boolxN x) { return (boolxN)~x; }
RECURVE_INLINE boolxN and_boolxN(boolxN a, boolxN b) { return a & b; }
RECURVE_INLINE boolxN or_boolxN(boolxN a, boolxN b) { return a | b; }

RECURVE_INLINE f32xN at_least_f32xN(f32xN x, f32xN bound) { return larger_f32xN(bound, x); }
RECURVE_INLINE f32xN at_most_f32xN(f32xN x, f32xN bound) { return smaller_f32xN(bound, x); }
RECURVE_INLINE f32xN max_f32xN(f32xN a, f32xN b)
{
    const f32xN unequal = select_f32xN(equal_f32xN(larger_f32xN(a, b), larger_f32xN(b, a)), larger_f32xN(a, b), a + b);
    return select_f32xN(equal_f32xN(a, b), (f32xN)((i32xN)a & (i32xN)b), unequal);
}
RECURVE_INLINE f32xN min_f32xN(f32xN a, f32xN b)
{
    const f32xN unequal = select_f32xN(equal_f32xN(smaller_f32xN(a, b), smaller_f32xN(b, a)), smaller_f32xN(a, b), a + b);
    return select_f32xN(equal_f32xN(a, b), (f32xN)((i32xN)a | (i32xN)b), unequal);
}
RECURVE_INLINE f32xN abs_f32xN(f32xN x) { return (f32xN)((i32xN)x & splat_i32xN(INT32_MAX)); }
RECURVE_INLINE f32xN sign_f32xN(f32xN x)
{
    const i32xN one = ((i32xN)x & splat_i32xN(INT32_MIN)) | (i32xN)splat_f32xN(1.0f);
    return select_f32xN(less_f32xN(splat_f32xN(0.0f), abs_f32xN(x)), (f32xN)one, x);
}
RECURVE_INLINE f32xN mod_f32xN(f32xN a, f32xN b) { return a - floor_f32xN(a / b) * b; }

RECURVE_INLINE i32xN bits_of_f32xN(f32xN x) { return (i32xN)x; }
RECURVE_INLINE f32xN f32xN_of_bits(i32xN bits) { return (f32xN)bits; }
RECURVE_INLINE f32xN f32xN_of_i32xN(i32xN x) { return __builtin_convertvector(x, f32xN); }
RECURVE_INLINE f32xN f32xN_of_boolxN(boolxN x) { return select_f32xN(x, splat_f32xN(1.0f), splat_f32xN(0.0f)); }
RECURVE_INLINE i32xN i32xN_of_boolxN(boolxN x) { return select_i32xN(x, splat_i32xN(1), splat_i32xN(0)); }
RECURVE_INLINE boolxN boolxN_of_f32xN(f32xN x) { return not_boolxN(equal_f32xN(x, splat_f32xN(0.0f))); }
RECURVE_INLINE boolxN boolxN_of_i32xN(i32xN x) { return not_boolxN(equal_i32xN(x, splat_i32xN(0))); }

RECURVE_INLINE i32xN add_i32xN(i32xN a, i32xN b) { return (i32xN)((u32xN)a + (u32xN)b); }
RECURVE_INLINE i32xN sub_i32xN(i32xN a, i32xN b) { return (i32xN)((u32xN)a - (u32xN)b); }
RECURVE_INLINE i32xN mul_i32xN(i32xN a, i32xN b) { return (i32xN)((u32xN)a * (u32xN)b); }
RECURVE_INLINE i32xN ramp_i32xN(int32_t x) { return add_i32xN(splat_i32xN(x), (i32xN)RAMP); }
RECURVE_INLINE i32xN neg_i32xN(i32xN x) { return sub_i32xN(splat_i32xN(0), x); }
RECURVE_INLINE i32xN max_i32xN(i32xN a, i32xN b) { return select_i32xN(less_i32xN(a, b), b, a); }
RECURVE_INLINE i32xN min_i32xN(i32xN a, i32xN b) { return select_i32xN(less_i32xN(a, b), a, b); }
RECURVE_INLINE i32xN abs_i32xN(i32xN x) { return max_i32xN(x, neg_i32xN(x)); }
RECURVE_INLINE i32xN sign_i32xN(i32xN x)
{
    return min_i32xN(max_i32xN(x, splat_i32xN(-1)), splat_i32xN(1));
}
RECURVE_INLINE i32xN shl_i32xN(i32xN x, i32xN by) { return (i32xN)((u32xN)x << ((u32xN)by & 31)); }
RECURVE_INLINE i32xN shr_i32xN(i32xN x, i32xN by) { return (i32xN)((u32xN)x >> ((u32xN)by & 31)); }
RECURVE_INLINE i32xN mod_i32xN(i32xN a, i32xN b)
{
    i32xN y;
    EACH(i) y[i] = mod_i32(a[i], b[i]);
    return y;
}

#endif
`;
