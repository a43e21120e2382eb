/* An asynchronous engine that moves no data: one server, so that a request waits for those before
 * it. Each takes `service` of its time; once, before the request with the number `after`, the
 * server stands still for `stall`. Keeps to the contract. */
#include "plugin.h"
#include <time.h>

OPTION(opt_service, IOE_OPT_TIME_NS, "service", "20us", "time of the server for each request");
OPTION(opt_stall, IOE_OPT_TIME_NS, "stall", "0", "the server stands still once for this time");
OPTION(opt_after, IOE_OPT_UINT, "after", "1000", "number of the request before which it does so");
static const struct ioe_option *const options[] = { &opt_service, &opt_stall, &opt_after };

#define DEPTH_MAX 1024u

/* Requests end in the order in which they came: a ring. */
struct instance {
	uint64_t service_ns, stall_ns, after, requests, free_at_ns;
	struct { struct ioe_io *io; uint64_t done_ns; } ring[DEPTH_MAX];
	uint32_t first, held;
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void sleep_until(uint64_t at_ns)
{
	struct timespec at = { .tv_sec = (time_t)(at_ns / 1000000000u),
			       .tv_nsec = (long)(at_ns % 1000000000u) };

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
}

static ioe_status server_init(const struct ioe_host *host, const struct ioe_job *job, void **inst)
{
	struct instance *self = calloc(1, sizeof(*self));

	(void)host;
	if (!self)
		return -ENOMEM;
	self->service_ns = job->opts[0]->v.u;
	self->stall_ns = job->opts[1]->v.u;
	self->after = job->opts[2]->v.u;
	*inst = self;
	return 0;
}

static void server_cleanup(void *inst)
{
	free(inst);
}

static ioe_status server_open_file(void *inst, struct ioe_file *file)
{
	(void)inst, (void)file;
	return IOE_OPENED;
}

static int32_t server_queue(void *inst, struct ioe_io *io)
{
	struct instance *self = inst;
	uint64_t begin_ns = now_ns();

	if (self->held == DEPTH_MAX)
		return IOE_Q_BUSY;
	if (begin_ns < self->free_at_ns)
		begin_ns = self->free_at_ns;
	if (++self->requests == self->after)
		begin_ns += self->stall_ns;
	self->free_at_ns = begin_ns + self->service_ns;
	uint32_t last = (self->first + self->held++) % DEPTH_MAX;
	self->ring[last].io = io;
	self->ring[last].done_ns = self->free_at_ns;
	return IOE_Q_QUEUED;
}

static int32_t server_getevents(void *inst, uint32_t min, uint32_t max, int64_t timeout_ns,
				struct ioe_io **out)
{
	struct instance *self = inst;
	uint64_t until_ns = timeout_ns < 0 ? UINT64_MAX : now_ns() + (uint64_t)timeout_ns;
	uint32_t n = 0;

	if (min > self->held)
		min = self->held;
	while (n < max && self->held) {
		uint64_t done_ns = self->ring[self->first].done_ns;

		if (done_ns > now_ns()) {
			if (n >= min)
				break;
			sleep_until(done_ns < until_ns ? done_ns : until_ns);
			if (done_ns > until_ns && now_ns() >= until_ns)
				break;
			continue;
		}
		out[n++] = self->ring[self->first].io;
		self->first = (self->first + 1) % DEPTH_MAX;
		self->held--;
	}
	return (int32_t)n;
}

static const struct ioe_ops server_ops = {
	.struct_size = sizeof(struct ioe_ops),
	.n_options = 3,
	.flags = IOE_F_DISKLESS | IOE_F_FAKE,
	.name = "server",
	.help = "one server, and those who wait for it",
	.options = options,
	.init = server_init,
	.cleanup = server_cleanup,
	.open_file = server_open_file,
	.queue = server_queue,
	.getevents = server_getevents,
};
PLUGIN_OF(server_ops)
