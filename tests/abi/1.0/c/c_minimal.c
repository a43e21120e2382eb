/* The smallest useful engine in C: positioned reads and writes, and fsync.
 * make && iodyno run JOB --engine ./libc_minimal.so */
#include <errno.h>
#include <iodyno_engine.h>
#include <stdio.h>
#include <unistd.h>

/* One instance per worker. This engine keeps no state, so that any address will do. */
static ioe_status cm_init(const struct ioe_host *host, const struct ioe_job *job, void **inst)
{
	static char nothing;

	(void)host;
	(void)job;
	*inst = &nothing;
	return 0;
}

static void cm_cleanup(void *inst)
{
	(void)inst;
}

/* One system call for one request; the host zeroed the result fields. */
static int32_t cm_queue(void *inst, struct ioe_io *io)
{
	ssize_t done;

	(void)inst;
	do {
		switch (io->op) {
		case IOE_OP_READ:
			done = pread(io->file->fd, io->buf, io->len, (off_t)io->offset);
			break;
		case IOE_OP_WRITE:
			done = pwrite(io->file->fd, io->buf, io->len, (off_t)io->offset);
			break;
		case IOE_OP_FSYNC:
			done = fsync(io->file->fd) < 0 ? -1 : (ssize_t)io->len;
			break;
		default:
			done = -1;
			errno = EOPNOTSUPP;
		}
	} while (done < 0 && errno == EINTR);

	if (done < 0) {
		io->error = errno;
		io->resid = io->len;
	} else {
		io->resid = io->len - (uint64_t)done;
	}
	return IOE_Q_COMPLETED;
}

/* The tables are const: the host copies them and never writes there. Absent callbacks are NULL. */
static const struct ioe_ops cm_ops = {
	.struct_size = sizeof(struct ioe_ops),
	.flags = IOE_F_SYNC, /* never answers Queued, so queue is all that it takes */
	.name = "c-minimal",
	.help = "example: pread, pwrite, fsync",
	.init = cm_init,
	.cleanup = cm_cleanup,
	.queue = cm_queue,
};
static const struct ioe_ops *const cm_engines[] = { &cm_ops };
static const struct ioe_layout cm_layout = IOE_LAYOUT_INIT;
static const struct ioe_plugin cm_plugin = {
	.magic = IOE_MAGIC,
	.struct_size = sizeof(struct ioe_plugin),
	.abi_major = IOE_ABI_MAJOR,
	.abi_minor = IOE_ABI_MINOR,
	.n_engines = 1,
	.id = "org.iodyno.example.c-minimal",
	.vendor = "iodyno",
	.version = "0.1.0",
	.license = "MIT OR Apache-2.0",
	.engines = cm_engines,
	.layout = &cm_layout,
};

IOE_EXPORT const struct ioe_plugin *ioe_plugin_entry_v1(const struct ioe_host *host, char *err,
							size_t errcap)
{
	if (host->abi_major != IOE_ABI_MAJOR) {
		snprintf(err, errcap, "c-minimal speaks engine ABI %u, the host offers %u",
			 (unsigned)IOE_ABI_MAJOR, (unsigned)host->abi_major);
		return NULL;
	}
	return &cm_plugin;
}
