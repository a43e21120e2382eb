/* Two engines that break the contract on request: an instance of them, and the callbacks of each
 * subject. Every callback does its fault, where it has one and its time has come, or else what the
 * correct engine (engine.h) does. */
#ifndef FAULTY_H
#define FAULTY_H
#include "engine.h"
#include "faults.h"

struct instance {
	struct engine engine;
	enum fault fault;
	/* Requests that went well, and how many are to go well before the fault begins. */
	uint64_t good, after;
	int is_due;
	/* error, late_error: one of so many requests, and with what. */
	uint64_t every, turn;
	int32_t error;
	/* A unit that the host does not know to be here. */
	struct ioe_io *kept;
	/* Calls of queue and of getevents since the fault began. */
	uint32_t offers, calls;
	int is_deaf;
	uint64_t opened_files;
};

/* What IODYNO_FAULTY=NAME[:AFTER] chooses; AFTER is 0 where it is not said. */
struct choice {
	int is_given, is_known;
	enum fault fault;
	uint64_t after;
};
struct choice chosen_by_environment(void);
/* Whether a fault is one of LOAD. */
int is_of_loading(enum fault fault);

/* Whether this is the instance's fault, and its time has come. */
static inline int does(const struct instance *self, enum fault fault)
{
	return self->fault == fault && self->is_due;
}

/* misdeeds.c: what can be done wrong anywhere. */
void crash(void);
void hang(void);
void sleep_ms(unsigned ms);
void start_idle_thread(void);
void leave_descriptor_open(void);
void fork_helper(void);
void scribble_into_sockets(void);
void babble(void);
void eat_memory(void);
void close_all(void);
void overflow_stack(void);
void touch_missing_page(void);
void crash_in_thread(void);

/* options.c */
extern const struct ioe_option *const options_bad_default[OPT_COUNT];
extern const struct ioe_option *const options_no_help[OPT_COUNT];

/* instances.c */
ioe_status files_init(const struct ioe_host *host, const struct ioe_job *job, void **inst);
ioe_status null_init(const struct ioe_host *host, const struct ioe_job *job, void **inst);
void faulty_cleanup(void *inst);
ioe_status faulty_get_caps(void *inst, struct ioe_caps *caps);
ioe_status faulty_open_file(void *inst, struct ioe_file *file);
ioe_status faulty_close_file(void *inst, struct ioe_file *file);
const void *faulty_get_extension(void *inst, const char *id);
void alter_callback(void);

/* queueing.c */
int32_t faulty_queue(void *inst, struct ioe_io *io);

/* units.c: after the correct engine served a unit, or instead of it. */
void serve_faultily(struct engine *engine, struct ioe_io *io);
void fail_in_turn(struct instance *self, struct ioe_io *io);

/* events.c */
ioe_status faulty_commit(void *inst);
int32_t faulty_getevents(void *inst, uint32_t min, uint32_t max, int64_t timeout_ns,
			 struct ioe_io **out);
int32_t faulty_cancel(void *inst, struct ioe_io *io);
void faulty_terminate(void *inst);
ioe_status faulty_errdetails(void *inst, const struct ioe_io *io, char *buf, size_t cap);

/* loading.c */
extern const struct ioe_ops files_ops, null_ops;

#endif
