/* An engine that serves `after` requests faultlessly and then crashes in one of many ways, or damages
 * what the host lent it. Each way stands in one place, under the name that the option `fault` gives.
 * It logs in which bytes of its file its crashing functions lie, so that a test can compare. */
#include "plugin.h"
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#define HELD 64u
#ifndef WRECKER_FLAGS
#define WRECKER_FLAGS IOE_F_DISKLESS
#endif

OPTION(opt_fault, IOE_OPT_STR, "fault", "none", "what to do wrong");
OPTION(opt_after, IOE_OPT_UINT, "after", "100", "after so many good requests");
OPTION(opt_by, IOE_OPT_UINT, "by", "1", "write beyond: so many bytes");
static const struct ioe_option *const options[] = { &opt_fault, &opt_after, &opt_by };

struct instance {
	char fault[32];
	uint64_t good, after, by;
	struct ioe_io *held[HELD];
	uint32_t n_held;
};

static int is(const struct instance *self, const char *fault)
{
	return strcmp(self->fault, fault) == 0;
}

/* All functions that crash, one behind the other in a section of their own. */
#define CRASHING __attribute__((noinline, noclone, section("crashing")))
extern const char __start_crashing[], __stop_crashing[];

CRASHING static void crash_by_store(void)
{
	*(volatile int *)0x18 = 1;
}

CRASHING static void crash_by_trap(void)
{
	__builtin_trap();
}

CRASHING static int crash_by_division(volatile int zero)
{
#if defined(__x86_64__)
	volatile int never = 7 / zero;

	return never;
#else
	raise(SIGFPE);
	return zero;
#endif
}

CRASHING static void crash_by_abort(void)
{
	abort();
}

CRASHING static void crash_by_memset(void)
{
	volatile uintptr_t nowhere = 0x18;

	memset((void *)nowhere, 1, 4096);
	__asm__ volatile("" ::: "memory");
}

CRASHING static void crash_by_jump(void)
{
	void (*volatile nowhere)(void) = (void (*)(void))0;

	nowhere();
	__asm__ volatile("" ::: "memory");
}

CRASHING static int crash_by_depth(volatile int n)
{
	volatile char waste[4096];

	waste[n & 4095] = (char)n;
	/* Every compiler knows that this has no end, if it can. */
	return n < 0 ? 0 : crash_by_depth(n + 1) + waste[n & 4095];
}

CRASHING static void *crash_in_thread(void *unused)
{
	(void)unused;
	*(volatile int *)0x18 = 1;
	return NULL;
}

static void crash(const struct instance *self)
{
	pthread_t thread;

	if (is(self, "store"))
		crash_by_store();
	if (is(self, "trap"))
		crash_by_trap();
	if (is(self, "division"))
		crash_by_division(0);
	if (is(self, "abort"))
		crash_by_abort();
	if (is(self, "memset"))
		crash_by_memset();
	if (is(self, "jump"))
		crash_by_jump();
	if (is(self, "depth"))
		crash_by_depth(0);
	if (is(self, "thread") && pthread_create(&thread, NULL, crash_in_thread, NULL) == 0)
		pthread_join(thread, NULL);
	if (is(self, "sent"))
		kill(getpid(), SIGSEGV);
	if (is(self, "handler")) {
		signal(SIGSEGV, SIG_DFL);
		crash_by_store();
	}
	if (is(self, "own_exit")) {
		signal(SIGSEGV, (void (*)(int))_exit);
		crash_by_store();
	}
}

static struct ioe_file other_file;

/* What the host lent, and is to find as it was. */
static void damage(const struct instance *self, struct ioe_io *io)
{
	unsigned char *end = (unsigned char *)io->buf + io->len;

	if (is(self, "beyond"))
		memset(end, 0, self->by);
	if (is(self, "before_unit"))
		((unsigned char *)io)[-1] ^= 1;
	if (is(self, "behind_unit"))
		((unsigned char *)io)[sizeof(*io)] ^= 1;
	if (is(self, "private"))
		((unsigned char *)io->engine_data)[40] ^= 1;
	if (is(self, "offset"))
		io->offset += 512;
	if (is(self, "len"))
		io->len -= 512;
	if (is(self, "buf"))
		io->buf = end;
	if (is(self, "buf_index"))
		io->buf_index = 5;
	if (is(self, "ioprio"))
		io->ioprio = 5;
	if (is(self, "struct_size"))
		io->struct_size = 5;
	if (is(self, "host_cookie"))
		io->host_cookie++;
	if (is(self, "engine_data"))
		io->engine_data = end;
}

/* From then on, in every request. */
static void damage_each(const struct instance *self, struct ioe_io *io)
{
	if (is(self, "op"))
		io->op = IOE_OP_TRIM;
	if (is(self, "flags"))
		io->flags |= IOE_IO_FUA;
	if (is(self, "file"))
		io->file = &other_file;
}

static void log_place(const struct ioe_host *host)
{
	char words[128];
	Dl_info info;

	if (!dladdr(__start_crashing, &info))
		return;
	snprintf(words, sizeof(words), "crashes between 0x%lx and 0x%lx",
		 (unsigned long)(__start_crashing - (const char *)info.dli_fbase),
		 (unsigned long)(__stop_crashing - (const char *)info.dli_fbase));
	host->log(host->ctx, IOE_LOG_INFO, words);
}

static void use_descriptors_up(void)
{
	struct rlimit limit = { 0, 0 };

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_cur < 512 ? limit.rlim_cur : 512;
	setrlimit(RLIMIT_NOFILE, &limit);
	while (dup(0) >= 0)
		;
}

static struct ioe_ops wrecker_ops;

static ioe_status wrecker_init(const struct ioe_host *host, const struct ioe_job *job, void **inst)
{
	struct instance *self = calloc(1, sizeof(*self));

	if (!self)
		return -ENOMEM;
	snprintf(self->fault, sizeof(self->fault), "%s", job->opts[0]->v.s);
	self->after = job->opts[1]->v.u;
	self->by = job->opts[2]->v.u;
	*inst = self;
	log_place(host);
	if (is(self, "init"))
		crash_by_store();
	if (is(self, "descriptors"))
		use_descriptors_up();
	return 0;
}

static void wrecker_cleanup(void *inst)
{
	free(inst);
}

static int32_t wrecker_queue(void *inst, struct ioe_io *io)
{
	struct instance *self = inst;

	if (self->good == self->after) {
		crash(self);
		damage(self, io);
	}
	if (self->good >= self->after)
		damage_each(self, io);
	self->good++;
	if (WRECKER_FLAGS & IOE_F_SYNC)
		return IOE_Q_COMPLETED;
	if (self->n_held == HELD)
		return IOE_Q_BUSY;
	self->held[self->n_held++] = io;
	return IOE_Q_QUEUED;
}

static int32_t wrecker_getevents(void *inst, uint32_t min, uint32_t max, int64_t timeout_ns,
				 struct ioe_io **out)
{
	struct instance *self = inst;
	uint32_t n = self->n_held < max ? self->n_held : max;

	(void)min, (void)timeout_ns;
	memcpy(out, self->held, n * sizeof(*out));
	self->n_held -= n;
	memmove(self->held, self->held + n, self->n_held * sizeof(*out));
	return (int32_t)n;
}

/* Everything that the host read is nonsense from now on. */
static ioe_status wrecker_setup(const struct ioe_host *host)
{
	(void)host;
	if (getenv("WRECKER_SETUP"))
		crash_by_store();
	if (getenv("WRECKER_TABLES")) {
		wrecker_ops.queue = NULL;
		wrecker_ops.name = (const char *)8;
		wrecker_ops.options = (const struct ioe_option *const *)8;
		wrecker_ops.n_options = 9999;
		wrecker_ops.init = NULL;
		wrecker_ops.getevents = NULL;
		wrecker_ops.flags = ~0ull;
		wrecker_ops.io_private_size = ~0u;
	}
	return 0;
}

__attribute__((constructor)) static void constructed(void)
{
	if (getenv("WRECKER_CONSTRUCTOR"))
		crash_by_store();
}

static struct ioe_ops wrecker_ops = {
	.struct_size = sizeof(struct ioe_ops),
	.n_options = 3,
	.flags = WRECKER_FLAGS,
	.name = "wrecker",
	.help = "crashes and damages on request",
	.options = options,
	.io_private_size = 40,
	.init = wrecker_init,
	.cleanup = wrecker_cleanup,
	.queue = wrecker_queue,
	.getevents = wrecker_getevents,
};
PLUGIN_WITH(wrecker_ops, wrecker_setup, NULL)
