/* Helpers wait for programs, spinning for a while and then asleep: between two parts of a step there are some
   microseconds of Python, less than it takes to wake a thread. Program k is for thread k, in whose cache its
   arrays are; others take it only if that thread is late. */
#define _GNU_SOURCE
#include "program.h"
#include "parts.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>

#define MOST_THREADS 256
#define MOST_PARTS 16
#define SPINS 1000  /* of about 50 nanoseconds each */
#define YIELDS 4000 /* of half a microsecond, between which other threads may run */

static struct {
    pthread_mutex_t in_use; /* held while programs run, or while threads come and go */
    pthread_mutex_t lock;
    pthread_cond_t call;
    atomic_long threads; /* that may be at work, that of Python included */
    long started;        /* that exist: more when they are first needed, never fewer */
    const Program *programs;
    long count;
    atomic_char taken[MOST_THREADS];
    atomic_long done;    /* programs */
    atomic_long job;     /* number of the last job */
    atomic_long asleep;  /* helpers in pthread_cond_wait */
    atomic_long at_work; /* helpers that look at the programs */
    atomic_int is_open, failed;
} pool = {.in_use = PTHREAD_MUTEX_INITIALIZER,
          .lock = PTHREAD_MUTEX_INITIALIZER,
          .call = PTHREAD_COND_INITIALIZER,
          .threads = 1,
          .started = 1};

static void pause_in_turn(long turn) {
    if (turn > SPINS) sched_yield();
#if defined(__x86_64__)
    else
        __builtin_ia32_pause();
#elif defined(__aarch64__)
    else
        __asm__ volatile("yield");
#endif
}

static int run_one(const Program *program) {
    for (long k = 0; k < program->count; k++) {
        const int status = program->calls[k].run(program->calls[k].arguments);
        if (status) return status;
    }
    return 0;
}

/* Thread ``index`` begins with its own program, and goes on with those that nobody has taken. */
static void work_from(long index) {
    for (long k = 0; k < pool.count; k++) {
        const long mine = (index + k) % pool.count;
        if (atomic_exchange(&pool.taken[mine], 1)) continue;
        const int status = run_one(&pool.programs[mine]);
        if (status) atomic_store(&pool.failed, status);
        atomic_fetch_add(&pool.done, 1);
    }
}

/* Returns the number of the job, which is another than the last. */
static long wait_for_job(long last) {
    for (long turn = 0; turn < SPINS + YIELDS; turn++) {
        if (atomic_load(&pool.job) != last) return atomic_load(&pool.job);
        pause_in_turn(turn);
    }
    pthread_mutex_lock(&pool.lock);
    atomic_fetch_add(&pool.asleep, 1);
    while (atomic_load(&pool.job) == last) pthread_cond_wait(&pool.call, &pool.lock);
    atomic_fetch_sub(&pool.asleep, 1);
    pthread_mutex_unlock(&pool.lock);
    return atomic_load(&pool.job);
}

static void *help(void *index) {
    for (long job = 0;;) {
        job = wait_for_job(job);
        atomic_fetch_add(&pool.at_work, 1); /* from here on the programs stay, if they are still open */
        if (atomic_load(&pool.is_open) && (long)index < atomic_load(&pool.threads)) work_from((long)index);
        atomic_fetch_sub(&pool.at_work, 1);
    }
    return NULL;
}

static void announce_job(void) {
    atomic_fetch_add(&pool.job, 1);
    if (!atomic_load(&pool.asleep)) return;
    pthread_mutex_lock(&pool.lock);
    pthread_cond_broadcast(&pool.call);
    pthread_mutex_unlock(&pool.lock);
}

/* A child process has none of the threads. */
static void forget_helpers(void) {
    pthread_mutex_init(&pool.in_use, NULL);
    pthread_mutex_init(&pool.lock, NULL);
    pthread_cond_init(&pool.call, NULL);
    pool.started = 1;
    atomic_store(&pool.job, 0);
    atomic_store(&pool.asleep, 0);
    atomic_store(&pool.at_work, 0);
}

static void start_helpers(void) {
    static int is_told;
    if (!is_told++) pthread_atfork(NULL, NULL, forget_helpers);
    sigset_t all, before; /* signals are for the thread that runs Python */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (; pool.started < pool.threads; pool.started++) {
        pthread_t helper;
        if (pthread_create(&helper, NULL, help, (void *)pool.started)) break;
        pthread_detach(helper);
    }
    if (pool.started < pool.threads) pool.threads = pool.started; /* do not try again with every job */
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static int run_in_order(const Program *programs, long count) {
    for (long k = 0; k < count; k++) {
        const int status = run_one(&programs[k]);
        if (status) return status;
    }
    return 0;
}

int run_programs(const Program *programs, long count) {
    if (count == 1 || count > MOST_THREADS || pthread_mutex_trylock(&pool.in_use))
        return run_in_order(programs, count);
    pool.programs = programs, pool.count = count;
    for (long k = 0; k < count; k++) atomic_store(&pool.taken[k], 0);
    atomic_store(&pool.failed, 0);
    atomic_store(&pool.done, 0);
    atomic_store(&pool.is_open, 1);
    if (pool.started < pool.threads) start_helpers();
    if (pool.threads > 1) announce_job();
    work_from(0);
    for (long turn = 0; atomic_load(&pool.done) < count; turn++) pause_in_turn(turn);
    atomic_store(&pool.is_open, 0);
    for (long turn = 0; atomic_load(&pool.at_work); turn++) pause_in_turn(turn);
    const int status = atomic_load(&pool.failed);
    pthread_mutex_unlock(&pool.in_use);
    return status;
}

typedef struct {
    Part work;
    const union Arg *arg;
    long parts;
} Cut;

static int run_part(const union Arg *arg) {
    const Cut *cut = arg[0].array;
    return cut->work(cut->arg, arg[1].i, cut->parts);
}

int in_parts(Part work, const union Arg *arg, long most) {
    const long threads = atomic_load(&pool.threads);
    Cut cut = {work, arg, most < threads ? most : threads};
    if (cut.parts < 2) return work(arg, 0, 1);
    if (cut.parts > MOST_PARTS) cut.parts = MOST_PARTS;
    Call calls[MOST_PARTS];
    Program programs[MOST_PARTS];
    for (long k = 0; k < cut.parts; k++) {
        calls[k].run = run_part;
        calls[k].arguments[0].array = &cut;
        calls[k].arguments[1].i = k;
        programs[k] = (Program){&calls[k], 1};
    }
    return run_programs(programs, cut.parts);
}

long set_threads(long count) {
    return atomic_exchange(&pool.threads, count < MOST_THREADS ? count : MOST_THREADS);
}
