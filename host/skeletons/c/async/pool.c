/* Threads that do requests, and the two queues between them and the engine. One lock guards all of
 * it; nothing is allocated after pool_new(). */
#include "pool.h"
#include "calls.h"
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct pool {
	pthread_mutex_t lock;
	pthread_cond_t more_to_do, more_done;
	struct units to_do, done;
	int over, interrupted;
	uint64_t n_threads;
	pthread_t threads[];
};

void units_push(struct units *units, struct ioe_io *io)
{
	struct units_link *link = io->engine_data;

	link->next = NULL;
	if (units->last)
		((struct units_link *)units->last->engine_data)->next = io;
	else
		units->first = io;
	units->last = io;
}

struct ioe_io *units_pop(struct units *units)
{
	struct ioe_io *io = units->first;

	if (io) {
		units->first = ((struct units_link *)io->engine_data)->next;
		if (!units->first)
			units->last = NULL;
	}
	return io;
}

/* A thread's life: one unit after the other. */
static void *serve(void *arg)
{
	struct pool *pool = arg;
	struct ioe_io *io;

	pthread_mutex_lock(&pool->lock);
	for (;;) {
		io = units_pop(&pool->to_do);
		if (io) {
			pthread_mutex_unlock(&pool->lock);
			calls_perform(io);
			pthread_mutex_lock(&pool->lock);
			units_push(&pool->done, io);
			pthread_cond_signal(&pool->more_done);
		} else if (pool->over) {
			break;
		} else {
			pthread_cond_wait(&pool->more_to_do, &pool->lock);
		}
	}
	pthread_mutex_unlock(&pool->lock);
	return NULL;
}

ioe_status pool_new(struct pool **out, const struct ioe_host *host, uint64_t n_threads)
{
	struct pool *pool = calloc(1, sizeof(*pool) + n_threads * sizeof(pool->threads[0]));
	pthread_condattr_t attr;
	char words[128];
	int err;

	if (!pool) {
		host->set_error(host->ctx, ENOMEM, "no memory for an instance");
		return -ENOMEM;
	}
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->more_to_do, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC); /* for the timeouts of pool_reap() */
	pthread_cond_init(&pool->more_done, &attr);
	pthread_condattr_destroy(&attr);
	while (pool->n_threads < n_threads) {
		err = pthread_create(&pool->threads[pool->n_threads], NULL, serve, pool);
		if (err) {
			errno = err;
			snprintf(words, sizeof(words), "start thread %llu of %llu: %m",
				 (unsigned long long)pool->n_threads + 1,
				 (unsigned long long)n_threads);
			host->set_error(host->ctx, err, words);
			pool_free(pool);
			return -err;
		}
		pool->n_threads++;
	}
	*out = pool;
	return 0;
}

void pool_free(struct pool *pool)
{
	pthread_mutex_lock(&pool->lock);
	pool->over = 1;
	pthread_cond_broadcast(&pool->more_to_do);
	pthread_mutex_unlock(&pool->lock);
	while (pool->n_threads)
		pthread_join(pool->threads[--pool->n_threads], NULL);
	pthread_cond_destroy(&pool->more_done);
	pthread_cond_destroy(&pool->more_to_do);
	pthread_mutex_destroy(&pool->lock);
	free(pool);
}

void pool_submit(struct pool *pool, struct units *units)
{
	struct ioe_io *io;

	pthread_mutex_lock(&pool->lock);
	while ((io = units_pop(units))) {
		units_push(&pool->to_do, io);
		pthread_cond_signal(&pool->more_to_do);
	}
	pthread_mutex_unlock(&pool->lock);
}

static struct timespec deadline(int64_t timeout_ns)
{
	struct timespec end;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += timeout_ns / 1000000000;
	end.tv_nsec += timeout_ns % 1000000000;
	if (end.tv_nsec >= 1000000000) {
		end.tv_sec++;
		end.tv_nsec -= 1000000000;
	}
	return end;
}

uint32_t pool_reap(struct pool *pool, uint32_t min, uint32_t max, int64_t timeout_ns,
		   struct ioe_io **out)
{
	struct timespec end = { 0, 0 };
	uint32_t n = 0;

	if (timeout_ns > 0)
		end = deadline(timeout_ns);
	pthread_mutex_lock(&pool->lock);
	for (;;) {
		while (n < max && (out[n] = units_pop(&pool->done)))
			n++;
		if (n >= min || timeout_ns == 0)
			break;
		if (pool->interrupted) {
			pool->interrupted = 0; /* taken once: the next wait is a whole one */
			break;
		}
		if (timeout_ns < 0)
			pthread_cond_wait(&pool->more_done, &pool->lock);
		else if (pthread_cond_timedwait(&pool->more_done, &pool->lock, &end) == ETIMEDOUT)
			timeout_ns = 0; /* one last look */
	}
	pthread_mutex_unlock(&pool->lock);
	return n;
}

void pool_interrupt(struct pool *pool)
{
	pthread_mutex_lock(&pool->lock);
	pool->interrupted = 1;
	pthread_cond_broadcast(&pool->more_done);
	pthread_mutex_unlock(&pool->lock);
}
