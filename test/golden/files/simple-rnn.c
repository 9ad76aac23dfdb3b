/*
 * The network "simple RNN", made by Recurve.
 *
 * Threads: 2, which run it together.
 * Sizes:
 *   size1 = floor((t + 1)/2)
 *   t
 *   b
 *   b_3 = 3*b
 *   t_3 = 3*t
 *   size6 = 4*floor((floor((b*t + 3)/4) + 1)/2)
 *   b_t = b*t
 *   b_2 = 2*b
 *   size9 = 4*floor((floor((b + 3)/4) + 1)/2)
 *   size10 = 16*floor((floor((2*b + 15)/16) + 1)/2)
 */
#include "recurve.h"

struct simple_RNN {
    const float *argument_1; /* input 0 [3*b*t] */
    const float *simpleRNN_kernel; /* input 1 [6] */
    const float *simpleRNN_recurrentKernel; /* input 2 [4] */
    const float *simpleRNN_bias; /* input 3 [2] */
    float *out0; /* output 0 [2*b] */
    float *out1; /* output 1 [2*b] */
    float *simpleRNN_transpose; /* scratch [3*b*t] */
    float *simpleRNN_matmul; /* scratch [2*b*t] */
    float *simpleRNN_matmul1; /* scratch [2*b] */
    ptrdiff_t size1, t, b, b_3, t_3, size6, b_t, b_2, size9, size10;
    int (*meet)(void *member); /* waits for all threads; not 0 where one has failed */
    void *member;
};

RECURVE_INLINE float tanh_f32(float x)
{
    const float tanhX = at_most_f32(at_least_f32(x, -8.133304f), 8.133304f);
    const float tanhU = tanhX * tanhX;
    return tanhX * fma_f32(fma_f32(fma_f32(fma_f32(1.34158755e-8f, tanhU, 0.000020659696f), tanhU,
        0.0034989675f), tanhU, 0.13383982f), tanhU, 1.0f)
        / fma_f32(fma_f32(fma_f32(fma_f32(7.803476e-7f, tanhU, 0.00032909424f), tanhU, 0.025890175f), tanhU,
        0.46717304f), tanhU, 1.0f);
}

/* simpleRNN: transpose */
static void kernel_simpleRNN_transpose(const float *restrict argument_1, float *restrict simpleRNN_transpose,
    ptrdiff_t size1, ptrdiff_t t, ptrdiff_t b, ptrdiff_t b_3, ptrdiff_t t_3, ptrdiff_t thread)
{
    const ptrdiff_t end_of_i3 = min_index(thread * size1 + size1, t);
    for (ptrdiff_t i3 = min_index(thread * size1, t); i3 < end_of_i3; i3++) {
        for (ptrdiff_t i4 = 0; i4 < b; i4++) {
            for (ptrdiff_t v = 0; v < 3; v++) {
                simpleRNN_transpose[i3 * b_3 + i4 * 3 + v] = argument_1[i3 * 3 + i4 * t_3 + v];
            }
        }
    }
}

/* simpleRNN: matmul */
static void kernel_simpleRNN_matmul(const float *restrict simpleRNN_kernel,
    const float *restrict simpleRNN_transpose, float *restrict simpleRNN_matmul, ptrdiff_t size6,
    ptrdiff_t b_t, ptrdiff_t thread)
{
    const ptrdiff_t end_of_i5 = min_index(thread * size6 + size6, b_t);
    for (ptrdiff_t i5 = min_index(thread * size6, b_t); i5 < end_of_i5; i5++) {
        for (ptrdiff_t j = 0; j < 2; j++) {
            float total = 0.0f;
            for (ptrdiff_t k = 0; k < 3; k++) {
                total = fma_f32(simpleRNN_transpose[i5 * 3 + k], simpleRNN_kernel[k * 2 + j], total);
            }
            simpleRNN_matmul[i5 * 2 + j] = total;
        }
    }
}

/* broadcast */
static void kernel_broadcast(float *restrict out0, ptrdiff_t b_2)
{
    memset(out0, 0, b_2 * sizeof(float));
}

/* simpleRNN: matmul */
static void kernel_simpleRNN_matmul_2(const float *restrict simpleRNN_recurrentKernel,
    const float *restrict out0, float *restrict simpleRNN_matmul1, ptrdiff_t b, ptrdiff_t size9,
    ptrdiff_t thread)
{
    const ptrdiff_t end_of_i8 = min_index(thread * size9 + size9, b);
    for (ptrdiff_t i8 = min_index(thread * size9, b); i8 < end_of_i8; i8++) {
        for (ptrdiff_t j1 = 0; j1 < 2; j1++) {
            float total1 = 0.0f;
            for (ptrdiff_t k1 = 0; k1 < 2; k1++) {
                total1 = fma_f32(out0[i8 * 2 + k1], simpleRNN_recurrentKernel[k1 * 2 + j1], total1);
            }
            simpleRNN_matmul1[i8 * 2 + j1] = total1;
        }
    }
}

/* simpleRNN: tanh */
static void kernel_simpleRNN_tanh(const float *restrict simpleRNN_bias, float *restrict out0,
    const float *restrict simpleRNN_matmul, const float *restrict simpleRNN_matmul1, ptrdiff_t b,
    ptrdiff_t b_2, ptrdiff_t size9, ptrdiff_t thread, ptrdiff_t t_2)
{
    const ptrdiff_t end_of_i9 = min_index(thread * size9 + size9, b);
    for (ptrdiff_t i9 = min_index(thread * size9, b); i9 < end_of_i9; i9++) {
        for (ptrdiff_t v1 = 0; v1 < 2; v1++) {
            out0[i9 * 2 + v1] = tanh_f32(simpleRNN_matmul[t_2 * b_2 + i9 * 2 + v1] + simpleRNN_bias[v1]
                + simpleRNN_matmul1[i9 * 2 + v1]);
        }
    }
}

/* simpleRNN: rows */
static void kernel_simpleRNN_rows(const float *restrict simpleRNN_recurrentKernel,
    const float *restrict simpleRNN_bias, float *restrict out0, const float *restrict simpleRNN_matmul,
    float *restrict simpleRNN_matmul1, ptrdiff_t t, ptrdiff_t b, ptrdiff_t b_2, ptrdiff_t size9,
    ptrdiff_t thread)
{
    for (ptrdiff_t t_2 = 0; t_2 < t; t_2++) {
        kernel_simpleRNN_matmul_2(simpleRNN_recurrentKernel, out0, simpleRNN_matmul1, b, size9, thread);
        kernel_simpleRNN_tanh(simpleRNN_bias, out0, simpleRNN_matmul, simpleRNN_matmul1, b, b_2, size9,
            thread, t_2);
    }
}

/* simpleRNN: scan */
static void kernel_simpleRNN_scan(const float *restrict out0, float *restrict out1, ptrdiff_t b_2,
    ptrdiff_t size10, ptrdiff_t thread)
{
    const ptrdiff_t n2 = min_index(thread * size10, b_2);
    const ptrdiff_t n1 = min_index(thread * size10 + size10, b_2);
    const ptrdiff_t n = n2 + ((n1 - n2) & -4);
    for (ptrdiff_t v2 = n2; v2 < n; v2 += 4) {
        store_f32x4(&out1[v2], load_f32x4(&out0[v2]));
    }
    for (ptrdiff_t v3 = n; v3 < n1; v3++) {
        out1[v3] = out0[v3];
    }
}

/* Runs the network once. */
int run_simple_RNN(const struct simple_RNN *net, ptrdiff_t thread)
{
    kernel_simpleRNN_transpose(net->argument_1, net->simpleRNN_transpose, net->size1, net->t, net->b,
        net->b_3, net->t_3, thread);
    if (net->meet(net->member)) return recurve_stopped;
    kernel_simpleRNN_matmul(net->simpleRNN_kernel, net->simpleRNN_transpose, net->simpleRNN_matmul,
        net->size6, net->b_t, thread);
    if (thread == 0) {
        kernel_broadcast(net->out0, net->b_2);
    }
    if (net->meet(net->member)) return recurve_stopped;
    kernel_simpleRNN_rows(net->simpleRNN_recurrentKernel, net->simpleRNN_bias, net->out0,
        net->simpleRNN_matmul, net->simpleRNN_matmul1, net->t, net->b, net->b_2, net->size9, thread);
    if (net->meet(net->member)) return recurve_stopped;
    kernel_simpleRNN_scan(net->out0, net->out1, net->b_2, net->size10, thread);
    return recurve_done;
}
