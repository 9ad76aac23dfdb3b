/*
 * The network "embedding and simple RNN", made by Recurve.
 *
 * Threads: one.
 * Sizes:
 *   b
 *   t
 *   b_3 = 3*b
 *   b_t = b*t
 *   b_2 = 2*b
 *   t_2 = 2*t
 */
#include "recurve.h"

struct embedding_and_simple_RNN {
    const int32_t *argument_1; /* input 0 [b*t] */
    const float *embedding_embeddings; /* input 1 [27] */
    const float *simpleRNN_kernel; /* input 2 [6] */
    const float *simpleRNN_recurrentKernel; /* input 3 [4] */
    const float *simpleRNN_bias; /* input 4 [2] */
    float *out0; /* output 0 [2*b*t] */
    float *out1; /* output 1 [2*b] */
    float *simpleRNN_transpose; /* scratch [3*b*t] */
    float *simpleRNN_matmul; /* scratch [2*b*t] */
    float *simpleRNN_scan; /* scratch [2*b*t] */
    float *simpleRNN_matmul1; /* scratch [2*b] */
    ptrdiff_t b, t, b_3, b_t, b_2, t_2;
    int32_t *failure; /* of two: the failed check, counted from 1, and its value */
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

/* embedding: check */
static int kernel_embedding_check(const struct embedding_and_simple_RNN *net,
    const int32_t *restrict argument_1, ptrdiff_t b, ptrdiff_t t)
{
    for (ptrdiff_t i = 0; i < b; i++) {
        for (ptrdiff_t i1 = 0; i1 < t; i1++) {
            const int32_t row = argument_1[i * t + i1];
            if (!(0 <= row && row < 9)) { /* embedding "embedding": expected an index from 0 to 8,
                got {value}. Check the input's values, or give the table more rows. */
                net->failure[0] = 1;
                net->failure[1] = row;
                return recurve_failed;
            }
        }
    }
    return recurve_done;
}

/* simpleRNN: transpose */
static void kernel_simpleRNN_transpose(const int32_t *restrict argument_1,
    const float *restrict embedding_embeddings, float *restrict simpleRNN_transpose, ptrdiff_t b, ptrdiff_t t,
    ptrdiff_t b_3)
{
    for (ptrdiff_t i5 = 0; i5 < t; i5++) {
        for (ptrdiff_t i6 = 0; i6 < b; i6++) {
            const int32_t n = mul_i32(argument_1[i6 * t + i5], 3);
            for (ptrdiff_t v = 0; v < 3; v++) {
                simpleRNN_transpose[i5 * b_3 + i6 * 3 + v] = embedding_embeddings[n + v];
            }
        }
    }
}

/* simpleRNN: matmul */
static void kernel_simpleRNN_matmul(const float *restrict simpleRNN_kernel,
    const float *restrict simpleRNN_transpose, float *restrict simpleRNN_matmul, ptrdiff_t b_t)
{
    for (ptrdiff_t i7 = 0; i7 < b_t; i7++) {
        for (ptrdiff_t j = 0; j < 2; j++) {
            float total = 0.0f;
            for (ptrdiff_t k = 0; k < 3; k++) {
                total = fma_f32(simpleRNN_transpose[i7 * 3 + k], simpleRNN_kernel[k * 2 + j], total);
            }
            simpleRNN_matmul[i7 * 2 + j] = total;
        }
    }
}

/* broadcast */
static void kernel_broadcast(float *restrict out1, ptrdiff_t b_2)
{
    memset(out1, 0, b_2 * sizeof(float));
}

/* simpleRNN: matmul */
static void kernel_simpleRNN_matmul_2(const float *restrict simpleRNN_recurrentKernel,
    const float *restrict out1, float *restrict simpleRNN_matmul1, ptrdiff_t b)
{
    for (ptrdiff_t i10 = 0; i10 < b; i10++) {
        for (ptrdiff_t j1 = 0; j1 < 2; j1++) {
            float total1 = 0.0f;
            for (ptrdiff_t k1 = 0; k1 < 2; k1++) {
                total1 = fma_f32(out1[i10 * 2 + k1], simpleRNN_recurrentKernel[k1 * 2 + j1], total1);
            }
            simpleRNN_matmul1[i10 * 2 + j1] = total1;
        }
    }
}

/* simpleRNN: tanh */
static void kernel_simpleRNN_tanh(const float *restrict simpleRNN_bias, float *restrict out1,
    const float *restrict simpleRNN_matmul, float *restrict simpleRNN_scan,
    const float *restrict simpleRNN_matmul1, ptrdiff_t b, ptrdiff_t b_2, ptrdiff_t t_3)
{
    for (ptrdiff_t i13 = 0; i13 < b; i13++) {
        for (ptrdiff_t v1 = 0; v1 < 2; v1++) {
            const float s = tanh_f32(simpleRNN_matmul[t_3 * b_2 + i13 * 2 + v1] + simpleRNN_bias[v1]
                + simpleRNN_matmul1[i13 * 2 + v1]);
            out1[i13 * 2 + v1] = s;
            simpleRNN_scan[t_3 * b_2 + i13 * 2 + v1] = s;
        }
    }
}

/* simpleRNN: transpose */
static void kernel_simpleRNN_transpose_2(float *restrict out0, const float *restrict simpleRNN_scan,
    ptrdiff_t b, ptrdiff_t t, ptrdiff_t b_2, ptrdiff_t t_2)
{
    for (ptrdiff_t i17 = 0; i17 < b; i17++) {
        for (ptrdiff_t i18 = 0; i18 < t; i18++) {
            for (ptrdiff_t v2 = 0; v2 < 2; v2++) {
                out0[i17 * t_2 + i18 * 2 + v2] = simpleRNN_scan[i17 * 2 + i18 * b_2 + v2];
            }
        }
    }
}

/* Runs the network once. */
int run_embedding_and_simple_RNN(const struct embedding_and_simple_RNN *net)
{
    {
        const int status = kernel_embedding_check(net, net->argument_1, net->b, net->t);
        if (status != recurve_done) return status;
    }
    kernel_simpleRNN_transpose(net->argument_1, net->embedding_embeddings, net->simpleRNN_transpose, net->b,
        net->t, net->b_3);
    kernel_simpleRNN_matmul(net->simpleRNN_kernel, net->simpleRNN_transpose, net->simpleRNN_matmul, net->b_t);
    kernel_broadcast(net->out1, net->b_2);
    for (ptrdiff_t t_3 = 0; t_3 < net->t; t_3++) {
        kernel_simpleRNN_matmul_2(net->simpleRNN_recurrentKernel, net->out1, net->simpleRNN_matmul1, net->b);
        kernel_simpleRNN_tanh(net->simpleRNN_bias, net->out1, net->simpleRNN_matmul, net->simpleRNN_scan,
            net->simpleRNN_matmul1, net->b, net->b_2, t_3);
    }
    kernel_simpleRNN_transpose_2(net->out0, net->simpleRNN_scan, net->b, net->t, net->b_2, net->t_2);
    return recurve_done;
}
