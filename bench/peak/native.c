/**
 * The machine's peak in native code: multiply-add in registers only, reading a block again and again, and the triad
 * a = b + s c, on one thread or several. Prints work a second (operations or bytes) and the share of the time in which
 * the threads had a core. Nothing of Recurve is in here.
 *
 *   cc -O3 -march=native -pthread native.c -o peak && ./peak flops|read|triad <bytes> <threads> <seconds>
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#if defined(__AVX512F__)
#define LANES 16
#elif defined(__AVX__)
#define LANES 8
#else
#define LANES 4
#endif
#define CHAINS 12
#define ROUNDS 200000

typedef float vector __attribute__((vector_size(4 * LANES)));

typedef struct {
  const char *task;
  size_t bytes;
  double seconds, rate, busy;
  float *memory;
} Job;

static pthread_barrier_t gate;
static volatile float sink;

static double now(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return t.tv_sec + 1e-9 * t.tv_nsec;
}

static float sum_of(const vector *sums, int count) {
  float sum = 0;
  for (int i = 0; i < count; i++) sum += sums[i][0];
  return sum;
}

/** Each vector waits for its own last result only; the compiler contracts a product and a sum to one instruction. */
static double flops(void) {
  vector sums[CHAINS], factor, term;
  for (int lane = 0; lane < LANES; lane++) factor[lane] = 0.5f + sink, term[lane] = 1.0f + sink;
  for (int i = 0; i < CHAINS; i++) sums[i] = term;
  for (int round = 0; round < ROUNDS; round++) {
#pragma GCC unroll 12
    for (int i = 0; i < CHAINS; i++) sums[i] = sums[i] * factor + term;
  }
  sink = sum_of(sums, CHAINS) * 0;
  return 2.0 * LANES * CHAINS * ROUNDS;
}

static double read_block(const float *memory, size_t bytes) {
  const vector *block = (const vector *)memory;
  size_t vectors = bytes / sizeof(vector) / 8 * 8, rounds = (1 << 23) / bytes + 1;
  vector sums[8] = {0};
  for (size_t round = 0; round < rounds; round++) {
    for (size_t i = 0; i < vectors; i += 8)
#pragma GCC unroll 8
      for (int j = 0; j < 8; j++) sums[j] += block[i + j];
    __asm__ volatile("" ::: "memory");
  }
  sink = sum_of(sums, 8) * 0;
  return (double)rounds * vectors * sizeof(vector);
}

static double triad(float *memory, size_t bytes) {
  size_t count = bytes / sizeof(vector);
  vector *a = (vector *)memory, *b = a + count, *c = b + count;
  for (size_t i = 0; i < count; i++) a[i] = b[i] + 3.0f * c[i];
  __asm__ volatile("" ::: "memory");
  return 3.0 * count * sizeof(vector);
}

static double once(Job *job) {
  if (strcmp(job->task, "flops") == 0) return flops();
  if (strcmp(job->task, "read") == 0) return read_block(job->memory, job->bytes);
  return triad(job->memory, job->bytes);
}

static void *run(void *argument) {
  Job *job = argument;
  job->memory = aligned_alloc(4096, (3 * job->bytes + 8191) / 4096 * 4096);
  memset(job->memory, 0, 3 * job->bytes);
  once(job);
  pthread_barrier_wait(&gate);
  double begin = now(CLOCK_MONOTONIC), used = now(CLOCK_THREAD_CPUTIME_ID), work = 0;
  do work += once(job);
  while (now(CLOCK_MONOTONIC) < begin + job->seconds);
  double taken = now(CLOCK_MONOTONIC) - begin;
  job->rate = work / taken;
  job->busy = (now(CLOCK_THREAD_CPUTIME_ID) - used) / taken;
  free(job->memory);
  return NULL;
}

int main(int count, char **given) {
  if (count != 5) return fprintf(stderr, "usage: %s flops|read|triad <bytes> <threads> <seconds>\n", given[0]), 1;
  int threads = atoi(given[3]);
  pthread_t ids[64];
  Job jobs[64];
  if (threads < 1 || threads > 64) return fprintf(stderr, "expected 1 to 64 threads, got %d\n", threads), 1;
  pthread_barrier_init(&gate, NULL, threads);
  for (int i = 0; i < threads; i++) {
    jobs[i] = (Job){.task = given[1], .bytes = strtoull(given[2], NULL, 10) / threads, .seconds = atof(given[4])};
    pthread_create(&ids[i], NULL, run, &jobs[i]);
  }
  double rate = 0, busy = 0;
  for (int i = 0; i < threads; i++) {
    pthread_join(ids[i], NULL);
    rate += jobs[i].rate;
    busy += jobs[i].busy / threads;
  }
  printf("{ \"rate\": %.6g, \"busy\": %.3f, \"lanes\": %d }\n", rate, busy, LANES);
  return 0;
}
