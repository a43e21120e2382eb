/* What works while the worker goes on: some threads, and two queues between them and the engine.
 * Replace pool.c by the queues of your device or library. */
#ifndef POOL_H
#define POOL_H
#include "iodyno_engine.h"

/* A queue of units, first in, first out. Its links lie in the units: nothing is allocated. */
struct units {
	struct ioe_io *first, *last;
};

/* What the pool keeps in ioe_io.engine_data: io_private_size bytes, zeroed by the host. */
struct units_link {
	struct ioe_io *next;
};

void units_push(struct units *units, struct ioe_io *io);
struct ioe_io *units_pop(struct units *units); /* NULL = empty */

struct pool;

/* Starts the threads of one instance: 0, or -errno with words for it. */
ioe_status pool_new(struct pool **pool, const struct ioe_host *host, uint64_t n_threads);

/* Ends them; nothing is in flight any more. */
void pool_free(struct pool *pool);

/* Hands all of the units to the threads. */
void pool_submit(struct pool *pool, struct units *units);

/* Hands back what is done, as getevents() does; the answer is how many. */
uint32_t pool_reap(struct pool *pool, uint32_t min, uint32_t max, int64_t timeout_ns,
		   struct ioe_io **out);

/* From any thread: shortens one wait in pool_reap(). */
void pool_interrupt(struct pool *pool);

#endif
