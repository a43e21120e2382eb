/* The correct engine: what stays when no fault is chosen. The callbacks that the host sees (faulty.h)
 * call these. Nothing here knows of faults. */
#ifndef FAULTY_ENGINE_H
#define FAULTY_ENGINE_H
#include <iodyno_engine.h>

/* What is on its way, oldest first. A unit is in at most one list. */
struct line {
	struct ioe_io *first, *last;
	uint32_t n;
};

/* What the engine remembers of a unit, in the unit's engine_data. */
struct slip {
	struct ioe_io *next;
	uint64_t ready_ns;
};

/* An instance. Units wait in `taken` until commit, and in `committed` until getevents. */
struct engine {
	const struct ioe_host *host;
	int moves_data; /* 0: requests succeed and nothing is read or written */
	uint32_t depth;
	uint64_t latency_ns, slice, supports;
	double spread;
	int durable, wake_fd;
	uint64_t dice;
	char label[64], journal[512];
	struct line taken, committed;
	uint64_t served;
	/* How commit does a unit: engine_transfer, or what stands in for it. */
	void (*serve)(struct engine *self, struct ioe_io *io);
};

/* Operations that the option `supports` can take away. */
enum { SUPPORTS_TRIM = 1, SUPPORTS_WRITE_ZEROES = 2, SUPPORTS_SYNC_RANGE = 4 };

/* options.c: the engine's options, in the order of ioe_job.opts. `fault` is the last one, so that
 * it can be left out. */
enum {
	OPT_AFTER, OPT_ERRNO, OPT_EVERY, OPT_LATENCY, OPT_SPREAD, OPT_SLICE, OPT_DURABLE,
	OPT_SUPPORTS, OPT_LABEL, OPT_JOURNAL, OPT_INNER, OPT_FAULT, OPT_COUNT
};
#define EVERY_MAX 1000000
extern const struct ioe_option *const good_options[OPT_COUNT];

/* engine.c */
ioe_status engine_init(struct engine *self, const struct ioe_host *host, const struct ioe_job *job,
		       int moves_data);
void engine_cleanup(struct engine *self);
ioe_status engine_get_caps(struct engine *self, struct ioe_caps *caps);
int32_t engine_queue(struct engine *self, struct ioe_io *io);
ioe_status engine_commit(struct engine *self);
int32_t engine_getevents(struct engine *self, uint32_t min, uint32_t max, int64_t timeout_ns,
			 struct ioe_io **out);
int32_t engine_cancel(struct engine *self, struct ioe_io *io);
void engine_terminate(struct engine *self);
ioe_status engine_errdetails(struct engine *self, const struct ioe_io *io, char *buf, size_t cap);
/* Units that were taken and not handed back. */
uint32_t engine_in_flight(const struct engine *self);
/* The line between commit and getevents; `ready_ns` on the host's clock, UINT64_MAX = never. */
void engine_put_off(struct engine *self, struct ioe_io *io, uint64_t ready_ns);
struct ioe_io *line_pop(struct line *line);

/* transfer.c */
ioe_status engine_open_file(struct engine *self, struct ioe_file *file);
ioe_status engine_close_file(struct engine *self, struct ioe_file *file);
/* Does what the unit asks for, and leaves error and resid in it. */
void engine_transfer(struct engine *self, struct ioe_io *io);

#endif
