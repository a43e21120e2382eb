/* The correct engine's files: opening them, and what each operation does to them. */
#include "engine.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

/* The descriptor is the engine's own, so it lies in the file's engine_data; null means none. */
static int fd_of(const struct ioe_file *file)
{
	return (int)(intptr_t)file->engine_data - 1;
}

static int open_flags(uint32_t wish)
{
	int flags = O_CLOEXEC;

	if (wish & IOE_OPEN_WRITE)
		flags |= wish & IOE_OPEN_READ ? O_RDWR : O_WRONLY;
	if (wish & IOE_OPEN_CREATE)
		flags |= O_CREAT;
	if (wish & IOE_OPEN_TRUNC)
		flags |= O_TRUNC;
	if (wish & IOE_OPEN_DIRECT)
		flags |= O_DIRECT;
	if (wish & IOE_OPEN_SYNC)
		flags |= O_SYNC;
	if (wish & IOE_OPEN_DSYNC)
		flags |= O_DSYNC;
	return flags;
}

ioe_status engine_open_file(struct engine *self, struct ioe_file *file)
{
	char words[600], reason[128];
	int fd, error;

	if (!self->moves_data)
		return IOE_OPENED;
	fd = open(file->name, open_flags(file->open_flags), 0644);
	if (fd < 0) {
		error = errno;
		snprintf(words, sizeof(words), "open %s: %s", file->name,
			 strerror_r(error, reason, sizeof(reason)));
		self->host->set_error(self->host->ctx, error, words);
		return -error;
	}
	file->engine_data = (void *)(intptr_t)(fd + 1);
	return IOE_OPENED;
}

ioe_status engine_close_file(struct engine *self, struct ioe_file *file)
{
	int fd = fd_of(file);

	file->engine_data = NULL;
	return self->moves_data && fd >= 0 && close(fd) < 0 ? -errno : 0;
}

static ssize_t write_at(const struct engine *self, const struct ioe_io *io, size_t len)
{
	const struct iovec piece = { io->buf, len };
	int flags = self->durable || io->flags & IOE_IO_FUA ? RWF_DSYNC : 0;

	return pwritev2(fd_of(io->file), &piece, 1, (off_t)io->offset, flags);
}

/* Operations on a range of a file or a block device: 0 or -1 with errno. */
static int change_range(const struct ioe_io *io, int mode, unsigned long request)
{
	uint64_t range[2] = { io->offset, io->len };

	if (io->file->kind == IOE_KIND_REGULAR)
		return fallocate(fd_of(io->file), mode | FALLOC_FL_KEEP_SIZE, (off_t)io->offset,
				 (off_t)io->len);
	if (io->file->kind == IOE_KIND_BLOCK)
		return ioctl(fd_of(io->file), request, range);
	errno = EOPNOTSUPP;
	return -1;
}

/* Not every file system can zero a range without extending the file first. */
static int write_zeroes(const struct ioe_io *io)
{
	if (io->file->kind == IOE_KIND_REGULAR)
		return fallocate(fd_of(io->file), FALLOC_FL_ZERO_RANGE, (off_t)io->offset,
				 (off_t)io->len);
	return change_range(io, 0, BLKZEROOUT);
}

static unsigned sync_flags(uint64_t asked)
{
	const uint64_t all = IOE_IO_SYNC_WAIT_BEFORE | IOE_IO_SYNC_WRITE | IOE_IO_SYNC_WAIT_AFTER;
	unsigned flags = 0;

	if (!(asked & all))
		asked = all;
	if (asked & IOE_IO_SYNC_WAIT_BEFORE)
		flags |= SYNC_FILE_RANGE_WAIT_BEFORE;
	if (asked & IOE_IO_SYNC_WRITE)
		flags |= SYNC_FILE_RANGE_WRITE;
	if (asked & IOE_IO_SYNC_WAIT_AFTER)
		flags |= SYNC_FILE_RANGE_WAIT_AFTER;
	return flags;
}

static int is_supported(const struct engine *self, uint32_t op)
{
	switch (op) {
	case IOE_OP_TRIM: return (self->supports & SUPPORTS_TRIM) != 0;
	case IOE_OP_WRITE_ZEROES: return (self->supports & SUPPORTS_WRITE_ZEROES) != 0;
	case IOE_OP_SYNC_RANGE: return (self->supports & SUPPORTS_SYNC_RANGE) != 0;
	default: return op <= IOE_OP_WRITE_ZEROES;
	}
}

/* Bytes that were moved, or -1 with errno; what has no data is done as a whole. */
static ssize_t perform(const struct engine *self, const struct ioe_io *io)
{
	const size_t len = io->len < self->slice ? io->len : self->slice;
	const int fd = fd_of(io->file);
	int status;

	switch (io->op) {
	case IOE_OP_READ: return pread(fd, io->buf, len, (off_t)io->offset);
	case IOE_OP_WRITE: return write_at(self, io, len);
	case IOE_OP_TRIM: status = change_range(io, FALLOC_FL_PUNCH_HOLE, BLKDISCARD); break;
	case IOE_OP_FSYNC: status = fsync(fd); break;
	case IOE_OP_FDATASYNC: status = fdatasync(fd); break;
	case IOE_OP_SYNC_RANGE:
		status = sync_file_range(fd, (off_t)io->offset, (off_t)io->len,
					 sync_flags(io->flags));
		break;
	default: status = write_zeroes(io);
	}
	return status < 0 ? -1 : (ssize_t)io->len;
}

void engine_transfer(struct engine *self, struct ioe_io *io)
{
	ssize_t done = -1;

	errno = EOPNOTSUPP;
	if (is_supported(self, io->op)) {
		do {
			done = self->moves_data ? perform(self, io) : (ssize_t)io->len;
		} while (done < 0 && errno == EINTR);
	}
	if (done < 0) {
		io->error = errno;
		io->resid = io->len;
	} else {
		io->resid = io->len - (uint64_t)done;
	}
}
