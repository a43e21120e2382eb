/* An asynchronous engine over memory that makes life hard, within the contract: it takes seven
 * units and then answers Busy, hands back out of order and in odd numbers, moves short now and then.
 * At cleanup it appends one line of its own counts to the file that the option `record` names:
 * "requests N shorts N bytes N busy N broken N"; broken counts what the host did wrong. */
#include "plugin.h"

#define SLOTS 7u

OPTION(opt_record, IOE_OPT_PATH, "record", NULL, "append the engine's own counts to this file");
OPTION(opt_capacity, IOE_OPT_SIZE, "capacity", "1m", "bytes of memory behind the target");
static const struct ioe_option *const options[] = { &opt_record, &opt_capacity };

struct instance {
	const struct ioe_job *job;
	unsigned char *memory;
	uint64_t capacity, requests, shorts, bytes, busy, broken, random;
	struct ioe_io *held[SLOTS];
	uint32_t n_held;
};

/* Of each unit: whether the next queue() must be the rest of a short transfer, and which. */
struct unit {
	uint64_t rest_offset, rest_len;
	uint32_t rest_op, rest_due, counted_short;
};

static uint32_t draw(struct instance *self, uint32_t below)
{
	self->random = self->random * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return (uint32_t)(self->random >> 33) % below;
}

static ioe_status async7_init(const struct ioe_host *host, const struct ioe_job *job, void **inst)
{
	struct instance *self = calloc(1, sizeof(*self));

	(void)host;
	if (!self)
		return -ENOMEM;
	self->job = job;
	self->capacity = job->opts[1]->v.u;
	self->memory = calloc(1, self->capacity);
	self->random = 42 + job->job_index;
	if (!self->memory) {
		free(self);
		return -ENOMEM;
	}
	*inst = self;
	return 0;
}

static void async7_cleanup(void *inst)
{
	struct instance *self = inst;
	FILE *out = self->job->opts[0]->is_set ? fopen(self->job->opts[0]->v.s, "a") : NULL;

	if (out) {
		fprintf(out, "requests %llu shorts %llu bytes %llu busy %llu broken %llu\n",
			(unsigned long long)self->requests, (unsigned long long)self->shorts,
			(unsigned long long)self->bytes, (unsigned long long)self->busy,
			(unsigned long long)self->broken + self->n_held);
		fclose(out);
	}
	free(self->memory);
	free(self);
}

static ioe_status async7_open_file(void *inst, struct ioe_file *file)
{
	(void)inst, (void)file;
	return IOE_OPENED;
}

static ioe_status async7_get_file_size(void *inst, struct ioe_file *file)
{
	struct instance *self = inst;

	file->size = self->capacity;
	return 0;
}

static int32_t async7_queue(void *inst, struct ioe_io *io)
{
	struct instance *self = inst;
	struct unit *unit = io->engine_data;

	if (io->op != IOE_OP_READ && io->op != IOE_OP_WRITE)
		return IOE_Q_COMPLETED;
	if (self->n_held == SLOTS) {
		self->busy++;
		return IOE_Q_BUSY;
	}
	if (io->offset > self->capacity || io->len > self->capacity - io->offset)
		return -EINVAL;
	if (unit->rest_due) {
		unit->rest_due = 0;
		if (io->offset != unit->rest_offset || io->len != unit->rest_len ||
		    io->op != unit->rest_op)
			self->broken++;
	} else {
		self->requests++;
		unit->counted_short = 0;
	}
	if (io->resid || io->error)
		self->broken++;
	self->held[self->n_held++] = io;
	return IOE_Q_QUEUED;
}

/* Moves the unit's data: all of it, or now and then a part. */
static void transfer(struct instance *self, struct ioe_io *io)
{
	struct unit *unit = io->engine_data;
	uint64_t done = io->len;

	if (io->len > 1 && draw(self, 5) == 0)
		done = 1 + draw(self, (uint32_t)io->len - 1);
	if (io->op == IOE_OP_READ)
		memcpy(io->buf, self->memory + io->offset, done);
	else
		memcpy(self->memory + io->offset, io->buf, done);
	self->bytes += done;
	io->resid = io->len - done;
	if (!io->resid)
		return;
	unit->rest_due = 1;
	unit->rest_op = io->op;
	unit->rest_offset = io->offset + done;
	unit->rest_len = io->resid;
	if (!unit->counted_short) {
		unit->counted_short = 1;
		self->shorts++;
	}
}

static int32_t async7_getevents(void *inst, uint32_t min, uint32_t max, int64_t timeout_ns,
				struct ioe_io **out)
{
	struct instance *self = inst;
	uint32_t n, i, most = self->n_held < max ? self->n_held : max;

	(void)timeout_ns;
	if (min > self->n_held || min > max) {
		self->broken++;
		min = most;
	}
	n = min + draw(self, most - min + 1);
	for (i = 0; i < n; i++) {
		uint32_t pick = draw(self, self->n_held);

		out[i] = self->held[pick];
		self->held[pick] = self->held[--self->n_held];
		transfer(self, out[i]);
	}
	return (int32_t)n;
}

static const struct ioe_ops async7_ops = {
	.struct_size = sizeof(struct ioe_ops),
	.n_options = 2,
	.flags = IOE_F_DISKLESS,
	.name = "async7",
	.help = "takes seven units, then is busy; out of order; short now and then",
	.options = options,
	.io_private_size = sizeof(struct unit),
	.init = async7_init,
	.cleanup = async7_cleanup,
	.open_file = async7_open_file,
	.get_file_size = async7_get_file_size,
	.queue = async7_queue,
	.getevents = async7_getevents,
};
PLUGIN_OF(async7_ops)
