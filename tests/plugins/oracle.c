/* An engine that moves no data, takes a known time for each request and writes down, for each, how
 * long it took by its own look at CLOCK_MONOTONIC: what a report may be compared with. It waits
 * awake, so that a request lasts what it is to last wherever the machine lets it.
 *
 * With `record`, cleanup appends to that file: a line "requests N" and the times of all requests,
 * one a line, in the order in which they ended. Synchronous, or with `later=1` through getevents;
 * then a request's time runs from its commit. `spread` gives each its own time, log-uniform from
 * `takes_ns` to `takes_ns * spread`. */
#include "plugin.h"
#include <pthread.h>
#include <time.h>

OPTION(opt_takes_ns, IOE_OPT_UINT, "takes_ns", "0", "time that a request takes");
OPTION(opt_spread, IOE_OPT_UINT, "spread", "1", "up to so many times as long");
OPTION(opt_later, IOE_OPT_BOOL, "later", "0", "hand back through getevents");
OPTION(opt_record, IOE_OPT_PATH, "record", NULL, "append what was done to this file");
static const struct ioe_option *const options[] = {
	&opt_takes_ns, &opt_spread, &opt_later, &opt_record,
};

/* Instances of several workers end at the same time. */
static pthread_mutex_t writing = PTHREAD_MUTEX_INITIALIZER;

struct instance {
	const struct ioe_job *job;
	uint64_t takes_ns, spread, requests, random, *took_ns, room;
	int later;
	/* Units in a ring, in the order of their queueing. */
	struct held {
		struct ioe_io *io;
		uint64_t since_ns, takes_ns;
	} *held;
	uint32_t depth, first, committed, taken;
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static ioe_status oracle_init(const struct ioe_host *host, const struct ioe_job *job, void **inst)
{
	struct instance *self = calloc(1, sizeof(*self));

	(void)host;
	if (!self)
		return -ENOMEM;
	self->job = job;
	self->takes_ns = job->opts[0]->v.u;
	self->spread = job->opts[1]->v.u;
	self->later = job->opts[2]->v.u != 0;
	self->depth = job->iodepth;
	self->random = 42 + job->job_index;
	self->held = calloc(self->depth, sizeof(*self->held));
	if (!self->held) {
		free(self);
		return -ENOMEM;
	}
	*inst = self;
	return 0;
}

static void oracle_cleanup(void *inst)
{
	struct instance *self = inst;
	FILE *out;
	uint64_t i;

	pthread_mutex_lock(&writing);
	out = self->job->opts[3]->is_set ? fopen(self->job->opts[3]->v.s, "a") : NULL;
	if (out) {
		fprintf(out, "requests %llu\n", (unsigned long long)self->requests);
		for (i = 0; self->took_ns && i < self->requests; i++)
			fprintf(out, "%llu\n", (unsigned long long)self->took_ns[i]);
		fclose(out);
	}
	pthread_mutex_unlock(&writing);
	free(self->took_ns);
	free(self->held);
	free(self);
}

static ioe_status oracle_get_caps(void *inst, struct ioe_caps *caps)
{
	const struct instance *self = inst;

	caps->ops = (1u << IOE_OP_READ) | (1u << IOE_OP_WRITE);
	if (!self->later)
		caps->flags |= IOE_F_SYNC;
	return 0;
}

static ioe_status oracle_open_file(void *inst, struct ioe_file *file)
{
	(void)inst;
	(void)file;
	return IOE_OPENED;
}

/* How long the next request is to take. */
static uint64_t draw(struct instance *self)
{
	uint64_t takes_ns = self->takes_ns, left = self->spread;

	for (; left > 1; left /= 2) {
		self->random = self->random * UINT64_C(6364136223846793005) + 1442695040888963407u;
		if (self->random >> 63)
			takes_ns += takes_ns * ((self->random >> 33) % 1000) / 1000;
	}
	return takes_ns;
}

/* Where times are written down there is something to look at; else a request costs nothing. */
static void note(struct instance *self, uint64_t took_ns)
{
	if (self->takes_ns) {
		if (self->requests == self->room) {
			self->room = self->room ? 2 * self->room : 65536;
			self->took_ns = realloc(self->took_ns, self->room * sizeof(*self->took_ns));
			if (!self->took_ns)
				abort();
		}
		self->took_ns[self->requests] = took_ns;
	}
	self->requests++;
}

static int32_t oracle_queue(void *inst, struct ioe_io *io)
{
	struct instance *self = inst;
	uint64_t since_ns, takes_ns, ns;

	if (self->later) {
		if (self->taken - self->first == self->depth)
			return IOE_Q_BUSY;
		self->held[self->taken % self->depth] = (struct held){ io, 0, draw(self) };
		self->taken++;
		return IOE_Q_QUEUED;
	}
	if (!self->takes_ns) {
		note(self, 0);
		return IOE_Q_COMPLETED;
	}
	takes_ns = draw(self);
	since_ns = now_ns();
	do
		ns = now_ns() - since_ns;
	while (ns < takes_ns);
	note(self, ns);
	return IOE_Q_COMPLETED;
}

static ioe_status oracle_commit(void *inst)
{
	struct instance *self = inst;
	uint64_t since_ns = self->takes_ns ? now_ns() : 0;

	for (; self->committed != self->taken; self->committed++)
		self->held[self->committed % self->depth].since_ns = since_ns;
	return 0;
}

/* In the order of queueing; waits for `min` of them, or until the time limit. */
static int32_t oracle_getevents(void *inst, uint32_t min, uint32_t max, int64_t timeout_ns,
				struct ioe_io **out)
{
	struct instance *self = inst;
	uint64_t begin_ns = self->takes_ns ? now_ns() : 0;
	uint32_t n = 0;

	while (n < max && self->first != self->committed) {
		struct held *held = &self->held[self->first % self->depth];
		uint64_t ns = self->takes_ns ? now_ns() : 0;

		if (ns - held->since_ns < held->takes_ns) {
			if (n >= min || (timeout_ns >= 0 && ns - begin_ns >= (uint64_t)timeout_ns))
				break;
			continue;
		}
		note(self, ns - held->since_ns);
		out[n++] = held->io;
		self->first++;
	}
	return (int32_t)n;
}

static const struct ioe_ops oracle = {
	.struct_size = sizeof(struct ioe_ops),
	.n_options = 4,
	.flags = IOE_F_DISKLESS,
	.name = "oracle",
	.help = "takes a known time and writes down which",
	.options = options,
	.init = oracle_init,
	.cleanup = oracle_cleanup,
	.get_caps = oracle_get_caps,
	.open_file = oracle_open_file,
	.queue = oracle_queue,
	.commit = oracle_commit,
	.getevents = oracle_getevents,
};

PLUGIN_OF(oracle)
