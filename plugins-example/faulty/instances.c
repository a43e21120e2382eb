/* Faults of an instance's life: made, asked what it can do, shown files, ended. */
#include "faulty.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Instances of this process that live. */
static int living;

static ioe_status refuse(const struct ioe_host *host, int error, const char *words)
{
	if (words)
		host->set_error(host->ctx, error, words);
	return -error;
}

/* A table that ought to be const lies in a page that ought to stay read-only. */
static struct ioe_ops *writable(const struct ioe_ops *table)
{
	const uintptr_t size = (uintptr_t)sysconf(_SC_PAGESIZE), first = (uintptr_t)table & ~(size - 1);
	const uintptr_t end = ((uintptr_t)(table + 1) + size - 1) & ~(size - 1);

	if (mprotect((void *)first, end - first, PROT_READ | PROT_WRITE) < 0)
		abort();
	return (struct ioe_ops *)(uintptr_t)table;
}

static const struct ioe_ops *own_table(int n)
{
	const struct ioe_plugin *plugin = ioe_plugin_entry_v1(
		&(const struct ioe_host){ .abi_major = IOE_ABI_MAJOR, .abi_minor = IOE_ABI_MINOR },
		NULL, 0);

	return plugin->engines[n];
}

static ioe_status other_start(void *inst)
{
	(void)inst;
	return 0;
}

void alter_callback(void)
{
	writable(own_table(0))->start = other_start;
	writable(own_table(1))->start = other_start;
}

/* Reads one byte behind a table whose end is where 1.0 had it. */
static void look_behind(const void *table, size_t size)
{
	(void)*((const volatile char *)table + size);
}

static ioe_status misbehave_at_init(const struct ioe_host *host, const struct ioe_job *job,
				    enum fault fault, int moves_data)
{
	const int others = __atomic_load_n(&living, __ATOMIC_SEQ_CST);
	const int is_largest = job->opts[OPT_EVERY]->v.u == EVERY_MAX;

	switch (fault) {
	case FAULT_init_segv: crash(); break;
	case FAULT_init_hang: hang(); break;
	case FAULT_init_fails: return refuse(host, ENODEV, "the flux capacitor is empty");
	case FAULT_init_no_words: return refuse(host, ENODEV, NULL);
	case FAULT_init_second:
		return others > 0 ? refuse(host, EBUSY, "there can be only one of me") : 0;
	case FAULT_init_many:
		return others >= 16 ? refuse(host, EBUSY, "there are 16 of me already") : 0;
	case FAULT_beyond_host: look_behind(host, sizeof(*host)); break;
	case FAULT_beyond_job: look_behind(job, sizeof(*job)); break;
	case FAULT_option_segv:
		if (is_largest)
			crash();
		break;
	case FAULT_option_refused:
		return is_largest ? refuse(host, EINVAL, "that is too much to ask") : 0;
	case FAULT_altered_name: writable(own_table(!moves_data))->name = "altered"; break;
	case FAULT_altered_flags: writable(own_table(!moves_data))->flags |= IOE_F_PIPE; break;
	case FAULT_leak_fd: leave_descriptor_open(); break;
	case FAULT_leak_thread: start_idle_thread(); break;
	case FAULT_leak_memory: {
		char *memory = malloc(1 << 20);

		if (memory)
			memset(memory, 1, 1 << 20);
		/* So that no compiler finds out that nobody wants it. */
		__asm__ volatile("" : : "r"(memory) : "memory");
		break;
	}
	default: break;
	}
	return 0;
}

static ioe_status make(const struct ioe_host *host, const struct ioe_job *job, void **inst,
		       int moves_data)
{
	const struct choice choice = chosen_by_environment();
	const enum fault fault = choice.is_given ? choice.fault
						 : (enum fault)job->opts[OPT_FAULT]->v.u;
	struct instance *self;
	ioe_status status;

	if (!choice.is_given && is_of_loading(fault))
		return refuse(host, EINVAL, "this fault is one of loading: say IODYNO_FAULTY=NAME");
	status = misbehave_at_init(host, job, fault, moves_data);
	if (status < 0)
		return status;
	self = calloc(1, sizeof(*self));
	if (!self)
		return refuse(host, ENOMEM, "no memory for an instance");
	status = engine_init(&self->engine, host, job, moves_data);
	if (status < 0) {
		free(self);
		return status;
	}
	self->engine.serve = serve_faultily;
	self->fault = fault;
	self->after = choice.is_given ? choice.after : job->opts[OPT_AFTER]->v.u;
	self->is_due = self->after == 0;
	self->error = (int32_t)job->opts[OPT_ERRNO]->v.i;
	self->every = job->opts[OPT_EVERY]->is_set ? job->opts[OPT_EVERY]->v.u : 1;
	__atomic_fetch_add(&living, 1, __ATOMIC_SEQ_CST);
	*inst = self;
	return 0;
}

ioe_status files_init(const struct ioe_host *host, const struct ioe_job *job, void **inst)
{
	return make(host, job, inst, 1);
}

ioe_status null_init(const struct ioe_host *host, const struct ioe_job *job, void **inst)
{
	return make(host, job, inst, 0);
}

void faulty_cleanup(void *inst)
{
	struct instance *self = inst;

	if (self->fault == FAULT_cleanup_segv)
		crash();
	if (self->fault == FAULT_cleanup_hang)
		hang();
	engine_cleanup(&self->engine);
	free(self);
	__atomic_fetch_sub(&living, 1, __ATOMIC_SEQ_CST);
}

ioe_status faulty_get_caps(void *inst, struct ioe_caps *caps)
{
	struct instance *self = inst;
	ioe_status status = engine_get_caps(&self->engine, caps);

	if (self->fault == FAULT_only_moves)
		caps->ops = 1u << IOE_OP_READ | 1u << IOE_OP_WRITE;
	if (self->fault == FAULT_sync_queues)
		caps->flags |= IOE_F_SYNC;
	if (self->fault == FAULT_caps_diskless)
		caps->flags ^= IOE_F_DISKLESS;
	return status;
}

/* A path that cannot be opened, and what is made of that. */
static ioe_status open_bad_path(struct instance *self, struct ioe_file *file)
{
	const struct ioe_host *host = self->engine.host;
	ioe_status status = engine_open_file(&self->engine, file);

	if (status >= 0)
		return status;
	host->set_error(host->ctx, -status, NULL);
	return self->fault == FAULT_open_any ? IOE_OPENED : status;
}

ioe_status faulty_open_file(void *inst, struct ioe_file *file)
{
	struct instance *self = inst;
	const struct ioe_host *host = self->engine.host;
	const uint64_t bit = UINT64_C(1) << (file->index & 63);

	switch (self->fault) {
	case FAULT_open_fails:
		return file->index == 1 ? refuse(host, EMFILE, "the door is stuck")
					: engine_open_file(&self->engine, file);
	case FAULT_open_status:
		return file->index == 1 ? 7 : engine_open_file(&self->engine, file);
	case FAULT_open_hang:
		if (file->index == 1)
			hang();
		return engine_open_file(&self->engine, file);
	case FAULT_open_once:
		if (self->opened_files & bit)
			return refuse(host, EBUSY, "a file is opened once in a lifetime");
		self->opened_files |= bit;
		return engine_open_file(&self->engine, file);
	case FAULT_open_no_words:
	case FAULT_open_any: return open_bad_path(self, file);
	default: return engine_open_file(&self->engine, file);
	}
}

ioe_status faulty_close_file(void *inst, struct ioe_file *file)
{
	return engine_close_file(&((struct instance *)inst)->engine, file);
}

/* Without an instance there is nobody to ask for the fault but the environment. */
const void *faulty_get_extension(void *inst, const char *id)
{
	static const uint64_t zeroes[16];
	const struct instance *self = inst;
	const enum fault fault = self ? self->fault : chosen_by_environment().fault;

	if (fault == FAULT_extension_garbage)
		return zeroes;
	if (fault == FAULT_extension_unknown && strncmp(id, "iodyno.", 7) != 0)
		return zeroes;
	return NULL;
}
