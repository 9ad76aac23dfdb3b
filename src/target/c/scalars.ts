/**
 * The C text that every network includes first: what the functions of the loop IR are for single numbers. Fixed text;
 * the same for vectors is in `vectors.ts`.
 */

/** Macros that a build may define: RECURVE_UNFUSED, to round each product; RECURVE_PLAIN, to use no built-in functions. */
export const scalarHeader = `/*
 * Arithmetic of networks made by Recurve: single numbers.
 *
 * Signed integers wrap around, except in indices, which never reach that far. Floating-point operations are those
 * that are written, in that order: build with -ffp-contract=off and without -ffast-math.
 */
#ifndef RECURVE_SCALARS
#define RECURVE_SCALARS

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if (defined(__FMA__) || defined(__ARM_FEATURE_FMA)) && !defined(RECURVE_UNFUSED)
#define RECURVE_FUSED
#endif

#if defined(__GNUC__) && !defined(__clang__) && !defined(RECURVE_PLAIN)
#define RECURVE_GCC
#endif

#define RECURVE_INLINE static inline __attribute__((always_inline, unused))

/* How a network ends: all done; a check failed; another thread's check failed. */
enum { recurve_done, recurve_failed, recurve_stopped };

/* a * b + c, rounded once where the machine can. */
RECURVE_INLINE float fma_f32(float a, float b, float c)
{
#ifdef RECURVE_FUSED
    return __builtin_fmaf(a, b, c);
#else
    return a * b + c;
#endif
}

/* NaN where a or b is; 0 is more than -0. */
RECURVE_INLINE float max_f32(float a, float b)
{
    if (a == b) return signbit(a) ? b : a;
    return a > b ? a : a < b ? b : a + b;
}

RECURVE_INLINE float min_f32(float a, float b)
{
    if (a == b) return signbit(a) ? a : b;
    return a < b ? a : a > b ? b : a + b;
}

/* The same with a bound that is no NaN, in one instruction; 0 and -0 are not told apart. */
RECURVE_INLINE float at_least_f32(float x, float bound) { return x < bound ? bound : x; }
RECURVE_INLINE float at_most_f32(float x, float bound) { return x > bound ? bound : x; }

RECURVE_INLINE float abs_f32(float x) { return __builtin_fabsf(x); }
RECURVE_INLINE float sqrt_f32(float x) { return __builtin_sqrtf(x); }
RECURVE_INLINE float floor_f32(float x) { return __builtin_floorf(x); }
/* Halves go to the even neighbour. */
RECURVE_INLINE float nearest_f32(float x) { return __builtin_rintf(x); }
/* -1, 0 or 1; NaN and -0 stay what they are. */
RECURVE_INLINE float sign_f32(float x) { return abs_f32(x) > 0.0f ? __builtin_copysignf(1.0f, x) : x; }
/* The remainder with the sign of the divisor. */
RECURVE_INLINE float mod_f32(float a, float b) { return a - floor_f32(a / b) * b; }

/* Truncates and saturates; NaN gives 0. */
RECURVE_INLINE int32_t i32_of_f32(float x)
{
    if (x >= 2147483648.0f) return INT32_MAX;
    if (x < -2147483648.0f) return INT32_MIN;
    return x == x ? (int32_t)x : 0;
}

RECURVE_INLINE int32_t bits_of_f32(float x)
{
    int32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

RECURVE_INLINE float f32_of_bits(int32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

RECURVE_INLINE int32_t add_i32(int32_t a, int32_t b) { return (int32_t)((uint32_t)a + (uint32_t)b); }
RECURVE_INLINE int32_t sub_i32(int32_t a, int32_t b) { return (int32_t)((uint32_t)a - (uint32_t)b); }
RECURVE_INLINE int32_t mul_i32(int32_t a, int32_t b) { return (int32_t)((uint32_t)a * (uint32_t)b); }
RECURVE_INLINE int32_t neg_i32(int32_t x) { return sub_i32(0, x); }
RECURVE_INLINE int32_t abs_i32(int32_t x) { return x < 0 ? neg_i32(x) : x; }
RECURVE_INLINE int32_t sign_i32(int32_t x) { return (x > 0) - (x < 0); }
RECURVE_INLINE int32_t max_i32(int32_t a, int32_t b) { return a > b ? a : b; }
RECURVE_INLINE int32_t min_i32(int32_t a, int32_t b) { return a < b ? a : b; }
/* Shifts to the right bring in zeros. */
RECURVE_INLINE int32_t shl_i32(int32_t x, int32_t by) { return (int32_t)((uint32_t)x << (by & 31)); }
RECURVE_INLINE int32_t shr_i32(int32_t x, int32_t by) { return (int32_t)((uint32_t)x >> (by & 31)); }
/* The remainder with the sign of the divisor; by zero it is 0. */
RECURVE_INLINE int32_t mod_i32(int32_t a, int32_t b)
{
    if (b == 0 || b == -1) return 0;
    const int32_t rest = a % b;
    return rest != 0 && (rest ^ b) < 0 ? rest + b : rest;
}

RECURVE_INLINE ptrdiff_t max_index(ptrdiff_t a, ptrdiff_t b) { return a > b ? a : b; }
RECURVE_INLINE ptrdiff_t min_index(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }
RECURVE_INLINE ptrdiff_t mod_index(ptrdiff_t a, ptrdiff_t b)
{
    if (b == 0) return 0;
    const ptrdiff_t rest = a % b;
    return rest != 0 && (rest ^ b) < 0 ? rest + b : rest;
}

#endif
`;
