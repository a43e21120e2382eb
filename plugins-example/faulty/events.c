/* Faults of commit, getevents, cancel, terminate and errdetails. */
#include "faulty.h"
#include <errno.h>
#include <string.h>

/* Everything that was taken goes where nothing ever comes back from. */
static ioe_status lose(struct engine *engine)
{
	struct ioe_io *io;

	while ((io = line_pop(&engine->taken)))
		engine_put_off(engine, io, UINT64_MAX);
	return 0;
}

/* All but the newest unit are committed. */
static ioe_status commit_but_one(struct instance *self)
{
	struct line *taken = &self->engine.taken;
	struct ioe_io *newest = taken->n > 1 ? taken->last : NULL;
	ioe_status status;

	if (newest)
		engine_cancel(&self->engine, newest);
	status = engine_commit(&self->engine);
	/* engine_queue cannot answer Busy: there was room for it a moment ago. */
	if (newest)
		engine_queue(&self->engine, newest);
	return status;
}

ioe_status faulty_commit(void *inst)
{
	struct instance *self = inst;
	const int has_units = self->engine.taken.n > 0;

	if (!has_units && does(self, FAULT_commit_empty))
		return -EINVAL;

	if (self->is_due && has_units) {
		switch (self->fault) {
		case FAULT_commit_segv: crash(); break;
		case FAULT_commit_hang: hang(); break;
		case FAULT_commit_fails: engine_commit(&self->engine); return -EIO;
		case FAULT_commit_keeps: return commit_but_one(self);
		case FAULT_lost: return lose(&self->engine);
		default: break;
		}
	}
	return engine_commit(&self->engine);
}

/* Answers in place of the correct engine's: 1 where there is one. */
static int answer_otherwise(struct instance *self, uint32_t max, int64_t timeout_ns,
			    struct ioe_io **out, int32_t *answer)
{
	static struct ioe_io invented = { .struct_size = sizeof(invented) };

	switch (self->fault) {
	case FAULT_getevents_segv: crash(); return 0;
	case FAULT_getevents_hang: hang(); return 0;
	case FAULT_getevents_negative: *answer = -EIO; return 1;
	case FAULT_getevents_eintr: *answer = -EINTR; return 1;
	case FAULT_count_range: *answer = -5000; return 1;
	case FAULT_nothing_negative:
		*answer = -EAGAIN;
		return engine_in_flight(&self->engine) == 0;
	case FAULT_count_fewer: *answer = 0; return timeout_ns < 0 && self->calls++ % 2 == 0;
	case FAULT_invented:
		out[0] = &invented;
		*answer = 1;
		return max > 0;
	case FAULT_busy_keeps:
	case FAULT_both_ways:
		if (!self->kept || max == 0)
			return 0;
		out[0] = self->kept;
		self->kept = NULL;
		*answer = 1;
		return 1;
	default: return 0;
	}
}

/* What is done about time, before the correct engine is asked: the time limit that it gets. */
static int64_t spoil_time(struct instance *self, int64_t timeout_ns)
{
	switch (self->fault) {
	case FAULT_timeout_ignored:
		if (timeout_ns == 0 && self->calls++ < 3)
			sleep_ms(1000);
		return timeout_ns;
	case FAULT_timeout_short: return timeout_ns > 0 ? 0 : timeout_ns;
	case FAULT_terminate_ignored:
		if ((timeout_ns < 0 || timeout_ns > 1000000000) && self->calls++ == 0)
			sleep_ms(5000);
		return timeout_ns;
	default: return timeout_ns;
	}
}

/* What is done to units on their way back. */
static void spoil_events(struct instance *self, uint32_t n, struct ioe_io **out)
{
	uint32_t i;

	if (self->fault == FAULT_twice && n > 1)
		out[1] = out[0];
	if (self->fault == FAULT_late_resid && n > 0)
		out[0]->resid = out[0]->len + 1;
	if (self->fault == FAULT_late_error)
		for (i = 0; i < n; i++)
			fail_in_turn(self, out[i]);
}

int32_t faulty_getevents(void *inst, uint32_t min, uint32_t max, int64_t timeout_ns,
			 struct ioe_io **out)
{
	struct instance *self = inst;
	int32_t n;

	if (!self->is_due)
		return engine_getevents(&self->engine, min, max, timeout_ns, out);
	if (self->fault == FAULT_terminate_deafens &&
	    __atomic_load_n(&self->is_deaf, __ATOMIC_SEQ_CST))
		hang();
	if (answer_otherwise(self, max, timeout_ns, out, &n))
		return n;
	timeout_ns = spoil_time(self, timeout_ns);
	n = engine_getevents(&self->engine, min, max, timeout_ns, out);
	if (n > 0)
		spoil_events(self, (uint32_t)n, out);
	return self->fault == FAULT_count_more ? (int32_t)max + 1 : n;
}

int32_t faulty_cancel(void *inst, struct ioe_io *io)
{
	struct instance *self = inst;

	if (does(self, FAULT_cancel_nonsense))
		return 7;
	if (does(self, FAULT_cancel_lies))
		return IOE_CANCELED;
	return engine_cancel(&self->engine, io);
}

void faulty_terminate(void *inst)
{
	struct instance *self = inst;

	switch (self->fault) {
	case FAULT_terminate_segv: crash(); break;
	case FAULT_terminate_hang: hang(); break;
	case FAULT_terminate_deafens: __atomic_store_n(&self->is_deaf, 1, __ATOMIC_SEQ_CST); break;
	default: engine_terminate(&self->engine);
	}
}

ioe_status faulty_errdetails(void *inst, const struct ioe_io *io, char *buf, size_t cap)
{
	struct instance *self = inst;

	if (self->fault == FAULT_errdetails_overflow) {
		memset(buf, 'x', cap + 1);
		return 0;
	}
	if (self->fault == FAULT_errdetails_endless) {
		memset(buf, 'x', cap);
		return 0;
	}
	if (self->fault == FAULT_errdetails_empty) {
		if (cap > 0)
			buf[0] = 0;
		return 0;
	}
	return engine_errdetails(&self->engine, io, buf, cap);
}
