/* The correct engine's way of a unit: queue takes it, commit does it, getevents hands it back once
 * its latency is over. What a unit does to a file stands in transfer.c. */
#include "engine.h"
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

static struct slip *slip_of(struct ioe_io *io)
{
	return io->engine_data;
}

static void line_push(struct line *line, struct ioe_io *io)
{
	slip_of(io)->next = NULL;
	if (line->last)
		slip_of(line->last)->next = io;
	else
		line->first = io;
	line->last = io;
	line->n++;
}

struct ioe_io *line_pop(struct line *line)
{
	struct ioe_io *io = line->first;

	if (!io)
		return NULL;
	line->first = slip_of(io)->next;
	if (!line->first)
		line->last = NULL;
	line->n--;
	return io;
}

static int line_has(const struct line *line, const struct ioe_io *wanted)
{
	struct ioe_io *io;

	for (io = line->first; io && io != wanted; io = slip_of(io)->next)
		;
	return io != NULL;
}

static void line_remove(struct line *line, struct ioe_io *unwanted)
{
	struct line rest = { 0 };
	struct ioe_io *io;

	while ((io = line_pop(line)))
		if (io != unwanted)
			line_push(&rest, io);
	*line = rest;
}

static void copy_text(char *to, size_t cap, const struct ioe_value *value)
{
	snprintf(to, cap, "%s", value->is_set && value->v.s ? value->v.s : "");
}

ioe_status engine_init(struct engine *self, const struct ioe_host *host, const struct ioe_job *job,
		       int moves_data)
{
	self->host = host;
	self->serve = engine_transfer;
	self->moves_data = moves_data;
	self->depth = job->iodepth ? job->iodepth : 1;
	self->latency_ns = job->opts[OPT_LATENCY]->v.u;
	self->spread = job->opts[OPT_SPREAD]->v.f;
	/* A host may leave an option without a value, which says nothing about zero. */
	self->slice = job->opts[OPT_SLICE]->is_set ? job->opts[OPT_SLICE]->v.u : UINT64_C(1) << 30;
	self->durable = job->opts[OPT_DURABLE]->v.u != 0;
	self->supports = job->opts[OPT_SUPPORTS]->v.u;
	copy_text(self->label, sizeof(self->label), job->opts[OPT_LABEL]);
	copy_text(self->journal, sizeof(self->journal), job->opts[OPT_JOURNAL]);
	self->dice = job->job_index + 1;
	self->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (self->wake_fd < 0) {
		int error = errno;

		host->set_error(host->ctx, error, "cannot make the eventfd that terminate uses");
		return -error;
	}
	return 0;
}

void engine_cleanup(struct engine *self)
{
	FILE *journal = self->journal[0] ? fopen(self->journal, "ae") : NULL;

	if (journal) {
		fprintf(journal, "%llu requests\n", (unsigned long long)self->served);
		fclose(journal);
	}
	close(self->wake_fd);
}

ioe_status engine_get_caps(struct engine *self, struct ioe_caps *caps)
{
	caps->ops = 1u << IOE_OP_READ | 1u << IOE_OP_WRITE | 1u << IOE_OP_FSYNC |
		    1u << IOE_OP_FDATASYNC;
	if (self->supports & SUPPORTS_TRIM)
		caps->ops |= 1u << IOE_OP_TRIM;
	if (self->supports & SUPPORTS_WRITE_ZEROES)
		caps->ops |= 1u << IOE_OP_WRITE_ZEROES;
	if (self->supports & SUPPORTS_SYNC_RANGE)
		caps->ops |= 1u << IOE_OP_SYNC_RANGE;
	return 0;
}

uint32_t engine_in_flight(const struct engine *self)
{
	return self->taken.n + self->committed.n;
}

int32_t engine_queue(struct engine *self, struct ioe_io *io)
{
	if (engine_in_flight(self) >= self->depth)
		return IOE_Q_BUSY;
	line_push(&self->taken, io);
	return IOE_Q_QUEUED;
}

void engine_put_off(struct engine *self, struct ioe_io *io, uint64_t ready_ns)
{
	slip_of(io)->ready_ns = ready_ns;
	line_push(&self->committed, io);
}

static uint64_t now_ns(const struct engine *self)
{
	return self->host->now_ns(self->host->ctx);
}

/* The latency, and by how much less it may be: a whole one where `spread` is 0. */
static uint64_t next_latency_ns(struct engine *self)
{
	double part;

	self->dice = self->dice * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	part = (double)(self->dice >> 40) / (double)(1 << 24);
	return (uint64_t)((double)self->latency_ns * (1.0 - self->spread * part));
}

ioe_status engine_commit(struct engine *self)
{
	struct ioe_io *io;

	while ((io = line_pop(&self->taken))) {
		self->serve(self, io);
		engine_put_off(self, io, self->latency_ns ? now_ns(self) + next_latency_ns(self) : 0);
	}
	return 0;
}

/* Hands back what is ready, oldest first. */
static uint32_t collect(struct engine *self, uint32_t max, struct ioe_io **out)
{
	uint64_t now = self->committed.first && slip_of(self->committed.first)->ready_ns ?
			       now_ns(self) : 0;
	uint32_t n = 0;

	while (n < max && self->committed.first && slip_of(self->committed.first)->ready_ns <= now)
		out[n++] = line_pop(&self->committed);
	self->served += n;
	return n;
}

/* Sleeps until the oldest unit is ready, or `deadline`; 1 where terminate woke it. */
static int wait_until(struct engine *self, uint64_t deadline)
{
	struct pollfd wake = { .fd = self->wake_fd, .events = POLLIN };
	uint64_t ready = slip_of(self->committed.first)->ready_ns;
	uint64_t until = ready < deadline ? ready : deadline, now = now_ns(self), count;
	uint64_t left = until > now ? until - now : 0;
	const struct timespec limit = { (time_t)(left / 1000000000), (long)(left % 1000000000) };

	/* Interrupted by a signal it is simply called again, with what is left. */
	if (ppoll(&wake, 1, until == UINT64_MAX ? NULL : &limit, NULL) > 0)
		return read(self->wake_fd, &count, sizeof(count)) == sizeof(count);
	return 0;
}

int32_t engine_getevents(struct engine *self, uint32_t min, uint32_t max, int64_t timeout_ns,
			 struct ioe_io **out)
{
	uint64_t deadline = UINT64_MAX;
	uint32_t n = collect(self, max, out);

	if (n >= min || timeout_ns == 0)
		return (int32_t)n;
	if (timeout_ns > 0)
		deadline = now_ns(self) + (uint64_t)timeout_ns;
	while (n < min && self->committed.first) {
		if (wait_until(self, deadline))
			break;
		n += collect(self, max - n, out + n);
		if (deadline != UINT64_MAX && now_ns(self) >= deadline)
			break;
	}
	return (int32_t)n;
}

int32_t engine_cancel(struct engine *self, struct ioe_io *io)
{
	if (line_has(&self->taken, io)) {
		line_remove(&self->taken, io);
		return IOE_CANCELED;
	}
	return line_has(&self->committed, io) ? IOE_CANCEL_PENDING : -ENOENT;
}

/* From any thread: the counter of the eventfd keeps it for the next wait. */
void engine_terminate(struct engine *self)
{
	const uint64_t one = 1;

	(void)!write(self->wake_fd, &one, sizeof(one));
}

ioe_status engine_errdetails(struct engine *self, const struct ioe_io *io, char *buf, size_t cap)
{
	char words[128];

	snprintf(buf, cap, "%s%soperation %u: %s", self->label, self->label[0] ? ": " : "",
		 (unsigned)io->op, strerror_r(io->error, words, sizeof(words)));
	return 0;
}
