/* Faults in what becomes of a unit: what is moved, what is told of it, and what of it is changed. */
#include "faulty.h"
#include <errno.h>
#include <time.h>
#include <unistd.h>

/* Every so many requests one, the first among them. */
void fail_in_turn(struct instance *self, struct ioe_io *io)
{
	if (self->turn++ % self->every == 0) {
		io->error = self->error;
		io->resid = io->len;
	}
}

/* As if it were a system call that waits, and is not made again. */
static void end_by_signal(struct ioe_io *io)
{
	const struct timespec nap = { 0, 100000 };

	if (nanosleep(&nap, NULL) < 0) {
		io->error = EINTR;
		io->resid = io->len;
	}
}

/* What is done instead of what was asked for; 1 where that was all. */
static int serve_otherwise(struct instance *self, struct ioe_io *io)
{
	const uint64_t len = io->len;

	switch (self->fault) {
	case FAULT_error: fail_in_turn(self, io); return io->error != 0;
	case FAULT_error_eintr: end_by_signal(io); return io->error != 0;
	case FAULT_unknown_succeeds: return io->op > IOE_OP_WRITE_ZEROES;
	case FAULT_depth_fails:
		if (engine_in_flight(&self->engine) <= 128)
			return 0;
		io->error = EIO;
		io->resid = len;
		return 1;
	case FAULT_no_progress: io->resid = len; return 1;
	case FAULT_resid: io->resid = len + 1; return 1;
	case FAULT_write_dropped: return io->op == IOE_OP_WRITE;
	case FAULT_fsync_nothing: return io->op == IOE_OP_FSYNC || io->op == IOE_OP_FDATASYNC;
	case FAULT_trim_nothing: return io->op == IOE_OP_TRIM;
	case FAULT_zeroes_nothing: return io->op == IOE_OP_WRITE_ZEROES;
	case FAULT_short_as_full:
		if (io->op > IOE_OP_WRITE)
			return 0;
		io->len = len / 2;
		engine_transfer(&self->engine, io);
		io->len = len;
		io->resid = 0;
		return 1;
	default: return 0;
	}
}

static void touch(void *at)
{
	*(volatile unsigned char *)at ^= 0xff;
}

/* The same for what may be no memory at all: then nothing is written, where a crash would be told.
 * The kernel, asked to copy from there and to there, says so instead of crashing. */
static void touch_if_there(unsigned char *at)
{
	unsigned char byte;
	int ends[2];

	if (pipe(ends) < 0)
		return;
	if (write(ends[1], at, 1) == 1 && read(ends[0], &byte, 1) == 1) {
		byte ^= 0xff;
		if (write(ends[1], &byte, 1) == 1)
			(void)!read(ends[0], at, 1);
	}
	close(ends[0]);
	close(ends[1]);
}

/* What is done to a unit, or around its buffer, after it was served. */
static void spoil(struct instance *self, struct ioe_io *io)
{
	const int is_read = io->op == IOE_OP_READ, is_write = io->op == IOE_OP_WRITE;
	unsigned char *buf = io->buf;

	switch (self->fault) {
	case FAULT_error_negative: io->error = -self->error; break;
	case FAULT_error_range: io->error = 5000; break;
	case FAULT_changes_offset: io->offset += 512; break;
	case FAULT_changes_len: io->len -= io->len ? 1 : 0; break;
	case FAULT_changes_buf: io->buf = buf + 1; break;
	case FAULT_changes_op: io->op ^= 1; break;
	case FAULT_changes_flags: io->flags ^= IOE_IO_HIPRI; break;
	case FAULT_changes_file: io->file = NULL; break;
	case FAULT_changes_cookie: io->host_cookie ^= 1; break;
	case FAULT_overrun:
		if (is_read)
			touch_if_there(buf + io->len);
		break;
	case FAULT_underrun:
		if (is_read)
			touch_if_there(buf - 1);
		break;
	case FAULT_private_overrun: touch((char *)io->engine_data + sizeof(struct slip)); break;
	case FAULT_source_changed:
		if (is_write)
			touch(buf);
		break;
	case FAULT_read_wrong:
		if (is_read && io->error == 0 && io->resid < io->len)
			touch(buf + (io->len - io->resid) / 2);
		break;
	case FAULT_eof_as_full:
		if (is_read && io->error == 0)
			io->resid = 0;
		break;
	default: break;
	}
}

void serve_faultily(struct engine *engine, struct ioe_io *io)
{
	/* The engine is the first member of its instance. */
	struct instance *self = (struct instance *)engine;

	if (self->is_due && serve_otherwise(self, io))
		return;
	engine_transfer(engine, io);
	if (self->is_due)
		spoil(self, io);
}
