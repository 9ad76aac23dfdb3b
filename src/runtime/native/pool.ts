/**
 * The C text of the thread pool: one library for all networks of a process. Threads start when a program first needs
 * them, look for work for a short time and then sleep; they end with the process. The networks know its first fields.
 */
import { hostText } from "../../target/c/glue.ts";

export const poolText = `/* The threads that run networks together. */
#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

${hostText}
enum { most_threads = 16 };

/* Rounds that a thread looks for a change before it sleeps: some 50 microseconds, for to be woken costs as much. */
enum { patience = 2000 };

struct pool;

/* One thread. Each is alone in its lines of the cache. */
struct member {
    alignas(128) struct pool *pool;
    ptrdiff_t thread;
    /* How many arrivals there are when all have met where this thread is. */
    uint32_t goal;
};

struct pool {
    struct recurve_host host;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    ptrdiff_t started;
    /* The call: written before its round begins, and not before all have met at the end of the last one. */
    int (*work)(void *context, void *member, ptrdiff_t thread);
    void *context;
    ptrdiff_t count;
    uint32_t start;
    /* Threads that sleep until one of the two numbers below changes. */
    alignas(128) atomic_int sleepers;
    /* 32 * the number of calls + the number of threads of the last one. */
    alignas(128) atomic_uint round;
    /* One more for each thread at each place where they meet; never set back. */
    alignas(128) atomic_uint arrivals;
    /* The goal at which all stop because one has failed before; or any number that is none of this call. */
    alignas(128) atomic_uint failed;
    struct member members[most_threads];
};

static void pause_briefly(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* Differences are right although the numbers wrap. */
static int has_come(atomic_uint *number, uint32_t goal) { return (int32_t)(atomic_load(number) - goal) >= 0; }

/* Waits until a number has come to a goal. */
static void await(struct pool *pool, atomic_uint *number, uint32_t goal)
{
    for (int i = 0; i < patience; i++) {
        if (has_come(number, goal)) return;
        pause_briefly();
    }
    pthread_mutex_lock(&pool->mutex);
    atomic_fetch_add(&pool->sleepers, 1);
    while (!has_come(number, goal)) pthread_cond_wait(&pool->changed, &pool->mutex);
    atomic_fetch_sub(&pool->sleepers, 1);
    pthread_mutex_unlock(&pool->mutex);
}

/* To be called after a number has changed: who was about to sleep has counted itself before it looked again. */
static void wake(struct pool *pool)
{
    if (atomic_load(&pool->sleepers) == 0) return;
    pthread_mutex_lock(&pool->mutex);
    pthread_cond_broadcast(&pool->changed);
    pthread_mutex_unlock(&pool->mutex);
}

static int meet(void *given)
{
    struct member *member = given;
    struct pool *pool = member->pool;
    member->goal += (uint32_t)pool->count;
    if (atomic_fetch_add(&pool->arrivals, 1) + 1 == member->goal)
        wake(pool);
    else
        await(pool, &pool->arrivals, member->goal);
    /* Who is late to leave must not see what failed since: the one that failed waits for it at the next place. */
    return atomic_load(&pool->failed) == member->goal;
}

/* Does the part of one thread; not 0 where one has failed. Who was told to stop has met the others for the last time. */
static int take_part(struct pool *pool, struct member *member)
{
    enum { done, failed, stopped };
    member->goal = pool->start;
    const int status = pool->work(pool->context, member, member->thread);
    if (status == stopped) return 1;
    if (status == failed) atomic_store(&pool->failed, member->goal + (uint32_t)pool->count);
    return meet(member);
}

static void *live(void *given)
{
    struct member *member = given;
    struct pool *pool = member->pool;
    uint32_t seen = member->goal;
    for (;;) {
        await(pool, &pool->round, seen + 1);
        seen = atomic_load(&pool->round);
        /* Who has no part in a call must not look at it. */
        if (member->thread < (ptrdiff_t)(seen % 32)) take_part(pool, member);
    }
    return NULL;
}

static int start_threads(struct pool *pool, ptrdiff_t count)
{
    for (; pool->started < count; pool->started++) {
        struct member *member = &pool->members[pool->started];
        member->pool = pool;
        member->thread = pool->started;
        member->goal = atomic_load(&pool->round);
        if (pool->started == 0) continue;
        pthread_t thread;
        if (pthread_create(&thread, NULL, live, member) != 0) return 0;
        pthread_detach(thread);
    }
    return 1;
}

static int together(struct recurve_host *host, int (*work)(void *, void *, ptrdiff_t), void *context, ptrdiff_t count)
{
    struct pool *pool = (struct pool *)host;
    if (!start_threads(pool, count)) return -1;
    pool->work = work;
    pool->context = context;
    pool->count = count;
    pool->start = atomic_load(&pool->arrivals);
    /* The goal of the last call's end: who is late to leave that still stops if it has to. */
    atomic_store(&pool->failed, pool->start);
    atomic_store(&pool->round, (atomic_load(&pool->round) / 32 + 1) * 32 + (uint32_t)count);
    wake(pool);
    return take_part(pool, &pool->members[0]);
}

struct recurve_host *recurve_open(void);
void recurve_base(struct recurve_host *host, void *base);

/* A pool for one memory. Threads that sleep or look for work end with the process. */
struct recurve_host *recurve_open(void)
{
    struct pool *pool = aligned_alloc(alignof(struct pool), sizeof(struct pool));
    if (pool == NULL) return NULL;
    *pool = (struct pool){.host = {NULL, together, meet}};
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->changed, NULL);
    return &pool->host;
}

void recurve_base(struct recurve_host *host, void *base) { host->base = base; }
`;
