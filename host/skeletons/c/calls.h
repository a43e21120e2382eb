/* How a request is done: what the engine asks of calls.c. Replace both by your own way of doing
 * I/O. */
#ifndef CALLS_H
#define CALLS_H
#include "iodyno_engine.h"

/* Bit per operation that is done here; the host refuses jobs that need another one. */
#define CALLS_OPS \
	(UINT64_C(1) << IOE_OP_READ | UINT64_C(1) << IOE_OP_WRITE | UINT64_C(1) << IOE_OP_TRIM | \
	 UINT64_C(1) << IOE_OP_FSYNC | UINT64_C(1) << IOE_OP_FDATASYNC)

/* Does one request, which the caller owns, and fills in error and resid. */
void calls_perform(struct ioe_io *io);

/* Whether a target can be served at all: IOE_OPEN_HOST, or -errno with words for it. */
ioe_status calls_accept(const struct ioe_host *host, const struct ioe_file *file);

/* Words for a request that failed. */
ioe_status calls_describe(const struct ioe_io *io, char *buf, size_t cap);

#endif
