/* A synchronous engine that moves no data, takes its time for each request, may change its pace or
 * stall, and writes down its own life: "JOB CLONE EVENT MONOTONIC-MS NICE IOPRIO CPUS" a line, into
 * the file that the option `log` names, at its init, its first request and its cleanup.
 * Tests of what happens between jobs and of judged rates use it. */
#include "plugin.h"
#include <fcntl.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

OPTION(opt_log, IOE_OPT_PATH, "log", NULL, "write its life down in this file");
OPTION(opt_delay, IOE_OPT_UINT, "delay_us", "1000", "time of a request, microseconds");
OPTION(opt_change, IOE_OPT_UINT, "change_ms", "0", "so long after the first request ...");
OPTION(opt_then, IOE_OPT_UINT, "then_us", "0", "... a request takes so long");
OPTION(opt_stall, IOE_OPT_UINT, "stall_ms", "0", "... or one request takes so long");
OPTION(opt_fail, IOE_OPT_UINT, "fail", "0", "... or one request fails");
static const struct ioe_option *const options[] = { &opt_log, &opt_delay, &opt_change,
						    &opt_then, &opt_stall, &opt_fail };

struct instance {
	int fd;
	char job[64];
	unsigned int clone;
	uint64_t delay_us, change_ms, then_us, stall_ms, fail, first_ms;
};

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void rest(uint64_t us)
{
	struct timespec time = { .tv_sec = (time_t)(us / 1000000),
				 .tv_nsec = (long)(us % 1000000) * 1000 };

	if (us)
		nanosleep(&time, NULL);
}

static void note(const struct instance *self, const char *event)
{
	char cpus[256] = "";
	cpu_set_t set;
	size_t cpu, len = 0;

	sched_getaffinity(0, sizeof(set), &set);
	for (cpu = 0; cpu < CPU_SETSIZE && len < sizeof(cpus) - 8; cpu++)
		if (CPU_ISSET(cpu, &set))
			len += (size_t)snprintf(cpus + len, sizeof(cpus) - len, ",%zu", cpu);
	(void)!dprintf(self->fd, "%s %u %s %llu %d %ld %s\n", self->job, self->clone, event,
		       (unsigned long long)now_ms(), getpriority(PRIO_PROCESS, 0),
		       syscall(SYS_ioprio_get, 1, 0), cpus + 1);
}

static ioe_status moody_init(const struct ioe_host *host, const struct ioe_job *job, void **inst)
{
	struct instance *self = calloc(1, sizeof(*self));

	(void)host;
	if (!self)
		return -ENOMEM;
	snprintf(self->job, sizeof(self->job), "%s", job->name);
	self->clone = job->job_index;
	self->fd = open(job->opts[0]->is_set ? job->opts[0]->v.s : "/dev/null",
			O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	self->delay_us = job->opts[1]->v.u;
	self->change_ms = job->opts[2]->v.u;
	self->then_us = job->opts[3]->v.u;
	self->stall_ms = job->opts[4]->v.u;
	self->fail = job->opts[5]->v.u;
	note(self, "init");
	*inst = self;
	return 0;
}

static void moody_cleanup(void *inst)
{
	struct instance *self = inst;

	note(self, "cleanup");
	close(self->fd);
	free(self);
}

static ioe_status moody_open_file(void *inst, struct ioe_file *file)
{
	(void)inst, (void)file;
	return IOE_OPENED;
}

static int32_t moody_queue(void *inst, struct ioe_io *io)
{
	struct instance *self = inst;

	if (!self->first_ms) {
		self->first_ms = now_ms();
		note(self, "first");
	}
	if (self->change_ms && now_ms() - self->first_ms >= self->change_ms) {
		self->change_ms = 0;
		if (self->then_us)
			self->delay_us = self->then_us;
		if (self->fail)
			io->error = EIO;
		rest(self->stall_ms * 1000);
	}
	rest(self->delay_us);
	return IOE_Q_COMPLETED;
}

static const struct ioe_ops moody_ops = {
	.struct_size = sizeof(struct ioe_ops),
	.n_options = 6,
	.flags = IOE_F_SYNC | IOE_F_DISKLESS | IOE_F_FAKE,
	.name = "moody",
	.help = "takes its time, and writes down its own life",
	.options = options,
	.init = moody_init,
	.cleanup = moody_cleanup,
	.open_file = moody_open_file,
	.queue = moody_queue,
};
PLUGIN_OF(moody_ops)
