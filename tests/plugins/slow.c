/* A synchronous engine that moves no data, takes its time for each request, and can be told to break
 * the contract. Tests of requests that are submitted by threads of their own use it: `peak` names a
 * file that tells, at the end, how many requests were served at once. */
#include "plugin.h"
#include <time.h>
#include <unistd.h>

OPTION(opt_delay_us, IOE_OPT_UINT, "delay_us", "0", "time that a request takes");
OPTION(opt_fault, IOE_OPT_STR, "fault", "none", "what to do wrong");
OPTION(opt_after, IOE_OPT_UINT, "after", "10", "after so many good requests of all instances");
OPTION(opt_peak, IOE_OPT_PATH, "peak", NULL, "write down how many requests were served at once");
static const struct ioe_option *const options[] = { &opt_delay_us, &opt_fault, &opt_after, &opt_peak };

static int at_once, peak, served, instances;

struct instance {
	const struct ioe_host *host;
	char fault[32], peak[256];
	uint64_t delay_us, after;
	volatile int ended;
	int number, unit, open[8];
};

static int is(const struct instance *self, const char *fault)
{
	return strcmp(self->fault, fault) == 0;
}

static ioe_status slow_init(const struct ioe_host *host, const struct ioe_job *job, void **inst)
{
	struct instance *self = calloc(1, sizeof(*self));

	if (!self)
		return -ENOMEM;
	self->host = host;
	self->delay_us = job->opts[0]->v.u;
	snprintf(self->fault, sizeof(self->fault), "%s", job->opts[1]->v.s);
	self->after = job->opts[2]->v.u;
	if (job->opts[3]->is_set)
		snprintf(self->peak, sizeof(self->peak), "%s", job->opts[3]->v.s);
	self->number = __atomic_add_fetch(&instances, 1, __ATOMIC_SEQ_CST);
	if (self->number == 3 && is(self, "third_init")) {
		host->set_error(host->ctx, ENODEV, "there are only two of me");
		free(self);
		return -ENODEV;
	}
	*inst = self;
	return 0;
}

static void slow_cleanup(void *inst)
{
	struct instance *self = inst;
	FILE *file = self->peak[0] ? fopen(self->peak, "w") : NULL;
	int i;

	/* What was shown has to have been seen off, and after a breach nothing is called any more. */
	for (i = 0; i < 8; i++)
		if (self->open[i])
			abort();
	if (self->unit || (self->number == 3 && is(self, "third_breach")))
		abort();
	if (file) {
		fprintf(file, "%d", __atomic_load_n(&peak, __ATOMIC_SEQ_CST));
		fclose(file);
	}
	free(self);
}

static ioe_status slow_open_file(void *inst, struct ioe_file *file)
{
	struct instance *self = inst;

	if (self->number == 3 && file->index == 1) {
		if (is(self, "third_open")) {
			self->host->set_error(self->host->ctx, EACCES, "this door is shut");
			return -EACCES;
		}
		if (is(self, "third_breach"))
			return 7;
		while (is(self, "third_hang"))
			pause();
	}
	self->open[file->index % 8]++;
	return IOE_OPENED;
}

static ioe_status slow_close_file(void *inst, struct ioe_file *file)
{
	struct instance *self = inst;

	if (--self->open[file->index % 8] < 0)
		abort();
	return 0;
}

static ioe_status slow_io_init(void *inst, struct ioe_io *io)
{
	(void)io;
	((struct instance *)inst)->unit++;
	return 0;
}

static void slow_io_free(void *inst, struct ioe_io *io)
{
	(void)io;
	if (--((struct instance *)inst)->unit < 0)
		abort();
}

static ioe_status slow_start(void *inst)
{
	struct instance *self = inst;

	return self->number == 3 && is(self, "third_start") ? -ENOSPC : 0;
}

static void nap(uint64_t us)
{
	const struct timespec time = { (time_t)(us / 1000000), (long)(us % 1000000) * 1000 };

	nanosleep(&time, NULL);
}

static int32_t slow_queue(void *inst, struct ioe_io *io)
{
	struct instance *self = inst;
	int now = __atomic_add_fetch(&at_once, 1, __ATOMIC_SEQ_CST);
	int seen = __atomic_load_n(&peak, __ATOMIC_SEQ_CST);
	uint64_t number = (uint64_t)__atomic_fetch_add(&served, 1, __ATOMIC_SEQ_CST);
	int32_t answer = IOE_Q_COMPLETED;

	while (now > seen &&
	       !__atomic_compare_exchange_n(&peak, &seen, now, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		;
	nap(self->delay_us);
	if (number >= self->after) {
		if (is(self, "status"))
			answer = 7;
		if (is(self, "queued"))
			answer = IOE_Q_QUEUED;
		if (is(self, "busy"))
			answer = IOE_Q_BUSY;
		if (is(self, "negative")) {
			self->host->set_error(self->host->ctx, ENXIO, "the belt has slipped");
			answer = -ENXIO;
		}
		if (is(self, "error")) {
			self->host->set_error(self->host->ctx, EIO, "the belt is torn");
			io->error = EIO;
			io->resid = io->len;
		}
		if (is(self, "segv"))
			*(volatile int *)8 = 1;
		if (is(self, "hang") || (is(self, "hang_one") && number == self->after))
			while (!self->ended)
				nap(1000);
	}
	__atomic_sub_fetch(&at_once, 1, __ATOMIC_SEQ_CST);
	return answer;
}

static void slow_terminate(void *inst)
{
	((struct instance *)inst)->ended = 1;
}

static const struct ioe_ops slow_ops = {
	.struct_size = sizeof(struct ioe_ops),
	.n_options = 4,
	.flags = IOE_F_SYNC | IOE_F_DISKLESS | IOE_F_FAKE,
	.name = "slow",
	.help = "takes its time",
	.options = options,
	.init = slow_init,
	.cleanup = slow_cleanup,
	.open_file = slow_open_file,
	.close_file = slow_close_file,
	.io_init = slow_io_init,
	.io_free = slow_io_free,
	.start = slow_start,
	.queue = slow_queue,
	.terminate = slow_terminate,
};
PLUGIN_OF(slow_ops)
