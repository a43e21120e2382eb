/* __NAME__: an engine for iodyno that takes requests in queue() and hands them back later.
 *
 * This file is what iodyno calls: queue() takes, commit() submits what was taken, getevents() hands
 * back. pool.c works meanwhile, calls.c does the requests. What queue() costs is measured as if it
 * were the device: after init() nothing here allocates or prints. iodyno's docs/engines.md tells the
 * order of the calls, iodyno_engine.h the contract of each. */
#include "calls.h"
#include "iodyno_engine.h"
#include "pool.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* What a job file may say to this engine. The table is data: iodyno parses, checks, documents and
 * completes it without an instance. In a job file: threads=8, or __NAME__.threads=8, which holds only
 * while this engine is chosen. */
enum { OPT_THREADS, N_OPTIONS };

static const struct ioe_option option_threads = {
	.struct_size = sizeof(struct ioe_option),
	.type = IOE_OPT_UINT,
	.name = "threads",
	.def = "4",
	.help = "threads that do the requests of one job",
	.min = 1,
	.max = 64,
};
static const struct ioe_option *const options[N_OPTIONS] = { [OPT_THREADS] = &option_threads };

/* An option's value: parsed, defaulted and in range. is_set 0: there is none, whatever stands in v. */
static uint64_t value_of(const struct ioe_job *job, uint32_t option, uint64_t otherwise)
{
	const struct ioe_value *value = job->opts[option];

	return value->is_set ? value->v.u : otherwise;
}

/* One instance per worker. */
struct __prefix___instance {
	const struct ioe_host *host;
	struct pool *pool;
	uint32_t depth, held; /* held: taken, at work or done */
	struct units taken;   /* by queue(), not committed yet */
};

static ioe_status __prefix___init(const struct ioe_host *host, const struct ioe_job *job,
				  void **inst)
{
	struct __prefix___instance *self = calloc(1, sizeof(*self));
	ioe_status status;

	if (!self) {
		host->set_error(host->ctx, ENOMEM, "no memory for an instance");
		return -ENOMEM;
	}
	self->host = host;
	self->depth = job->iodepth;
	status = pool_new(&self->pool, host, value_of(job, OPT_THREADS, 4));
	if (status < 0) {
		free(self);
		return status;
	}
	*inst = self;
	return 0;
}

static void __prefix___cleanup(void *inst)
{
	struct __prefix___instance *self = inst;

	pool_free(self->pool);
	free(self);
}

/* What this instance can do; the flags stay as they are in the table below. */
static ioe_status __prefix___get_caps(void *inst, struct ioe_caps *caps)
{
	(void)inst;
	caps->ops = CALLS_OPS;
	return 0;
}

static ioe_status __prefix___open_file(void *inst, struct ioe_file *file)
{
	struct __prefix___instance *self = inst;

	return calls_accept(self->host, file);
}

static int32_t __prefix___queue(void *inst, struct ioe_io *io)
{
	struct __prefix___instance *self = inst;

	if (self->held == self->depth)
		return IOE_Q_BUSY; /* nothing was taken; the host commits, reaps, offers it again */
	units_push(&self->taken, io);
	self->held++;
	return IOE_Q_QUEUED;
}

static ioe_status __prefix___commit(void *inst)
{
	struct __prefix___instance *self = inst;

	pool_submit(self->pool, &self->taken);
	return 0;
}

static int32_t __prefix___getevents(void *inst, uint32_t min, uint32_t max, int64_t timeout_ns,
				    struct ioe_io **out)
{
	struct __prefix___instance *self = inst;
	uint32_t n = pool_reap(self->pool, min, max, timeout_ns, out);

	self->held -= n;
	return (int32_t)n;
}

/* The one callback that comes from another thread. */
static void __prefix___terminate(void *inst)
{
	struct __prefix___instance *self = inst;

	pool_interrupt(self->pool);
}

static ioe_status __prefix___errdetails(void *inst, const struct ioe_io *io, char *buf, size_t cap)
{
	(void)inst;
	return calls_describe(io, buf, cap);
}

/* The tables are const: the host copies them and never writes there. Absent callbacks are NULL. */
static const struct ioe_ops ops = {
	.struct_size = sizeof(struct ioe_ops),
	.n_options = N_OPTIONS,
	.flags = 0, /* without IOE_F_SYNC it may answer Queued */
	.name = "__NAME__",
	.help = "positioned reads and writes on threads of its own",
	.options = options,
	.io_private_size = sizeof(struct units_link),
	.init = __prefix___init,
	.cleanup = __prefix___cleanup,
	.get_caps = __prefix___get_caps,
	.open_file = __prefix___open_file,
	.queue = __prefix___queue,
	.commit = __prefix___commit,
	.getevents = __prefix___getevents,
	.terminate = __prefix___terminate,
	.errdetails = __prefix___errdetails,
};
static const struct ioe_ops *const engines[] = { &ops };
static const struct ioe_layout layout = IOE_LAYOUT_INIT;
static const struct ioe_plugin plugin = {
	.magic = IOE_MAGIC,
	.struct_size = sizeof(struct ioe_plugin),
	.abi_major = IOE_ABI_MAJOR,
	.abi_minor = IOE_ABI_MINOR,
	.n_engines = 1,
	.id = "__ID__",
	.vendor = "Example",
	.version = "0.1.0", /* stands in every report */
	.license = "MIT OR Apache-2.0", /* yours to choose */
	.url = "https://example.org/__NAME__", /* where users may ask */
	.engines = engines,
	.layout = &layout,
};

/* The one exported symbol. NULL and a text in err = refusal. */
IOE_EXPORT const struct ioe_plugin *ioe_plugin_entry_v1(const struct ioe_host *host, char *err,
							size_t errcap)
{
	if (host->abi_major != IOE_ABI_MAJOR) {
		snprintf(err, errcap, "__NAME__ speaks engine ABI %u, the host offers %u",
			 (unsigned)IOE_ABI_MAJOR, (unsigned)host->abi_major);
		return NULL;
	}
	return &plugin;
}
