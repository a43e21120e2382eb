/* An engine that serves `after` requests at once and faultlessly, and then breaks the contract in the
 * way that the option `fault` names. Each fault stands in one place, under its name. */
#include "plugin.h"
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define HELD 64u

OPTION(opt_fault, IOE_OPT_STR, "fault", "none", "what to do wrong");
OPTION(opt_after, IOE_OPT_UINT, "after", "100", "after so many good requests");
OPTION(opt_errno, IOE_OPT_UINT, "errno", "5", "error, late_error: what requests fail with");
OPTION(opt_every, IOE_OPT_UINT, "every", "1", "error, late_error: every so many requests one");
static const struct ioe_option *const options[] = { &opt_fault, &opt_after, &opt_errno, &opt_every };

struct instance {
	const struct ioe_host *host;
	char fault[32];
	uint64_t good, after, every, turn;
	int32_t errno_;
	struct ioe_io *held[HELD];
	uint32_t n_held;
};

static int is(const struct instance *self, const char *fault)
{
	return strcmp(self->fault, fault) == 0;
}

static void crash(void)
{
	*(volatile int *)8 = 1;
}

/* Setup and teardown have no options: the environment says what they do wrong. */
static int told(const char *variable, const char *fault)
{
	const char *value = getenv(variable);

	return value && strcmp(value, fault) == 0;
}

static ioe_status faulty_setup(const struct ioe_host *host)
{
	(void)host;
	if (told("FAULTY_SETUP", "segv"))
		crash();
	if (told("FAULTY_SETUP", "hang"))
		for (;;)
			pause();
	return 0;
}

static void faulty_teardown(void)
{
	if (told("FAULTY_TEARDOWN", "segv"))
		crash();
	if (told("FAULTY_TEARDOWN", "hang"))
		for (;;)
			pause();
}

/* A helper that holds every descriptor of the cell; its number is left in the file "helper". */
static void fork_helper(void)
{
	pid_t helper = fork();
	FILE *file;

	if (helper == 0)
		for (;;)
			pause();
	file = fopen("helper", "w");
	if (file) {
		fprintf(file, "%d", (int)helper);
		fclose(file);
	}
}

/* Writes into every socket that it finds: there is no end of the last line. */
static void scribble_into_sockets(void)
{
	static const char words[] = "no sense\n\xff\xfe\n{\"Note\":3}\nand no end";
	int fd, type;

	for (fd = 3; fd < 64; fd++) {
		socklen_t size = sizeof(type);

		if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0)
			(void)!write(fd, words, sizeof(words) - 1);
	}
}

static ioe_status faulty_init(const struct ioe_host *host, const struct ioe_job *job, void **inst)
{
	struct instance *self = calloc(1, sizeof(*self));

	if (!self)
		return -ENOMEM;
	snprintf(self->fault, sizeof(self->fault), "%s", job->opts[0]->v.s);
	self->host = host;
	self->after = job->opts[1]->v.u;
	self->errno_ = (int32_t)job->opts[2]->v.u;
	self->every = job->opts[3]->v.u;
	*inst = self;
	if (is(self, "init_segv"))
		crash();
	if (is(self, "init_fails")) {
		host->set_error(host->ctx, ENODEV, "the flux capacitor is empty");
		free(self);
		return -ENODEV;
	}
	return 0;
}

static void faulty_cleanup(void *inst)
{
	struct instance *self = inst;

	if (is(self, "cleanup_segv"))
		crash();
	free(self);
}

static ioe_status faulty_open_file(void *inst, struct ioe_file *file)
{
	struct instance *self = inst;

	if (file->index == 1 && is(self, "open_status"))
		return 7;
	if (file->index == 1 && is(self, "open_fails")) {
		self->host->set_error(self->host->ctx, EMFILE, "the door is stuck");
		return -EMFILE;
	}
	while (file->index == 1 && is(self, "open_hangs"))
		pause();
	return IOE_OPENED;
}

static ioe_status faulty_get_caps(void *inst, struct ioe_caps *caps)
{
	struct instance *self = inst;

	if (is(self, "only_moves"))
		caps->ops = 1u << IOE_OP_READ | 1u << IOE_OP_WRITE;
	return 0;
}

static int32_t take(struct instance *self, struct ioe_io *io)
{
	if (self->n_held == HELD)
		return IOE_Q_BUSY;
	self->held[self->n_held++] = io;
	return IOE_Q_QUEUED;
}

/* Every so many requests one, the first among them. */
static void fail_in_turn(struct instance *self, struct ioe_io *io)
{
	if (self->turn++ % self->every == 0) {
		io->error = self->errno_;
		io->resid = io->len;
	}
}

static int32_t faulty_queue(void *inst, struct ioe_io *io)
{
	struct instance *self = inst;

	if (self->good < self->after) {
		self->good++;
		return IOE_Q_COMPLETED;
	}
	if (is(self, "status"))
		return 7;
	if (is(self, "resid")) {
		io->resid = io->len + 1;
		return IOE_Q_COMPLETED;
	}
	if (is(self, "error")) {
		fail_in_turn(self, io);
		return IOE_Q_COMPLETED;
	}
	if (is(self, "negative"))
		return -EIO;
	if (is(self, "no_progress")) {
		io->resid = io->len;
		return IOE_Q_COMPLETED;
	}
	if (is(self, "busy"))
		return IOE_Q_BUSY;
	if (is(self, "segv"))
		crash();
	if (is(self, "fork_segv")) {
		fork_helper();
		crash();
	}
	if (is(self, "print_segv")) {
		fprintf(stderr, "my last words\n");
		crash();
	}
	if (is(self, "scribble") && self->good++ == self->after)
		scribble_into_sockets();
	if (is(self, "abort"))
		abort();
	if (is(self, "exit"))
		_exit(0);
	if (is(self, "hang"))
		for (;;)
			pause();
	if (is(self, "none") || is(self, "scribble") || is(self, "only_moves") ||
	    is(self, "open_fails") || is(self, "open_status") || is(self, "open_hangs"))
		return IOE_Q_COMPLETED;
	return take(self, io);
}

static ioe_status faulty_commit(void *inst)
{
	struct instance *self = inst;

	if (self->good == self->after && self->n_held && is(self, "commit_segv"))
		crash();
	if (self->good == self->after && self->n_held && is(self, "commit_fails"))
		return -EIO;
	return 0;
}

/* Hands back what is held, in order, as the contract has it. */
static uint32_t hand_back(struct instance *self, uint32_t max, struct ioe_io **out)
{
	uint32_t n = self->n_held < max ? self->n_held : max;

	memcpy(out, self->held, n * sizeof(*out));
	self->n_held -= n;
	memmove(self->held, self->held + n, self->n_held * sizeof(*out));
	return n;
}

static int32_t faulty_getevents(void *inst, uint32_t min, uint32_t max, int64_t timeout_ns,
				struct ioe_io **out)
{
	static struct ioe_io invented = { .struct_size = sizeof(invented) };
	struct instance *self = inst;
	const struct timespec nap = { 0, timeout_ns == 0 ? 0 : 20 * 1000 * 1000 };
	uint32_t n;

	(void)min;
	if (is(self, "getevents_hang"))
		for (;;)
			pause();
	if (is(self, "lost")) {
		nanosleep(&nap, NULL);
		return 0;
	}
	if (is(self, "getevents_negative"))
		return -EIO;
	if (is(self, "getevents_segv"))
		crash();
	if (is(self, "invented") && max) {
		out[0] = &invented;
		return 1;
	}
	n = hand_back(self, max, out);
	if (is(self, "count"))
		return (int32_t)max + 1;
	if (is(self, "twice") && n > 1)
		out[1] = out[0];
	if (is(self, "late_resid") && n)
		out[0]->resid = out[0]->len + 1;
	if (is(self, "late_error") && n)
		fail_in_turn(self, out[0]);
	return (int32_t)n;
}

static const struct ioe_ops faulty_ops = {
	.struct_size = sizeof(struct ioe_ops),
	.n_options = 4,
	.flags = IOE_F_DISKLESS | IOE_F_FAKE,
	.name = "faulty",
	.help = "breaks the contract on request",
	.options = options,
	.init = faulty_init,
	.cleanup = faulty_cleanup,
	.get_caps = faulty_get_caps,
	.open_file = faulty_open_file,
	.queue = faulty_queue,
	.commit = faulty_commit,
	.getevents = faulty_getevents,
};
PLUGIN_WITH(faulty_ops, faulty_setup, faulty_teardown)
