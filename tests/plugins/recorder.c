/* A synchronous engine that moves no data and writes down every request that it gets:
 * "JOB OP OFFSET LENGTH FILE" a line, into the file that the option `record` names, and behind it
 * the request's flags where it has any. With `doors=1` files that are opened and closed are written
 * down, too. Tests of the workload read it. Answers every request with success. */
#include "plugin.h"
#include <fcntl.h>
#include <unistd.h>

OPTION(opt_record, IOE_OPT_PATH, "record", NULL, "write each request down in this file");
OPTION(opt_doors, IOE_OPT_BOOL, "doors", "0", "write down which files are opened and closed");
static const struct ioe_option *const options[] = { &opt_record, &opt_doors };

struct instance {
	int fd, doors;
	char job[64];
};

static ioe_status recorder_init(const struct ioe_host *host, const struct ioe_job *job, void **inst)
{
	struct instance *self = calloc(1, sizeof(*self));

	if (!self)
		return -ENOMEM;
	if (!job->opts[0]->is_set) {
		host->set_error(host->ctx, EINVAL, "option record is missing");
		free(self);
		return -EINVAL;
	}
	self->doors = job->opts[1]->v.u != 0;
	snprintf(self->job, sizeof(self->job), "%s", job->name);
	self->fd = open(job->opts[0]->v.s, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (self->fd < 0) {
		int error = errno;

		free(self);
		return -error;
	}
	*inst = self;
	return 0;
}

static void recorder_cleanup(void *inst)
{
	struct instance *self = inst;

	close(self->fd);
	free(self);
}

static ioe_status recorder_open_file(void *inst, struct ioe_file *file)
{
	struct instance *self = inst;

	if (self->doors)
		dprintf(self->fd, "%s open 0 0 %u\n", self->job, file->index);
	return IOE_OPENED;
}

static ioe_status recorder_close_file(void *inst, struct ioe_file *file)
{
	struct instance *self = inst;

	if (self->doors)
		dprintf(self->fd, "%s close 0 0 %u\n", self->job, file->index);
	return 0;
}

static int32_t recorder_queue(void *inst, struct ioe_io *io)
{
	static const char *const names[] = { "read", "write", "trim", "fsync", "fdatasync",
					     "sync_file_range" };
	static const char *const words[] = { " hipri", " fua", " wait_before", " write",
					     " wait_after" };
	struct instance *self = inst;
	const char *name = io->op < 6 ? names[io->op] : "other";
	unsigned int file = io->file ? io->file->index : 0, flag;
	char flags[64] = "";

	for (flag = 0; flag < 5; flag++)
		if (io->flags >> flag & 1)
			strcat(flags, words[flag]);

	/* One write of one line: instances append to the same file side by side. */
	if (dprintf(self->fd, "%s %s %llu %llu %u%s\n", self->job, name,
		    (unsigned long long)io->offset, (unsigned long long)io->len, file, flags) < 0)
		io->error = EIO;
	return IOE_Q_COMPLETED;
}

static const struct ioe_ops recorder_ops = {
	.struct_size = sizeof(struct ioe_ops),
	.n_options = 2,
	.flags = IOE_F_SYNC | IOE_F_DISKLESS | IOE_F_FAKE,
	.name = "recorder",
	.help = "writes every request down",
	.options = options,
	.init = recorder_init,
	.cleanup = recorder_cleanup,
	.open_file = recorder_open_file,
	.close_file = recorder_close_file,
	.queue = recorder_queue,
};
PLUGIN_OF(recorder_ops)
