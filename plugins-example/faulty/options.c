/* The options of both engines: one of every type, and `fault`, whose choices are the list of faults.
 * Pure data. */
#include "faulty.h"

#define CHOICE(variable, word, number, words) \
	static const struct ioe_choice variable = { \
		.struct_size = sizeof(struct ioe_choice), .name = (word), .value = (number), \
		.help = (words), \
	}
#define OPTION(variable, ...) \
	static const struct ioe_option variable = { \
		.struct_size = sizeof(struct ioe_option), __VA_ARGS__ \
	}
#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

CHOICE(supports_trim, "trim", SUPPORTS_TRIM, "discard a range");
CHOICE(supports_zeroes, "write_zeroes", SUPPORTS_WRITE_ZEROES, "write zeroes without a buffer");
CHOICE(supports_range, "sync_range", SUPPORTS_SYNC_RANGE, "write back a range");
static const struct ioe_choice *const supports_choices[] = {
	&supports_trim, &supports_zeroes, &supports_range,
};

#define FAULT_CHOICE(word, words) CHOICE(choice_##word, #word, FAULT_##word, words);
#define FAULT_LOAD_CHOICE(word, words) \
	CHOICE(choice_##word, #word, FAULT_##word, words " (only by IODYNO_FAULTY)");
#define FAULT_POINTER(word, words) &choice_##word,
FAULTS(FAULT_LOAD_CHOICE, FAULT_CHOICE)
static const struct ioe_choice *const fault_choices[] = { FAULTS(FAULT_POINTER, FAULT_POINTER) };

OPTION(opt_after, .type = IOE_OPT_UINT, .name = "after", .def = "100", .max = INT64_C(1) << 40,
       .help = "requests that are served faultlessly before the fault");
OPTION(opt_errno, .type = IOE_OPT_INT, .name = "errno", .def = "5", .min = 1, .max = 4095,
       .help = "error, late_error: what requests fail with");
OPTION(opt_every, .type = IOE_OPT_UINT, .name = "every", .def = "1", .min = 1, .max = EVERY_MAX,
       .help = "error, late_error: every so many requests one");
OPTION(opt_latency, .type = IOE_OPT_TIME_NS, .name = "latency", .def = "0ns", .max = 100000000,
       .help = "time between commit and getevents that each request takes at least");
OPTION(opt_spread, .type = IOE_OPT_FLOAT, .name = "spread", .def = "0", .max = 1,
       .help = "part of the latency that is left to chance");
OPTION(opt_slice, .type = IOE_OPT_SIZE, .name = "slice", .def = "1GiB", .min = 4096,
       .max = 1 << 30, .help = "longest transfer; the rest of a request is for the host to ask for");
OPTION(opt_durable, .type = IOE_OPT_BOOL, .name = "durable", .def = "0",
       .help = "each write is durable when it ends");
OPTION(opt_supports, .type = IOE_OPT_FLAGSET, .name = "supports",
       .def = "trim,write_zeroes,sync_range", .help = "operations beside read, write and fsync",
       .n_choices = LENGTH(supports_choices), .choices = supports_choices);
OPTION(opt_label, .type = IOE_OPT_STR, .name = "label", .def = "faulty",
       .help = "how the words about a failed request begin");
OPTION(opt_journal, .type = IOE_OPT_PATH, .name = "journal",
       .help = "append a line to this file at the end of each instance");
OPTION(opt_inner, .type = IOE_OPT_ENGINE, .name = "inner",
       .help = "another engine, which is loaded and never used");
OPTION(opt_fault, .type = IOE_OPT_ENUM, .name = "fault", .def = "none",
       .help = "what to do wrong", .n_choices = LENGTH(fault_choices), .choices = fault_choices);

OPTION(opt_bad_default, .type = IOE_OPT_INT, .name = "errno", .def = "5000", .min = 1, .max = 4095,
       .help = "its default is out of its range");
OPTION(opt_no_help, .type = IOE_OPT_INT, .name = "errno", .def = "5", .min = 1, .max = 4095);

#define OPTIONS_WITH(second) { \
	&opt_after, &(second), &opt_every, &opt_latency, &opt_spread, &opt_slice, &opt_durable, \
	&opt_supports, &opt_label, &opt_journal, &opt_inner, &opt_fault, \
}
const struct ioe_option *const good_options[OPT_COUNT] = OPTIONS_WITH(opt_errno);
const struct ioe_option *const options_bad_default[OPT_COUNT] = OPTIONS_WITH(opt_bad_default);
const struct ioe_option *const options_no_help[OPT_COUNT] = OPTIONS_WITH(opt_no_help);
