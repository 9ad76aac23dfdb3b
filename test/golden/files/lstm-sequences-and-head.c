/*
 * The network "LSTM with a head at every step", made by Recurve.
 *
 * Threads: one.
 * Sizes:
 *   t
 *   b
 *   b_3 = 3*b
 *   t_3 = 3*t
 *   b_t = b*t
 *   b_2 = 2*b
 *   b_8 = 8*b
 *   t_2 = 2*t
 */
#include "recurve.h"

struct LSTM_with_a_head_at_every_step {
    const float *argument_1; /* input 0 [3*b*t] */
    const float *lstm_kernel; /* input 1 [24] */
    const float *lstm_recurrentKernel; /* input 2 [16] */
    const float *lstm_bias; /* input 3 [8] */
    const float *dense_kernel; /* input 4 [6] */
    const float *dense_bias; /* input 5 [3] */
    float *out0; /* output 0 [3*b*t] */
    float *out1; /* output 1 [2*b] */
    float *out2; /* output 2 [2*b] */
    float *lstm_transpose; /* scratch [3*b*t] */
    float *lstm_add; /* scratch [8*b*t] */
    float *lstm_scan; /* scratch [2*b*t] */
    float *lstm_transpose1; /* scratch [2*b*t] */
    float *dense_matmul; /* scratch [3*b*t] */
    float *panels; /* scratch [48] */
    float *lstm_add1; /* scratch [8*b] */
    float *panels1; /* scratch [32] */
    ptrdiff_t t, b, b_3, t_3, b_t, b_2, b_8, t_2;
};

RECURVE_INLINE float sigmoid_f32(float x)
{
    const float sigmoidX = at_most_f32(at_least_f32(x, -16.071066f), 16.071066f);
    const float sigmoidU = sigmoidX * sigmoidX;
    return sigmoidX * fma_f32(fma_f32(fma_f32(fma_f32(1.3416234e-11f, sigmoidU, 8.1527965e-8f), sigmoidU,
        0.000054858367f), sigmoidU, 0.008371101f), sigmoidU, 0.24999999f)
        / fma_f32(fma_f32(fma_f32(fma_f32(3.0972898e-9f, sigmoidU, 0.0000051736447f), sigmoidU,
        0.0016209246f), sigmoidU, 0.116817676f), sigmoidU, 1.0f) + 0.5f;
}

RECURVE_INLINE float tanh_f32(float x)
{
    const float tanhX = at_most_f32(at_least_f32(x, -8.133304f), 8.133304f);
    const float tanhU = tanhX * tanhX;
    return tanhX * fma_f32(fma_f32(fma_f32(fma_f32(1.34158755e-8f, tanhU, 0.000020659696f), tanhU,
        0.0034989675f), tanhU, 0.13383982f), tanhU, 1.0f)
        / fma_f32(fma_f32(fma_f32(fma_f32(7.803476e-7f, tanhU, 0.00032909424f), tanhU, 0.025890175f), tanhU,
        0.46717304f), tanhU, 1.0f);
}

/* lstm: transpose */
static void kernel_lstm_transpose(const float *restrict argument_1, float *restrict lstm_transpose,
    ptrdiff_t t, ptrdiff_t b, ptrdiff_t b_3, ptrdiff_t t_3)
{
    for (ptrdiff_t i3 = 0; i3 < t; i3++) {
        for (ptrdiff_t i4 = 0; i4 < b; i4++) {
            for (ptrdiff_t v = 0; v < 3; v++) {
                lstm_transpose[i3 * b_3 + i4 * 3 + v] = argument_1[i3 * 3 + i4 * t_3 + v];
            }
        }
    }
}

/* lstm: matmul */
static void kernel_lstm_matmul(const float *restrict lstm_kernel, const float *restrict lstm_bias,
    const float *restrict lstm_transpose, float *restrict lstm_add, float *restrict panels, ptrdiff_t b_t)
{
    if (4 <= b_t) {
        for (ptrdiff_t k = 0; k < 3; k++) {
            store_f32x8(&panels[k * 16], load_f32x8(&lstm_kernel[k * 8]));
            panels[k * 16 + 8] = 0.0f;
            panels[k * 16 + 9] = 0.0f;
            panels[k * 16 + 10] = 0.0f;
            panels[k * 16 + 11] = 0.0f;
            panels[k * 16 + 12] = 0.0f;
            panels[k * 16 + 13] = 0.0f;
            panels[k * 16 + 14] = 0.0f;
            panels[k * 16 + 15] = 0.0f;
        }
        const float x7 = lstm_bias[0];
        const float x6 = lstm_bias[0 + 1];
        const float x5 = lstm_bias[0 + 2];
        const float x4 = lstm_bias[0 + 3];
        const float x3 = lstm_bias[0 + 4];
        const float x2 = lstm_bias[0 + 5];
        const float x1 = lstm_bias[0 + 6];
        const float x = lstm_bias[0 + 7];
        for (ptrdiff_t i5 = 0; i5 < b_t; i5 += 128) {
            const ptrdiff_t end = min_index(b_t, i5 + 128);
            const ptrdiff_t n6 = (end - i5) & -4;
            const ptrdiff_t n5 = i5 + n6;
            for (ptrdiff_t i6 = i5; i6 < n5; i6 += 4) {
                f32x8 c = splat_f32x8(0.0f);
                f32x8 c1 = splat_f32x8(0.0f);
                f32x8 c2 = splat_f32x8(0.0f);
                f32x8 c3 = splat_f32x8(0.0f);
                for (ptrdiff_t k1 = 0; k1 < 3; k1++) {
                    const f32x8 b_4 = load_f32x8(&panels[0 * 3 + k1 * 16]);
                    const f32x8 a = splat_f32x8(lstm_transpose[i6 * 3 + k1]);
                    c = fma_f32x8(a, b_4, c);
                    const f32x8 a1 = splat_f32x8(lstm_transpose[i6 * 3 + k1 + 3]);
                    c1 = fma_f32x8(a1, b_4, c1);
                    const f32x8 a2 = splat_f32x8(lstm_transpose[i6 * 3 + k1 + 6]);
                    c2 = fma_f32x8(a2, b_4, c2);
                    const f32x8 a3 = splat_f32x8(lstm_transpose[i6 * 3 + k1 + 9]);
                    c3 = fma_f32x8(a3, b_4, c3);
                }
                lstm_add[i6 * 8 + 0] = lane_f32x8(c, 0) + x7;
                lstm_add[i6 * 8 + 0 + 1] = lane_f32x8(c, 1) + x6;
                lstm_add[i6 * 8 + 0 + 2] = lane_f32x8(c, 2) + x5;
                lstm_add[i6 * 8 + 0 + 3] = lane_f32x8(c, 3) + x4;
                lstm_add[i6 * 8 + 0 + 4] = lane_f32x8(c, 4) + x3;
                lstm_add[i6 * 8 + 0 + 5] = lane_f32x8(c, 5) + x2;
                lstm_add[i6 * 8 + 0 + 6] = lane_f32x8(c, 6) + x1;
                lstm_add[i6 * 8 + 0 + 7] = lane_f32x8(c, 7) + x;
                lstm_add[i6 * 8 + 0 + 8] = lane_f32x8(c1, 0) + x7;
                lstm_add[i6 * 8 + 0 + 9] = lane_f32x8(c1, 1) + x6;
                lstm_add[i6 * 8 + 0 + 10] = lane_f32x8(c1, 2) + x5;
                lstm_add[i6 * 8 + 0 + 11] = lane_f32x8(c1, 3) + x4;
                lstm_add[i6 * 8 + 0 + 12] = lane_f32x8(c1, 4) + x3;
                lstm_add[i6 * 8 + 0 + 13] = lane_f32x8(c1, 5) + x2;
                lstm_add[i6 * 8 + 0 + 14] = lane_f32x8(c1, 6) + x1;
                lstm_add[i6 * 8 + 0 + 15] = lane_f32x8(c1, 7) + x;
                lstm_add[i6 * 8 + 0 + 16] = lane_f32x8(c2, 0) + x7;
                lstm_add[i6 * 8 + 0 + 17] = lane_f32x8(c2, 1) + x6;
                lstm_add[i6 * 8 + 0 + 18] = lane_f32x8(c2, 2) + x5;
                lstm_add[i6 * 8 + 0 + 19] = lane_f32x8(c2, 3) + x4;
                lstm_add[i6 * 8 + 0 + 20] = lane_f32x8(c2, 4) + x3;
                lstm_add[i6 * 8 + 0 + 21] = lane_f32x8(c2, 5) + x2;
                lstm_add[i6 * 8 + 0 + 22] = lane_f32x8(c2, 6) + x1;
                lstm_add[i6 * 8 + 0 + 23] = lane_f32x8(c2, 7) + x;
                lstm_add[i6 * 8 + 0 + 24] = lane_f32x8(c3, 0) + x7;
                lstm_add[i6 * 8 + 0 + 25] = lane_f32x8(c3, 1) + x6;
                lstm_add[i6 * 8 + 0 + 26] = lane_f32x8(c3, 2) + x5;
                lstm_add[i6 * 8 + 0 + 27] = lane_f32x8(c3, 3) + x4;
                lstm_add[i6 * 8 + 0 + 28] = lane_f32x8(c3, 4) + x3;
                lstm_add[i6 * 8 + 0 + 29] = lane_f32x8(c3, 5) + x2;
                lstm_add[i6 * 8 + 0 + 30] = lane_f32x8(c3, 6) + x1;
                lstm_add[i6 * 8 + 0 + 31] = lane_f32x8(c3, 7) + x;
            }
            if (n5 < end) {
                f32x8 c4 = splat_f32x8(0.0f);
                f32x8 c5 = splat_f32x8(0.0f);
                f32x8 c6 = splat_f32x8(0.0f);
                f32x8 c7 = splat_f32x8(0.0f);
                const ptrdiff_t n4 = i5 * 3 + n6 * 3;
                const ptrdiff_t n3 = min_index(n5 + 1, end - 1) * 3;
                const ptrdiff_t n2 = min_index(n5 + 2, end - 1) * 3;
                const ptrdiff_t n1 = min_index(n5 + 3, end - 1) * 3;
                for (ptrdiff_t k2 = 0; k2 < 3; k2++) {
                    const f32x8 b1 = load_f32x8(&panels[0 * 3 + k2 * 16]);
                    const f32x8 a4 = splat_f32x8(lstm_transpose[n4 + k2]);
                    c4 = fma_f32x8(a4, b1, c4);
                    const f32x8 a5 = splat_f32x8(lstm_transpose[n3 + k2]);
                    c5 = fma_f32x8(a5, b1, c5);
                    const f32x8 a6 = splat_f32x8(lstm_transpose[n2 + k2]);
                    c6 = fma_f32x8(a6, b1, c6);
                    const f32x8 a7 = splat_f32x8(lstm_transpose[n1 + k2]);
                    c7 = fma_f32x8(a7, b1, c7);
                }
                const ptrdiff_t n = i5 * 8 + n6 * 8 + 0;
                lstm_add[n] = lane_f32x8(c4, 0) + x7;
                lstm_add[n + 1] = lane_f32x8(c4, 1) + x6;
                lstm_add[n + 2] = lane_f32x8(c4, 2) + x5;
                lstm_add[n + 3] = lane_f32x8(c4, 3) + x4;
                lstm_add[n + 4] = lane_f32x8(c4, 4) + x3;
                lstm_add[n + 5] = lane_f32x8(c4, 5) + x2;
                lstm_add[n + 6] = lane_f32x8(c4, 6) + x1;
                lstm_add[n + 7] = lane_f32x8(c4, 7) + x;
                if (n5 + 1 <= end - 1) {
                    lstm_add[n + 8] = lane_f32x8(c5, 0) + x7;
                    lstm_add[n + 9] = lane_f32x8(c5, 1) + x6;
                    lstm_add[n + 10] = lane_f32x8(c5, 2) + x5;
                    lstm_add[n + 11] = lane_f32x8(c5, 3) + x4;
                    lstm_add[n + 12] = lane_f32x8(c5, 4) + x3;
                    lstm_add[n + 13] = lane_f32x8(c5, 5) + x2;
                    lstm_add[n + 14] = lane_f32x8(c5, 6) + x1;
                    lstm_add[n + 15] = lane_f32x8(c5, 7) + x;
                }
                if (n5 + 2 <= end - 1) {
                    lstm_add[n + 16] = lane_f32x8(c6, 0) + x7;
                    lstm_add[n + 17] = lane_f32x8(c6, 1) + x6;
                    lstm_add[n + 18] = lane_f32x8(c6, 2) + x5;
                    lstm_add[n + 19] = lane_f32x8(c6, 3) + x4;
                    lstm_add[n + 20] = lane_f32x8(c6, 4) + x3;
                    lstm_add[n + 21] = lane_f32x8(c6, 5) + x2;
                    lstm_add[n + 22] = lane_f32x8(c6, 6) + x1;
                    lstm_add[n + 23] = lane_f32x8(c6, 7) + x;
                }
                if (n5 + 3 <= end - 1) {
                    lstm_add[n + 24] = lane_f32x8(c7, 0) + x7;
                    lstm_add[n + 25] = lane_f32x8(c7, 1) + x6;
                    lstm_add[n + 26] = lane_f32x8(c7, 2) + x5;
                    lstm_add[n + 27] = lane_f32x8(c7, 3) + x4;
                    lstm_add[n + 28] = lane_f32x8(c7, 4) + x3;
                    lstm_add[n + 29] = lane_f32x8(c7, 5) + x2;
                    lstm_add[n + 30] = lane_f32x8(c7, 6) + x1;
                    lstm_add[n + 31] = lane_f32x8(c7, 7) + x;
                }
            }
        }
    } else {
        for (ptrdiff_t i7 = 0; i7 < b_t; i7++) {
            for (ptrdiff_t j2 = 0; j2 < 8; j2 += 8) {
                f32x8 sum = splat_f32x8(0.0f);
                for (ptrdiff_t k3 = 0; k3 < 3; k3++) {
                    const f32x8 a8 = splat_f32x8(lstm_transpose[i7 * 3 + k3]);
                    sum = fma_f32x8(a8, load_f32x8(&lstm_kernel[k3 * 8 + j2]), sum);
                }
                store_f32x8(&lstm_add[i7 * 8 + j2], sum + load_f32x8(&lstm_bias[j2]));
            }
        }
    }
}

/* broadcast */
static void kernel_broadcast(float *restrict out1, float *restrict out2, ptrdiff_t b_2)
{
    memset(out1, 0, b_2 * sizeof(float));
    memset(out2, 0, b_2 * sizeof(float));
}

/* pack */
static void kernel_pack(const float *restrict lstm_recurrentKernel, float *restrict panels1, ptrdiff_t b)
{
    if (4 <= b) {
        for (ptrdiff_t k4 = 0; k4 < 2; k4++) {
            store_f32x8(&panels1[k4 * 16], load_f32x8(&lstm_recurrentKernel[k4 * 8]));
            panels1[k4 * 16 + 8] = 0.0f;
            panels1[k4 * 16 + 9] = 0.0f;
            panels1[k4 * 16 + 10] = 0.0f;
            panels1[k4 * 16 + 11] = 0.0f;
            panels1[k4 * 16 + 12] = 0.0f;
            panels1[k4 * 16 + 13] = 0.0f;
            panels1[k4 * 16 + 14] = 0.0f;
            panels1[k4 * 16 + 15] = 0.0f;
        }
    }
}

/* lstm: matmul */
static void kernel_lstm_matmul_2(const float *restrict lstm_recurrentKernel, const float *restrict out1,
    const float *restrict lstm_add, float *restrict lstm_add1, const float *restrict panels1, ptrdiff_t b,
    ptrdiff_t b_8, ptrdiff_t t_4)
{
    if (4 <= b) {
        for (ptrdiff_t i10 = 0; i10 < b; i10 += 128) {
            const ptrdiff_t end1 = min_index(b, i10 + 128);
            const ptrdiff_t n15 = (end1 - i10) & -4;
            const ptrdiff_t n14 = i10 + n15;
            for (ptrdiff_t i11 = i10; i11 < n14; i11 += 4) {
                f32x8 c8 = splat_f32x8(0.0f);
                f32x8 c9 = splat_f32x8(0.0f);
                f32x8 c10 = splat_f32x8(0.0f);
                f32x8 c11 = splat_f32x8(0.0f);
                for (ptrdiff_t k5 = 0; k5 < 2; k5++) {
                    const f32x8 b2 = load_f32x8(&panels1[0 * 2 + k5 * 16]);
                    const f32x8 a9 = splat_f32x8(out1[i11 * 2 + k5]);
                    c8 = fma_f32x8(a9, b2, c8);
                    const f32x8 a10 = splat_f32x8(out1[i11 * 2 + k5 + 2]);
                    c9 = fma_f32x8(a10, b2, c9);
                    const f32x8 a11 = splat_f32x8(out1[i11 * 2 + k5 + 4]);
                    c10 = fma_f32x8(a11, b2, c10);
                    const f32x8 a12 = splat_f32x8(out1[i11 * 2 + k5 + 6]);
                    c11 = fma_f32x8(a12, b2, c11);
                }
                lstm_add1[i11 * 8 + 0] = lstm_add[t_4 * b_8 + i11 * 8 + 0] + lane_f32x8(c8, 0);
                lstm_add1[i11 * 8 + 0 + 1] = lstm_add[t_4 * b_8 + i11 * 8 + 0 + 1] + lane_f32x8(c8, 1);
                lstm_add1[i11 * 8 + 0 + 2] = lstm_add[t_4 * b_8 + i11 * 8 + 0 + 2] + lane_f32x8(c8, 2);
                lstm_add1[i11 * 8 + 0 + 3] = lstm_add[t_4 * b_8 + i11 * 8 + 0 + 3] + lane_f32x8(c8, 3);
                lstm_add1[i11 * 8 + 0 + 4] = lstm_add[t_4 * b_8 + i11 * 8 + 0 + 4] + lane_f32x8(c8, 4);
                lstm_add1[i11 * 8 + 0 + 5] = lstm_add[t_4 * b_8 + i11 * 8 + 0 + 5] + lane_f32x8(c8, 5);
                lstm_add1[i11 * 8 + 0 + 6] = lstm_add[t_4 * b_8 + i11 * 8 + 0 + 6] + lane_f32x8(c8, 6);
                lstm_add1[i11 * 8 + 0 + 7] = lstm_add[t_4 * b_8 + i11 * 8 + 0 + 7] + lane_f32x8(c8, 7);
                lstm_add1[i11 * 8 + 0 + 8] = lstm_add[t_4 * b_8 + i11 * 8 + 0 + 8] + lane_f32x8(c9, 0);
                lstm_add1[i11 * 8 + 0 + 9] = lstm_add[t_4 * b_8 + i11 * 8 + 0 + 9] + lane_f32x8(c9, 1);
                lstm_add1[i11 * 8 + 0 + 10] = lstm_add[t_4 * b_8 + i11 * 8 + 0 + 10] + lane_f32x8(c9, 2);
                lstm_add1[i11 * 8 + 0 + 11] = lstm_add[t_4 * b_8 + i11 * 8 + 0 + 11] + lane_f32x8(c9, 3);
                lstm_add1[i11 * 8 + 0 + 12] = lstm_add[t_4 * b_8 + i11 * 8 + 0 + 12] + lane_f32x8(c9, 4);
                lstm_add1[i11 * 8 + 0 + 13] = lstm_add[t_4 * b_8 + i11 * 8 + 0 + 13] + lane_f32x8(c9, 5);
                lstm_add1[i11 * 8 + 0 + 14] = lstm_add[t_4 * b_8 + i11 * 8 + 0 + 14] + lane_f32x8(c9, 6);
                lstm_add1[i11 * 8 + 0 + 15] = lstm_add[t_4 * b_8 + i11 * 8 + 0 + 15] + lane_f32x8(c9, 7);
                lstm_add1[i11 * 8 + 0 + 16] = lstm_add[t_4 * b_8 + i11 * 8 + 0 + 16] + lane_f32x8(c10, 0);
                lstm_add1[i11 * 8 + 0 + 17] = lstm_add[t_4 * b_8 + i11 * 8 + 0 + 17] + lane_f32x8(c10, 1);
                lstm_add1[i11 * 8 + 0 + 18] = lstm_add[t_4 * b_8 + i11 * 8 + 0 + 18] + lane_f32x8(c10, 2);
                lstm_add1[i11 * 8 + 0 + 19] = lstm_add[t_4 * b_8 + i11 * 8 + 0 + 19] + lane_f32x8(c10, 3);
                lstm_add1[i11 * 8 + 0 + 20] = lstm_add[t_4 * b_8 + i11 * 8 + 0 + 20] + lane_f32x8(c10, 4);
                lstm_add1[i11 * 8 + 0 + 21] = lstm_add[t_4 * b_8 + i11 * 8 + 0 + 21] + lane_f32x8(c10, 5);
                lstm_add1[i11 * 8 + 0 + 22] = lstm_add[t_4 * b_8 + i11 * 8 + 0 + 22] + lane_f32x8(c10, 6);
                lstm_add1[i11 * 8 + 0 + 23] = lstm_add[t_4 * b_8 + i11 * 8 + 0 + 23] + lane_f32x8(c10, 7);
                lstm_add1[i11 * 8 + 0 + 24] = lstm_add[t_4 * b_8 + i11 * 8 + 0 + 24] + lane_f32x8(c11, 0);
                lstm_add1[i11 * 8 + 0 + 25] = lstm_add[t_4 * b_8 + i11 * 8 + 0 + 25] + lane_f32x8(c11, 1);
                lstm_add1[i11 * 8 + 0 + 26] = lstm_add[t_4 * b_8 + i11 * 8 + 0 + 26] + lane_f32x8(c11, 2);
                lstm_add1[i11 * 8 + 0 + 27] = lstm_add[t_4 * b_8 + i11 * 8 + 0 + 27] + lane_f32x8(c11, 3);
                lstm_add1[i11 * 8 + 0 + 28] = lstm_add[t_4 * b_8 + i11 * 8 + 0 + 28] + lane_f32x8(c11, 4);
                lstm_add1[i11 * 8 + 0 + 29] = lstm_add[t_4 * b_8 + i11 * 8 + 0 + 29] + lane_f32x8(c11, 5);
                lstm_add1[i11 * 8 + 0 + 30] = lstm_add[t_4 * b_8 + i11 * 8 + 0 + 30] + lane_f32x8(c11, 6);
                lstm_add1[i11 * 8 + 0 + 31] = lstm_add[t_4 * b_8 + i11 * 8 + 0 + 31] + lane_f32x8(c11, 7);
            }
            if (n14 < end1) {
                f32x8 c12 = splat_f32x8(0.0f);
                f32x8 c13 = splat_f32x8(0.0f);
                f32x8 c14 = splat_f32x8(0.0f);
                f32x8 c15 = splat_f32x8(0.0f);
                const ptrdiff_t n13 = i10 * 2 + n15 * 2;
                const ptrdiff_t n12 = min_index(n14 + 1, end1 - 1) * 2;
                const ptrdiff_t n11 = min_index(n14 + 2, end1 - 1) * 2;
                const ptrdiff_t n10 = min_index(n14 + 3, end1 - 1) * 2;
                for (ptrdiff_t k6 = 0; k6 < 2; k6++) {
                    const f32x8 b3 = load_f32x8(&panels1[0 * 2 + k6 * 16]);
                    const f32x8 a13 = splat_f32x8(out1[n13 + k6]);
                    c12 = fma_f32x8(a13, b3, c12);
                    const f32x8 a14 = splat_f32x8(out1[n12 + k6]);
                    c13 = fma_f32x8(a14, b3, c13);
                    const f32x8 a15 = splat_f32x8(out1[n11 + k6]);
                    c14 = fma_f32x8(a15, b3, c14);
                    const f32x8 a16 = splat_f32x8(out1[n10 + k6]);
                    c15 = fma_f32x8(a16, b3, c15);
                }
                const ptrdiff_t n9 = n15 * 8;
                const ptrdiff_t n8 = i10 * 8 + n9 + 0;
                const ptrdiff_t n7 = t_4 * b_8 + i10 * 8 + n9 + 0;
                lstm_add1[n8] = lstm_add[n7] + lane_f32x8(c12, 0);
                lstm_add1[n8 + 1] = lstm_add[n7 + 1] + lane_f32x8(c12, 1);
                lstm_add1[n8 + 2] = lstm_add[n7 + 2] + lane_f32x8(c12, 2);
                lstm_add1[n8 + 3] = lstm_add[n7 + 3] + lane_f32x8(c12, 3);
                lstm_add1[n8 + 4] = lstm_add[n7 + 4] + lane_f32x8(c12, 4);
                lstm_add1[n8 + 5] = lstm_add[n7 + 5] + lane_f32x8(c12, 5);
                lstm_add1[n8 + 6] = lstm_add[n7 + 6] + lane_f32x8(c12, 6);
                lstm_add1[n8 + 7] = lstm_add[n7 + 7] + lane_f32x8(c12, 7);
                if (n14 + 1 <= end1 - 1) {
                    lstm_add1[n8 + 8] = lstm_add[n7 + 8] + lane_f32x8(c13, 0);
                    lstm_add1[n8 + 9] = lstm_add[n7 + 9] + lane_f32x8(c13, 1);
                    lstm_add1[n8 + 10] = lstm_add[n7 + 10] + lane_f32x8(c13, 2);
                    lstm_add1[n8 + 11] = lstm_add[n7 + 11] + lane_f32x8(c13, 3);
                    lstm_add1[n8 + 12] = lstm_add[n7 + 12] + lane_f32x8(c13, 4);
                    lstm_add1[n8 + 13] = lstm_add[n7 + 13] + lane_f32x8(c13, 5);
                    lstm_add1[n8 + 14] = lstm_add[n7 + 14] + lane_f32x8(c13, 6);
                    lstm_add1[n8 + 15] = lstm_add[n7 + 15] + lane_f32x8(c13, 7);
                }
                if (n14 + 2 <= end1 - 1) {
                    lstm_add1[n8 + 16] = lstm_add[n7 + 16] + lane_f32x8(c14, 0);
                    lstm_add1[n8 + 17] = lstm_add[n7 + 17] + lane_f32x8(c14, 1);
                    lstm_add1[n8 + 18] = lstm_add[n7 + 18] + lane_f32x8(c14, 2);
                    lstm_add1[n8 + 19] = lstm_add[n7 + 19] + lane_f32x8(c14, 3);
                    lstm_add1[n8 + 20] = lstm_add[n7 + 20] + lane_f32x8(c14, 4);
                    lstm_add1[n8 + 21] = lstm_add[n7 + 21] + lane_f32x8(c14, 5);
                    lstm_add1[n8 + 22] = lstm_add[n7 + 22] + lane_f32x8(c14, 6);
                    lstm_add1[n8 + 23] = lstm_add[n7 + 23] + lane_f32x8(c14, 7);
                }
                if (n14 + 3 <= end1 - 1) {
                    lstm_add1[n8 + 24] = lstm_add[n7 + 24] + lane_f32x8(c15, 0);
                    lstm_add1[n8 + 25] = lstm_add[n7 + 25] + lane_f32x8(c15, 1);
                    lstm_add1[n8 + 26] = lstm_add[n7 + 26] + lane_f32x8(c15, 2);
                    lstm_add1[n8 + 27] = lstm_add[n7 + 27] + lane_f32x8(c15, 3);
                    lstm_add1[n8 + 28] = lstm_add[n7 + 28] + lane_f32x8(c15, 4);
                    lstm_add1[n8 + 29] = lstm_add[n7 + 29] + lane_f32x8(c15, 5);
                    lstm_add1[n8 + 30] = lstm_add[n7 + 30] + lane_f32x8(c15, 6);
                    lstm_add1[n8 + 31] = lstm_add[n7 + 31] + lane_f32x8(c15, 7);
                }
            }
        }
    } else {
        for (ptrdiff_t i12 = 0; i12 < b; i12++) {
            for (ptrdiff_t j5 = 0; j5 < 8; j5 += 8) {
                f32x8 sum1 = splat_f32x8(0.0f);
                for (ptrdiff_t k7 = 0; k7 < 2; k7++) {
                    const f32x8 a17 = splat_f32x8(out1[i12 * 2 + k7]);
                    sum1 = fma_f32x8(a17, load_f32x8(&lstm_recurrentKernel[k7 * 8 + j5]), sum1);
                }
                store_f32x8(&lstm_add1[i12 * 8 + j5], load_f32x8(&lstm_add[t_4 * b_8 + i12 * 8 + j5]) + sum1);
            }
        }
    }
}

/* lstm: mul add */
static void kernel_lstm_mul_add(float *restrict out1, float *restrict out2, float *restrict lstm_scan,
    const float *restrict lstm_add1, ptrdiff_t b, ptrdiff_t b_2, ptrdiff_t t_4)
{
    for (ptrdiff_t i15 = 0; i15 < b; i15++) {
        for (ptrdiff_t v1 = 0; v1 < 2; v1++) {
            const float s1 = fma_f32(sigmoid_f32(lstm_add1[i15 * 8 + v1 + 2]), out2[i15 * 2 + v1],
                sigmoid_f32(lstm_add1[i15 * 8 + v1]) * tanh_f32(lstm_add1[i15 * 8 + v1 + 4]));
            const float s = sigmoid_f32(lstm_add1[i15 * 8 + v1 + 6]) * tanh_f32(s1);
            out1[i15 * 2 + v1] = s;
            out2[i15 * 2 + v1] = s1;
            lstm_scan[t_4 * b_2 + i15 * 2 + v1] = s;
        }
    }
}

/* lstm: transpose */
static void kernel_lstm_transpose_2(const float *restrict lstm_scan, float *restrict lstm_transpose1,
    ptrdiff_t t, ptrdiff_t b, ptrdiff_t b_2, ptrdiff_t t_2)
{
    for (ptrdiff_t i19 = 0; i19 < b; i19++) {
        for (ptrdiff_t i20 = 0; i20 < t; i20++) {
            for (ptrdiff_t v2 = 0; v2 < 2; v2++) {
                lstm_transpose1[i19 * t_2 + i20 * 2 + v2] = lstm_scan[i19 * 2 + i20 * b_2 + v2];
            }
        }
    }
}

/* dense: matmul */
static void kernel_dense_matmul(const float *restrict dense_kernel, const float *restrict lstm_transpose1,
    float *restrict dense_matmul, ptrdiff_t b_t)
{
    for (ptrdiff_t i21 = 0; i21 < b_t; i21++) {
        for (ptrdiff_t j6 = 0; j6 < 3; j6++) {
            float total = 0.0f;
            for (ptrdiff_t k8 = 0; k8 < 2; k8++) {
                total = fma_f32(lstm_transpose1[i21 * 2 + k8], dense_kernel[k8 * 3 + j6], total);
            }
            dense_matmul[i21 * 3 + j6] = total;
        }
    }
}

/* dense: add */
static void kernel_dense_add(const float *restrict dense_bias, float *restrict out0,
    const float *restrict dense_matmul, ptrdiff_t b_t)
{
    for (ptrdiff_t i24 = 0; i24 < b_t; i24++) {
        for (ptrdiff_t v3 = 0; v3 < 3; v3++) {
            out0[i24 * 3 + v3] = dense_matmul[i24 * 3 + v3] + dense_bias[v3];
        }
    }
}

/* Runs the network once. */
int run_LSTM_with_a_head_at_every_step(const struct LSTM_with_a_head_at_every_step *net)
{
    kernel_lstm_transpose(net->argument_1, net->lstm_transpose, net->t, net->b, net->b_3, net->t_3);
    kernel_lstm_matmul(net->lstm_kernel, net->lstm_bias, net->lstm_transpose, net->lstm_add, net->panels,
        net->b_t);
    kernel_broadcast(net->out1, net->out2, net->b_2);
    kernel_pack(net->lstm_recurrentKernel, net->panels1, net->b);
    for (ptrdiff_t t_4 = 0; t_4 < net->t; t_4++) {
        kernel_lstm_matmul_2(net->lstm_recurrentKernel, net->out1, net->lstm_add, net->lstm_add1,
            net->panels1, net->b, net->b_8, t_4);
        kernel_lstm_mul_add(net->out1, net->out2, net->lstm_scan, net->lstm_add1, net->b, net->b_2, t_4);
    }
    kernel_lstm_transpose_2(net->lstm_scan, net->lstm_transpose1, net->t, net->b, net->b_2, net->t_2);
    kernel_dense_matmul(net->dense_kernel, net->lstm_transpose1, net->dense_matmul, net->b_t);
    kernel_dense_add(net->dense_bias, net->out0, net->dense_matmul, net->b_t);
    return recurve_done;
}
