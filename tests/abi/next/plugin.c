/* An engine of the next minor, which exists for the tests alone: positioned reads and writes, and each
 * thing that this minor appended used where the other side has it. In a host of today it finds none.
 * Definitions bend it: NEED_MINOR, FLAGS, CAPS_FLAGS, OPTION_TYPE, sizes (PLUGIN_SIZE ...), LAYOUT_EDIT. */
#include <errno.h>
#include <iodyno_engine.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#ifndef NEED_MINOR
#define NEED_MINOR 0
#endif
#ifndef FLAGS
#define FLAGS 0
#endif
#ifndef CAPS_FLAGS
#define CAPS_FLAGS 0
#endif
#ifndef OPTION_TYPE
#define OPTION_TYPE IOE_OPT_ENUM
#endif
#ifndef PLUGIN_SIZE
#define PLUGIN_SIZE sizeof(struct ioe_plugin)
#endif
#ifndef OPS_SIZE
#define OPS_SIZE sizeof(struct ioe_ops)
#endif
#ifndef OPTION_SIZE
#define OPTION_SIZE sizeof(struct ioe_option)
#endif
#ifndef CHOICE_SIZE
#define CHOICE_SIZE sizeof(struct ioe_choice)
#endif
#ifndef LAYOUT_SIZE
#define LAYOUT_SIZE sizeof(struct ioe_layout)
#endif

/* Whether the writer of a table knows a field: the only way to look at one that 1.0 lacks.
 * The struct_size of the writer decides, never its minor. */
#define HAS(table, field) \
	((table)->struct_size >= offsetof(__typeof__(*(table)), field) + sizeof((table)->field))

struct instance {
	int grown; /* the host is of this minor */
};

static ioe_status fail(const struct ioe_host *host, const char *words)
{
	host->set_error(host->ctx, EPROTO, words);
	return -EPROTO;
}

static ioe_status grown_init(const struct ioe_host *host, const struct ioe_job *job, void **inst)
{
	struct instance *self;
	int grown = host->abi_minor >= IOE_ABI_MINOR;

	if (HAS(host, new_host) != grown || HAS(job, new_job) != grown)
		return fail(host, "the host's tables are not those of its minor");
	if (job->n_opts != 1 || HAS(job->opts[0], new_value) != grown)
		return fail(host, "the option's value is not of the host's minor");
	if (job->opts[0]->is_set && job->opts[0]->v.u != 7)
		return fail(host, "the option's value is not what was asked for");
	if (grown && host->new_host(host->ctx) != 11)
		return fail(host, "the host's new callback does not answer 11");
	self = calloc(1, sizeof(*self));
	if (!self)
		return -ENOMEM;
	self->grown = grown;
	*inst = self;
	return 0;
}

static void grown_cleanup(void *inst)
{
	free(inst);
}

static ioe_status grown_caps(void *inst, struct ioe_caps *caps)
{
	struct instance *self = inst;

	if (HAS(caps, new_caps) != self->grown)
		return -EPROTO;
	caps->flags |= CAPS_FLAGS;
	if (self->grown)
		caps->new_caps = 1;
	return 0;
}

static int32_t grown_queue(void *inst, struct ioe_io *io)
{
	struct instance *self = inst;
	ssize_t done = -1;

	errno = EOPNOTSUPP;
	if (HAS(io, new_io) != self->grown || HAS(io->file, new_file) != self->grown)
		errno = EPROTO;
	else if (io->op == IOE_OP_READ)
		done = pread(io->file->fd, io->buf, io->len, (off_t)io->offset);
	else if (io->op == IOE_OP_WRITE)
		done = pwrite(io->file->fd, io->buf, io->len, (off_t)io->offset);
	else if (io->op == IOE_OP_FSYNC)
		done = fsync(io->file->fd) < 0 ? -1 : (ssize_t)io->len;
	io->error = done < 0 ? errno : 0;
	io->resid = done < 0 ? io->len : io->len - (uint64_t)done;
	return IOE_Q_COMPLETED;
}

/* A host of an earlier minor has no field to read this from. */
static ioe_status grown_new(void *inst)
{
	struct instance *self = inst;

	return self->grown ? 0 : -EPROTO;
}

static const struct ioe_choice choice_fast = {
	.struct_size = CHOICE_SIZE, .name = "fast", .value = 7, .help = "the only one",
};
static const struct ioe_choice *const choices[] = { &choice_fast };
static const struct ioe_option option_speed = {
	.struct_size = OPTION_SIZE, .type = OPTION_TYPE, .n_choices = 1, .name = "speed",
	.help = "how fast", .choices = choices, .new_option = 1,
};
static const struct ioe_option *const options[] = { &option_speed };
static const struct ioe_ops ops = {
	.struct_size = OPS_SIZE, .n_options = 1, .options = options,
	.flags = IOE_F_SYNC | (FLAGS), .name = "grown", .help = "of the next minor",
	.init = grown_init, .cleanup = grown_cleanup, .get_caps = grown_caps,
	.queue = grown_queue, .new_ops = grown_new,
};
static const struct ioe_ops *const engines[] = { &ops };
static struct ioe_layout layout = IOE_LAYOUT_INIT;
static const struct ioe_plugin plugin = {
	.magic = IOE_MAGIC, .struct_size = PLUGIN_SIZE,
	.abi_major = IOE_ABI_MAJOR, .abi_minor = IOE_ABI_MINOR, .need_minor = NEED_MINOR,
	.n_engines = 1, .id = "org.iodyno.test.grown", .vendor = "iodyno tests", .version = "1",
	.engines = engines, .layout = &layout,
};

IOE_EXPORT const struct ioe_plugin *ioe_plugin_entry_v1(const struct ioe_host *host, char *err,
							size_t errcap)
{
	(void)host, (void)err, (void)errcap;
	layout.struct_size = LAYOUT_SIZE;
#ifdef LAYOUT_EDIT
	layout.LAYOUT_EDIT;
#endif
	return &plugin;
}
