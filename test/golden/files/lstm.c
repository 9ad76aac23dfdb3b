/*
 * The network "LSTM", made by Recurve.
 *
 * Threads: one.
 * Sizes:
 *   t
 *   b
 *   b_3 = 3*b
 *   t_3 = 3*t
 *   b_t = b*t
 *   b_4 = 4*b
 *   b_16 = 16*b
 */
#include "recurve.h"

struct LSTM {
    const float *argument_1; /* input 0 [3*b*t] */
    const float *lstm_kernel; /* input 1 [48] */
    const float *lstm_recurrentKernel; /* input 2 [64] */
    const float *lstm_bias; /* input 3 [16] */
    float *out0; /* output 0 [4*b] */
    float *out1; /* output 1 [4*b] */
    float *out2; /* output 2 [4*b] */
    float *lstm_transpose; /* scratch [3*b*t] */
    float *lstm_add; /* scratch [16*b*t] */
    float *panels; /* scratch [48] */
    float *lstm_add1; /* scratch [16*b] */
    float *panels1; /* scratch [64] */
    ptrdiff_t t, b, b_3, t_3, b_t, b_4, b_16;
};

RECURVE_INLINE f32x4 sigmoid_f32x4(f32x4 x)
{
    const f32x4 sigmoidX = at_most_f32x4(at_least_f32x4(x, splat_f32x4(-16.071066f)),
        splat_f32x4(16.071066f));
    const f32x4 sigmoidU = sigmoidX * sigmoidX;
    return sigmoidX * fma_f32x4(fma_f32x4(fma_f32x4(fma_f32x4(splat_f32x4(1.3416234e-11f), sigmoidU,
        splat_f32x4(8.1527965e-8f)), sigmoidU, splat_f32x4(0.000054858367f)), sigmoidU,
        splat_f32x4(0.008371101f)), sigmoidU, splat_f32x4(0.24999999f))
        / fma_f32x4(fma_f32x4(fma_f32x4(fma_f32x4(splat_f32x4(3.0972898e-9f), sigmoidU,
        splat_f32x4(0.0000051736447f)), sigmoidU, splat_f32x4(0.0016209246f)), sigmoidU,
        splat_f32x4(0.116817676f)), sigmoidU, splat_f32x4(1.0f)) + splat_f32x4(0.5f);
}

RECURVE_INLINE f32x4 tanh_f32x4(f32x4 x)
{
    const f32x4 tanhX = at_most_f32x4(at_least_f32x4(x, splat_f32x4(-8.133304f)), splat_f32x4(8.133304f));
    const f32x4 tanhU = tanhX * tanhX;
    return tanhX * fma_f32x4(fma_f32x4(fma_f32x4(fma_f32x4(splat_f32x4(1.34158755e-8f), tanhU,
        splat_f32x4(0.000020659696f)), tanhU, splat_f32x4(0.0034989675f)), tanhU, splat_f32x4(0.13383982f)),
        tanhU, splat_f32x4(1.0f))
        / fma_f32x4(fma_f32x4(fma_f32x4(fma_f32x4(splat_f32x4(7.803476e-7f), tanhU,
        splat_f32x4(0.00032909424f)), tanhU, splat_f32x4(0.025890175f)), tanhU, splat_f32x4(0.46717304f)),
        tanhU, splat_f32x4(1.0f));
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
        for (ptrdiff_t j = 0; j < 16; j += 16) {
            for (ptrdiff_t k = 0; k < 3; k++) {
                store_f32x8(&panels[j * 3 + k * 16], load_f32x8(&lstm_kernel[k * 16 + j]));
                store_f32x8(&panels[j * 3 + k * 16 + 8], load_f32x8(&lstm_kernel[k * 16 + j + 8]));
            }
        }
        for (ptrdiff_t i5 = 0; i5 < b_t; i5 += 128) {
            const ptrdiff_t end = min_index(b_t, i5 + 128);
            const ptrdiff_t n6 = (end - i5) & -4;
            const ptrdiff_t n5 = i5 + n6;
            const bool p = n5 < end;
            for (ptrdiff_t j1 = 0; j1 < 16; j1 += 16) {
                const f32x8 x1 = load_f32x8(&lstm_bias[j1]);
                const f32x8 x = load_f32x8(&lstm_bias[j1 + 8]);
                for (ptrdiff_t i6 = i5; i6 < n5; i6 += 4) {
                    f32x8 c = splat_f32x8(0.0f);
                    f32x8 c1 = splat_f32x8(0.0f);
                    f32x8 c2 = splat_f32x8(0.0f);
                    f32x8 c3 = splat_f32x8(0.0f);
                    f32x8 c4 = splat_f32x8(0.0f);
                    f32x8 c5 = splat_f32x8(0.0f);
                    f32x8 c6 = splat_f32x8(0.0f);
                    f32x8 c7 = splat_f32x8(0.0f);
                    for (ptrdiff_t k1 = 0; k1 < 3; k1++) {
                        const f32x8 b_2 = load_f32x8(&panels[j1 * 3 + k1 * 16]);
                        const f32x8 b1 = load_f32x8(&panels[j1 * 3 + k1 * 16 + 8]);
                        const f32x8 a = splat_f32x8(lstm_transpose[i6 * 3 + k1]);
                        c = fma_f32x8(a, b_2, c);
                        c1 = fma_f32x8(a, b1, c1);
                        const f32x8 a1 = splat_f32x8(lstm_transpose[i6 * 3 + k1 + 3]);
                        c2 = fma_f32x8(a1, b_2, c2);
                        c3 = fma_f32x8(a1, b1, c3);
                        const f32x8 a2 = splat_f32x8(lstm_transpose[i6 * 3 + k1 + 6]);
                        c4 = fma_f32x8(a2, b_2, c4);
                        c5 = fma_f32x8(a2, b1, c5);
                        const f32x8 a3 = splat_f32x8(lstm_transpose[i6 * 3 + k1 + 9]);
                        c6 = fma_f32x8(a3, b_2, c6);
                        c7 = fma_f32x8(a3, b1, c7);
                    }
                    store_f32x8(&lstm_add[i6 * 16 + j1], c + x1);
                    store_f32x8(&lstm_add[i6 * 16 + j1 + 8], c1 + x);
                    store_f32x8(&lstm_add[i6 * 16 + j1 + 16], c2 + x1);
                    store_f32x8(&lstm_add[i6 * 16 + j1 + 24], c3 + x);
                    store_f32x8(&lstm_add[i6 * 16 + j1 + 32], c4 + x1);
                    store_f32x8(&lstm_add[i6 * 16 + j1 + 40], c5 + x);
                    store_f32x8(&lstm_add[i6 * 16 + j1 + 48], c6 + x1);
                    store_f32x8(&lstm_add[i6 * 16 + j1 + 56], c7 + x);
                }
                if (p) {
                    f32x8 c8 = splat_f32x8(0.0f);
                    f32x8 c9 = splat_f32x8(0.0f);
                    f32x8 c10 = splat_f32x8(0.0f);
                    f32x8 c11 = splat_f32x8(0.0f);
                    f32x8 c12 = splat_f32x8(0.0f);
                    f32x8 c13 = splat_f32x8(0.0f);
                    f32x8 c14 = splat_f32x8(0.0f);
                    f32x8 c15 = splat_f32x8(0.0f);
                    const ptrdiff_t n4 = i5 * 3 + n6 * 3;
                    const ptrdiff_t n3 = min_index(n5 + 1, end - 1) * 3;
                    const ptrdiff_t n2 = min_index(n5 + 2, end - 1) * 3;
                    const ptrdiff_t n1 = min_index(n5 + 3, end - 1) * 3;
                    for (ptrdiff_t k2 = 0; k2 < 3; k2++) {
                        const f32x8 b2 = load_f32x8(&panels[j1 * 3 + k2 * 16]);
                        const f32x8 b3 = load_f32x8(&panels[j1 * 3 + k2 * 16 + 8]);
                        const f32x8 a4 = splat_f32x8(lstm_transpose[n4 + k2]);
                        c8 = fma_f32x8(a4, b2, c8);
                        c9 = fma_f32x8(a4, b3, c9);
                        const f32x8 a5 = splat_f32x8(lstm_transpose[n3 + k2]);
                        c10 = fma_f32x8(a5, b2, c10);
                        c11 = fma_f32x8(a5, b3, c11);
                        const f32x8 a6 = splat_f32x8(lstm_transpose[n2 + k2]);
                        c12 = fma_f32x8(a6, b2, c12);
                        c13 = fma_f32x8(a6, b3, c13);
                        const f32x8 a7 = splat_f32x8(lstm_transpose[n1 + k2]);
                        c14 = fma_f32x8(a7, b2, c14);
                        c15 = fma_f32x8(a7, b3, c15);
                    }
                    const ptrdiff_t n = i5 * 16 + n6 * 16 + j1;
                    store_f32x8(&lstm_add[n], c8 + x1);
                    store_f32x8(&lstm_add[n + 8], c9 + x);
                    if (n5 + 1 <= end - 1) {
                        store_f32x8(&lstm_add[n + 16], c10 + x1);
                        store_f32x8(&lstm_add[n + 24], c11 + x);
                    }
                    if (n5 + 2 <= end - 1) {
                        store_f32x8(&lstm_add[n + 32], c12 + x1);
                        store_f32x8(&lstm_add[n + 40], c13 + x);
                    }
                    if (n5 + 3 <= end - 1) {
                        store_f32x8(&lstm_add[n + 48], c14 + x1);
                        store_f32x8(&lstm_add[n + 56], c15 + x);
                    }
                }
            }
        }
    } else {
        for (ptrdiff_t i7 = 0; i7 < b_t; i7++) {
            for (ptrdiff_t j2 = 0; j2 < 16; j2 += 16) {
                f32x8 sum = splat_f32x8(0.0f);
                f32x8 sum1 = splat_f32x8(0.0f);
                for (ptrdiff_t k3 = 0; k3 < 3; k3++) {
                    const f32x8 a8 = splat_f32x8(lstm_transpose[i7 * 3 + k3]);
                    sum = fma_f32x8(a8, load_f32x8(&lstm_kernel[k3 * 16 + j2]), sum);
                    sum1 = fma_f32x8(a8, load_f32x8(&lstm_kernel[k3 * 16 + j2 + 8]), sum1);
                }
                store_f32x8(&lstm_add[i7 * 16 + j2], sum + load_f32x8(&lstm_bias[j2]));
                store_f32x8(&lstm_add[i7 * 16 + j2 + 8], sum1 + load_f32x8(&lstm_bias[j2 + 8]));
            }
        }
    }
}

/* broadcast */
static void kernel_broadcast(float *restrict out0, float *restrict out2, ptrdiff_t b_4)
{
    memset(out0, 0, b_4 * sizeof(float));
    memset(out2, 0, b_4 * sizeof(float));
}

/* pack */
static void kernel_pack(const float *restrict lstm_recurrentKernel, float *restrict panels1, ptrdiff_t b)
{
    if (4 <= b) {
        for (ptrdiff_t j3 = 0; j3 < 16; j3 += 16) {
            for (ptrdiff_t k4 = 0; k4 < 4; k4++) {
                store_f32x8(&panels1[j3 * 4 + k4 * 16], load_f32x8(&lstm_recurrentKernel[k4 * 16 + j3]));
                store_f32x8(&panels1[j3 * 4 + k4 * 16 + 8],
                    load_f32x8(&lstm_recurrentKernel[k4 * 16 + j3 + 8]));
            }
        }
    }
}

/* lstm: matmul */
static void kernel_lstm_matmul_2(const float *restrict lstm_recurrentKernel, const float *restrict out0,
    const float *restrict lstm_add, float *restrict lstm_add1, const float *restrict panels1, ptrdiff_t b,
    ptrdiff_t b_16, ptrdiff_t t_2)
{
    if (4 <= b) {
        for (ptrdiff_t i10 = 0; i10 < b; i10 += 128) {
            const ptrdiff_t end1 = min_index(b, i10 + 128);
            const ptrdiff_t n15 = (end1 - i10) & -4;
            const ptrdiff_t n14 = i10 + n15;
            const bool p1 = n14 < end1;
            for (ptrdiff_t j4 = 0; j4 < 16; j4 += 16) {
                for (ptrdiff_t i11 = i10; i11 < n14; i11 += 4) {
                    f32x8 c16 = splat_f32x8(0.0f);
                    f32x8 c17 = splat_f32x8(0.0f);
                    f32x8 c18 = splat_f32x8(0.0f);
                    f32x8 c19 = splat_f32x8(0.0f);
                    f32x8 c20 = splat_f32x8(0.0f);
                    f32x8 c21 = splat_f32x8(0.0f);
                    f32x8 c22 = splat_f32x8(0.0f);
                    f32x8 c23 = splat_f32x8(0.0f);
                    for (ptrdiff_t k5 = 0; k5 < 4; k5++) {
                        const f32x8 b4 = load_f32x8(&panels1[j4 * 4 + k5 * 16]);
                        const f32x8 b5 = load_f32x8(&panels1[j4 * 4 + k5 * 16 + 8]);
                        const f32x8 a9 = splat_f32x8(out0[i11 * 4 + k5]);
                        c16 = fma_f32x8(a9, b4, c16);
                        c17 = fma_f32x8(a9, b5, c17);
                        const f32x8 a10 = splat_f32x8(out0[i11 * 4 + k5 + 4]);
                        c18 = fma_f32x8(a10, b4, c18);
                        c19 = fma_f32x8(a10, b5, c19);
                        const f32x8 a11 = splat_f32x8(out0[i11 * 4 + k5 + 8]);
                        c20 = fma_f32x8(a11, b4, c20);
                        c21 = fma_f32x8(a11, b5, c21);
                        const f32x8 a12 = splat_f32x8(out0[i11 * 4 + k5 + 12]);
                        c22 = fma_f32x8(a12, b4, c22);
                        c23 = fma_f32x8(a12, b5, c23);
                    }
                    store_f32x8(&lstm_add1[i11 * 16 + j4], load_f32x8(&lstm_add[t_2 * b_16 + i11 * 16 + j4])
                        + c16);
                    store_f32x8(&lstm_add1[i11 * 16 + j4 + 8],
                        load_f32x8(&lstm_add[t_2 * b_16 + i11 * 16 + j4 + 8]) + c17);
                    store_f32x8(&lstm_add1[i11 * 16 + j4 + 16],
                        load_f32x8(&lstm_add[t_2 * b_16 + i11 * 16 + j4 + 16]) + c18);
                    store_f32x8(&lstm_add1[i11 * 16 + j4 + 24],
                        load_f32x8(&lstm_add[t_2 * b_16 + i11 * 16 + j4 + 24]) + c19);
                    store_f32x8(&lstm_add1[i11 * 16 + j4 + 32],
                        load_f32x8(&lstm_add[t_2 * b_16 + i11 * 16 + j4 + 32]) + c20);
                    store_f32x8(&lstm_add1[i11 * 16 + j4 + 40],
                        load_f32x8(&lstm_add[t_2 * b_16 + i11 * 16 + j4 + 40]) + c21);
                    store_f32x8(&lstm_add1[i11 * 16 + j4 + 48],
                        load_f32x8(&lstm_add[t_2 * b_16 + i11 * 16 + j4 + 48]) + c22);
                    store_f32x8(&lstm_add1[i11 * 16 + j4 + 56],
                        load_f32x8(&lstm_add[t_2 * b_16 + i11 * 16 + j4 + 56]) + c23);
                }
                if (p1) {
                    f32x8 c24 = splat_f32x8(0.0f);
                    f32x8 c25 = splat_f32x8(0.0f);
                    f32x8 c26 = splat_f32x8(0.0f);
                    f32x8 c27 = splat_f32x8(0.0f);
                    f32x8 c28 = splat_f32x8(0.0f);
                    f32x8 c29 = splat_f32x8(0.0f);
                    f32x8 c30 = splat_f32x8(0.0f);
                    f32x8 c31 = splat_f32x8(0.0f);
                    const ptrdiff_t n13 = i10 * 4 + n15 * 4;
                    const ptrdiff_t n12 = min_index(n14 + 1, end1 - 1) * 4;
                    const ptrdiff_t n11 = min_index(n14 + 2, end1 - 1) * 4;
                    const ptrdiff_t n10 = min_index(n14 + 3, end1 - 1) * 4;
                    for (ptrdiff_t k6 = 0; k6 < 4; k6++) {
                        const f32x8 b6 = load_f32x8(&panels1[j4 * 4 + k6 * 16]);
                        const f32x8 b7 = load_f32x8(&panels1[j4 * 4 + k6 * 16 + 8]);
                        const f32x8 a13 = splat_f32x8(out0[n13 + k6]);
                        c24 = fma_f32x8(a13, b6, c24);
                        c25 = fma_f32x8(a13, b7, c25);
                        const f32x8 a14 = splat_f32x8(out0[n12 + k6]);
                        c26 = fma_f32x8(a14, b6, c26);
                        c27 = fma_f32x8(a14, b7, c27);
                        const f32x8 a15 = splat_f32x8(out0[n11 + k6]);
                        c28 = fma_f32x8(a15, b6, c28);
                        c29 = fma_f32x8(a15, b7, c29);
                        const f32x8 a16 = splat_f32x8(out0[n10 + k6]);
                        c30 = fma_f32x8(a16, b6, c30);
                        c31 = fma_f32x8(a16, b7, c31);
                    }
                    const ptrdiff_t n9 = n15 * 16;
                    const ptrdiff_t n8 = i10 * 16 + n9 + j4;
                    const ptrdiff_t n7 = t_2 * b_16 + i10 * 16 + n9 + j4;
                    store_f32x8(&lstm_add1[n8], load_f32x8(&lstm_add[n7]) + c24);
                    store_f32x8(&lstm_add1[n8 + 8], load_f32x8(&lstm_add[n7 + 8]) + c25);
                    if (n14 + 1 <= end1 - 1) {
                        store_f32x8(&lstm_add1[n8 + 16], load_f32x8(&lstm_add[n7 + 16]) + c26);
                        store_f32x8(&lstm_add1[n8 + 24], load_f32x8(&lstm_add[n7 + 24]) + c27);
                    }
                    if (n14 + 2 <= end1 - 1) {
                        store_f32x8(&lstm_add1[n8 + 32], load_f32x8(&lstm_add[n7 + 32]) + c28);
                        store_f32x8(&lstm_add1[n8 + 40], load_f32x8(&lstm_add[n7 + 40]) + c29);
                    }
                    if (n14 + 3 <= end1 - 1) {
                        store_f32x8(&lstm_add1[n8 + 48], load_f32x8(&lstm_add[n7 + 48]) + c30);
                        store_f32x8(&lstm_add1[n8 + 56], load_f32x8(&lstm_add[n7 + 56]) + c31);
                    }
                }
            }
        }
    } else {
        for (ptrdiff_t i12 = 0; i12 < b; i12++) {
            for (ptrdiff_t j5 = 0; j5 < 16; j5 += 16) {
                f32x8 sum2 = splat_f32x8(0.0f);
                f32x8 sum3 = splat_f32x8(0.0f);
                for (ptrdiff_t k7 = 0; k7 < 4; k7++) {
                    const f32x8 a17 = splat_f32x8(out0[i12 * 4 + k7]);
                    sum2 = fma_f32x8(a17, load_f32x8(&lstm_recurrentKernel[k7 * 16 + j5]), sum2);
                    sum3 = fma_f32x8(a17, load_f32x8(&lstm_recurrentKernel[k7 * 16 + j5 + 8]), sum3);
                }
                store_f32x8(&lstm_add1[i12 * 16 + j5], load_f32x8(&lstm_add[t_2 * b_16 + i12 * 16 + j5])
                    + sum2);
                store_f32x8(&lstm_add1[i12 * 16 + j5 + 8],
                    load_f32x8(&lstm_add[t_2 * b_16 + i12 * 16 + j5 + 8]) + sum3);
            }
        }
    }
}

/* lstm: mul add */
static void kernel_lstm_mul_add(float *restrict out0, float *restrict out2, const float *restrict lstm_add1,
    ptrdiff_t b)
{
    for (ptrdiff_t i15 = 0; i15 < b; i15++) {
        for (ptrdiff_t v1 = 0; v1 < 4; v1 += 4) {
            const f32x4 s1 = fma_f32x4(sigmoid_f32x4(load_f32x4(&lstm_add1[i15 * 16 + v1 + 4])),
                load_f32x4(&out2[i15 * 4 + v1]), sigmoid_f32x4(load_f32x4(&lstm_add1[i15 * 16 + v1]))
                * tanh_f32x4(load_f32x4(&lstm_add1[i15 * 16 + v1 + 8])));
            const f32x4 s = sigmoid_f32x4(load_f32x4(&lstm_add1[i15 * 16 + v1 + 12])) * tanh_f32x4(s1);
            store_f32x4(&out0[i15 * 4 + v1], s);
            store_f32x4(&out2[i15 * 4 + v1], s1);
        }
    }
}

/* lstm: scan */
static void kernel_lstm_scan(const float *restrict out0, float *restrict out1, ptrdiff_t b_4)
{
    const ptrdiff_t n16 = b_4 & -8;
    for (ptrdiff_t v2 = 0; v2 < n16; v2 += 8) {
        store_f32x8(&out1[v2], load_f32x8(&out0[v2]));
    }
    const ptrdiff_t end_of_v3 = b_4 & -4;
    for (ptrdiff_t v3 = n16; v3 < end_of_v3; v3 += 4) {
        store_f32x4(&out1[v3], load_f32x4(&out0[v3]));
    }
}

/* Runs the network once. */
int run_LSTM(const struct LSTM *net)
{
    kernel_lstm_transpose(net->argument_1, net->lstm_transpose, net->t, net->b, net->b_3, net->t_3);
    kernel_lstm_matmul(net->lstm_kernel, net->lstm_bias, net->lstm_transpose, net->lstm_add, net->panels,
        net->b_t);
    kernel_broadcast(net->out0, net->out2, net->b_4);
    kernel_pack(net->lstm_recurrentKernel, net->panels1, net->b);
    for (ptrdiff_t t_2 = 0; t_2 < net->t; t_2++) {
        kernel_lstm_matmul_2(net->lstm_recurrentKernel, net->out0, net->lstm_add, net->lstm_add1,
            net->panels1, net->b, net->b_16, t_2);
        kernel_lstm_mul_add(net->out0, net->out2, net->lstm_add1, net->b);
    }
    kernel_lstm_scan(net->out0, net->out1, net->b_4);
    return recurve_done;
}
