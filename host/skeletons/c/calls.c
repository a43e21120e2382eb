/* How a request is done: one system call each. Called for every request, so nothing here allocates,
 * locks or prints. A transfer that ends short is no error: the host asks again for the rest. */
#include "calls.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

/* The flags of a read or write, as the kernel names them. */
static int rwf_of(const struct ioe_io *io)
{
	int rwf = 0;

	if (io->flags & IOE_IO_HIPRI)
		rwf |= RWF_HIPRI;
	if (io->flags & IOE_IO_FUA && io->op == IOE_OP_WRITE)
		rwf |= RWF_DSYNC; /* the write ends when it is on the medium */
	return rwf;
}

static int trim(const struct ioe_io *io)
{
	uint64_t range[2] = { io->offset, io->len };

	switch (io->file->kind) {
	case IOE_KIND_REGULAR:
		return fallocate(io->file->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				 (off_t)io->offset, (off_t)io->len);
	case IOE_KIND_BLOCK:
		return ioctl(io->file->fd, BLKDISCARD, range);
	default:
		errno = EOPNOTSUPP;
		return -1;
	}
}

/* Bytes done, or -1 and errno. What has no data is done as a whole, or not at all. */
static ssize_t attempt(const struct ioe_io *io)
{
	int fd = io->file->fd, failed;
	struct iovec iov = { io->buf, io->len };

	/* What the kernel cannot express is refused, never cut. */
	if (io->offset > INT64_MAX || io->len > INT64_MAX) {
		errno = EINVAL;
		return -1;
	}
	switch (io->op) {
	case IOE_OP_READ:
		return preadv2(fd, &iov, 1, (off_t)io->offset, rwf_of(io));
	case IOE_OP_WRITE:
		return pwritev2(fd, &iov, 1, (off_t)io->offset, rwf_of(io));
	case IOE_OP_TRIM:
		failed = trim(io);
		break;
	case IOE_OP_FSYNC:
		failed = fsync(fd);
		break;
	case IOE_OP_FDATASYNC:
		failed = fdatasync(fd);
		break;
	default: /* what is unknown is refused, never ignored */
		errno = EOPNOTSUPP;
		return -1;
	}
	return failed ? -1 : (ssize_t)io->len;
}

void calls_perform(struct ioe_io *io)
{
	ssize_t done;

	do
		done = attempt(io);
	while (done < 0 && errno == EINTR); /* EINTR never crosses to the host */
	io->error = done < 0 ? errno : 0;
	io->resid = done < 0 ? io->len : io->len - (uint64_t)done;
}

ioe_status calls_accept(const struct ioe_host *host, const struct ioe_file *file)
{
	const char *what;
	char words[512];

	switch (file->kind) {
	case IOE_KIND_PIPE:
		what = "a pipe or socket, which has no offsets";
		break;
	case IOE_KIND_DIR:
		what = "a directory";
		break;
	default:
		return IOE_OPEN_HOST; /* the host opens it, with the flags of the job */
	}
	snprintf(words, sizeof(words), "%s is %s; give a file or block device", file->name, what);
	host->set_error(host->ctx, EINVAL, words);
	return -EINVAL;
}

ioe_status calls_describe(const struct ioe_io *io, char *buf, size_t cap)
{
	static const char *const names[] = {
		[IOE_OP_READ] = "read",   [IOE_OP_WRITE] = "write",
		[IOE_OP_TRIM] = "trim",   [IOE_OP_FSYNC] = "fsync",
		[IOE_OP_FDATASYNC] = "fdatasync",
	};
	const char *what = "an operation that this engine does not know";

	if (io->op < sizeof(names) / sizeof(names[0]))
		what = names[io->op];
	errno = io->error; /* %m is strerror(errno), without its static buffer */
	snprintf(buf, cap, "%s of %llu bytes at offset %llu: %m", what,
		 (unsigned long long)io->len, (unsigned long long)io->offset);
	return 0;
}
