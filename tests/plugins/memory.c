/* An engine that writes down where its buffers lie: the address of each into the file that the
 * option `record` names; when it starts, the process's maps into RECORD.smaps and what the kernel
 * says of its memory into RECORD.status. Answers every request with success. */
#include "plugin.h"
#include <fcntl.h>
#include <unistd.h>

OPTION(opt_record, IOE_OPT_PATH, "record", NULL, "write the buffers down in this file");
static const struct ioe_option *const options[] = { &opt_record };

struct instance {
	int fd;
	char path[4096];
};

static int copy(const char *from, const char *record, const char *ending)
{
	char path[4200], bytes[65536];
	ssize_t n = -1;
	int in, out;

	snprintf(path, sizeof(path), "%s.%s", record, ending);
	in = open(from, O_RDONLY | O_CLOEXEC);
	out = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	while (in >= 0 && out >= 0 && (n = read(in, bytes, sizeof(bytes))) > 0) {
		if (write(out, bytes, (size_t)n) != n) {
			n = -1;
			break;
		}
	}
	if (in >= 0)
		close(in);
	if (out >= 0)
		close(out);
	return n < 0 ? -EIO : 0;
}

static ioe_status memory_init(const struct ioe_host *host, const struct ioe_job *job, void **inst)
{
	struct instance *self = calloc(1, sizeof(*self));

	if (!self)
		return -ENOMEM;
	if (!job->opts[0]->is_set) {
		host->set_error(host->ctx, EINVAL, "option record is missing");
		free(self);
		return -EINVAL;
	}
	snprintf(self->path, sizeof(self->path), "%s", job->opts[0]->v.s);
	self->fd = open(self->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (self->fd < 0) {
		int error = errno;

		free(self);
		return -error;
	}
	*inst = self;
	return 0;
}

static void memory_cleanup(void *inst)
{
	struct instance *self = inst;

	close(self->fd);
	free(self);
}

static ioe_status memory_open_file(void *inst, struct ioe_file *file)
{
	(void)inst, (void)file;
	return IOE_OPENED;
}

static ioe_status memory_io_init(void *inst, struct ioe_io *io)
{
	struct instance *self = inst;

	return dprintf(self->fd, "%llu\n", (unsigned long long)(uintptr_t)io->buf) < 0 ? -EIO : 0;
}

static ioe_status memory_start(void *inst)
{
	struct instance *self = inst;
	int status = copy("/proc/self/smaps", self->path, "smaps");

	return status ? status : copy("/proc/self/status", self->path, "status");
}

static int32_t memory_queue(void *inst, struct ioe_io *io)
{
	(void)inst, (void)io;
	return IOE_Q_COMPLETED;
}

static int32_t memory_getevents(void *inst, uint32_t min, uint32_t max, int64_t timeout_ns,
				struct ioe_io **out)
{
	(void)inst, (void)min, (void)max, (void)timeout_ns, (void)out;
	return 0;
}

static const struct ioe_ops memory_ops = {
	.struct_size = sizeof(struct ioe_ops),
	.n_options = 1,
	.flags = IOE_F_DISKLESS,
	.name = "memory",
	.help = "writes down where its buffers lie",
	.options = options,
	.init = memory_init,
	.cleanup = memory_cleanup,
	.open_file = memory_open_file,
	.io_init = memory_io_init,
	.start = memory_start,
	.queue = memory_queue,
	.getevents = memory_getevents,
};
PLUGIN_OF(memory_ops)
