/* __NAME__: an engine for iodyno that answers each request in queue() itself.
 *
 * This file is what iodyno calls; calls.c does the requests. What queue() costs is measured as if it
 * were the device: after init() nothing here allocates, locks or prints. iodyno's docs/engines.md
 * tells the order of the calls, iodyno_engine.h the contract of each. */
#include "calls.h"
#include "iodyno_engine.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* What a job file may say to this engine. The table is data: iodyno parses, checks, documents and
 * completes it without an instance. In a job file: delay=50us, or __NAME__.delay=50us, which holds
 * only while this engine is chosen. */
enum { OPT_DELAY, N_OPTIONS };

static const struct ioe_option option_delay = {
	.struct_size = sizeof(struct ioe_option),
	.type = IOE_OPT_TIME_NS,
	.name = "delay",
	.def = "0",
	.help = "wait this long before each request, as a slow device would",
	.min = 0,
	.max = 10000000, /* ns */
};
static const struct ioe_option *const options[N_OPTIONS] = { [OPT_DELAY] = &option_delay };

/* An option's value: parsed, defaulted and in range. is_set 0: there is none, whatever stands in v. */
static uint64_t value_of(const struct ioe_job *job, uint32_t option, uint64_t otherwise)
{
	const struct ioe_value *value = job->opts[option];

	return value->is_set ? value->v.u : otherwise;
}

/* One instance per worker. Descriptor, buffer and range come with each request: little to keep. */
struct __prefix___instance {
	const struct ioe_host *host;
	struct timespec delay;
};

static ioe_status __prefix___init(const struct ioe_host *host, const struct ioe_job *job,
				  void **inst)
{
	struct __prefix___instance *self = calloc(1, sizeof(*self));
	uint64_t delay_ns = value_of(job, OPT_DELAY, 0);

	if (!self) {
		host->set_error(host->ctx, ENOMEM, "no memory for an instance");
		return -ENOMEM;
	}
	self->host = host;
	self->delay.tv_sec = (time_t)(delay_ns / 1000000000u);
	self->delay.tv_nsec = (long)(delay_ns % 1000000000u);
	*inst = self;
	return 0;
}

static void __prefix___cleanup(void *inst)
{
	free(inst);
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
	struct timespec left = self->delay;

	if (left.tv_sec || left.tv_nsec)
		while (nanosleep(&left, &left) && errno == EINTR)
			;
	calls_perform(io);
	return IOE_Q_COMPLETED;
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
	.flags = IOE_F_SYNC, /* never answers Queued */
	.name = "__NAME__",
	.help = "positioned reads and writes, one system call each",
	.options = options,
	.init = __prefix___init,
	.cleanup = __prefix___cleanup,
	.get_caps = __prefix___get_caps,
	.open_file = __prefix___open_file,
	.queue = __prefix___queue,
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
