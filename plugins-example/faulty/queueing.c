/* Faults of queue: crashes and the like, and answers that it must not give. */
#include "faulty.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Crashes, hangs, and what spoils the whole process. Most never return; the others go on as if
 * nothing were, and are done once. */
static void misbehave(struct instance *self)
{
	const int is_first = self->offers++ == 0;

	switch (self->fault) {
	case FAULT_segv: crash(); break;
	case FAULT_sigbus: touch_missing_page(); break;
	case FAULT_abort: abort();
	case FAULT_stack_overflow: overflow_stack(); break;
	case FAULT_thread_segv: crash_in_thread(); break;
	case FAULT_exit: _exit(0);
	case FAULT_hang: hang(); break;
	case FAULT_fork_segv: fork_helper(); crash(); break;
	case FAULT_print_segv: fprintf(stderr, "my last words\n"); crash(); break;
	case FAULT_eat_memory: eat_memory(); break;
	case FAULT_babble:
		if (is_first)
			babble();
		break;
	case FAULT_scribble:
		if (is_first)
			scribble_into_sockets();
		break;
	case FAULT_close_all:
		if (is_first)
			close_all();
		break;
	case FAULT_altered_callback:
		if (is_first)
			alter_callback();
		break;
	default: break;
	}
}

/* A unit that is done at once. */
static int32_t complete(struct instance *self, struct ioe_io *io)
{
	self->engine.serve(&self->engine, io);
	return IOE_Q_COMPLETED;
}

static int32_t answer(struct instance *self, struct ioe_io *io)
{
	const uint32_t in_flight = engine_in_flight(&self->engine);

	switch (self->fault) {
	case FAULT_status: return 7;
	case FAULT_negative: return -EIO;
	case FAULT_negative_range: return -5000;
	case FAULT_busy: return IOE_Q_BUSY;
	case FAULT_busy_keeps:
		if (in_flight == 0 || self->kept)
			break;
		self->kept = io;
		return IOE_Q_BUSY;
	case FAULT_both_ways:
		if (in_flight == 0 || self->kept)
			break;
		self->kept = io;
		return complete(self, io);
	case FAULT_depth_segv:
		if (in_flight >= self->engine.depth)
			crash();
		break;
	case FAULT_depth_more:
		if (in_flight == self->engine.depth) {
			int32_t taken;

			self->engine.depth++;
			taken = engine_queue(&self->engine, io);
			self->engine.depth--;
			return taken;
		}
		break;
	case FAULT_error:
	case FAULT_no_progress:
	case FAULT_resid: return complete(self, io);
	default: break;
	}
	return engine_queue(&self->engine, io);
}

/* The fault begins with nothing in flight, so that what went well before is finished: queue is Busy
 * until then, as it may be. */
int32_t faulty_queue(void *inst, struct ioe_io *io)
{
	struct instance *self = inst;
	int32_t taken;

	if (!self->is_due && self->good == self->after && self->fault != FAULT_none) {
		if (engine_in_flight(&self->engine) > 0)
			return IOE_Q_BUSY;
		self->is_due = 1;
	}
	if (self->is_due) {
		misbehave(self);
		return answer(self, io);
	}
	taken = engine_queue(&self->engine, io);
	self->good += taken == IOE_Q_QUEUED;
	return taken;
}
