/* The plugin: its two engines, its entry, and everything that it does wrong before there is an
 * instance, or after the last one. */
#include "faulty.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FAULT_NAME(name, help) #name,
#define FAULT_OF_LOADING(name, help) 1,
#define FAULT_OF_RUNNING(name, help) 0,
static const char *const names[] = { FAULTS(FAULT_NAME, FAULT_NAME) };
static const char of_loading[] = { FAULTS(FAULT_OF_LOADING, FAULT_OF_RUNNING) };

struct choice chosen_by_environment(void)
{
	const char *value = getenv("IODYNO_FAULTY");
	struct choice choice = { .is_given = value != NULL };
	size_t length = value ? strcspn(value, ":") : 0;
	int i;

	for (i = 0; value && i < FAULT_COUNT; i++) {
		if (strlen(names[i]) == length && strncmp(names[i], value, length) == 0) {
			choice.is_known = 1;
			choice.fault = (enum fault)i;
		}
	}
	if (value && value[length])
		choice.after = strtoull(value + length + 1, NULL, 10);
	return choice;
}

int is_of_loading(enum fault fault)
{
	return of_loading[fault];
}

static int told(enum fault fault)
{
	return chosen_by_environment().fault == fault;
}

static void on_signal(int number)
{
	(void)number;
}

__attribute__((constructor)) static void construct(void)
{
	switch (chosen_by_environment().fault) {
	case FAULT_constructor_hang: hang(); break;
	case FAULT_constructor_segv: crash(); break;
	case FAULT_constructor_exit: _exit(0);
	case FAULT_constructor_print: printf("hello from a constructor\n"); fflush(stdout); break;
	case FAULT_constructor_slow: sleep_ms(300); break;
	case FAULT_constructor_thread: start_idle_thread(); break;
	case FAULT_constructor_chdir: (void)!chdir("/"); break;
	case FAULT_constructor_signal: signal(SIGUSR1, on_signal); break;
	case FAULT_constructor_setenv: setenv("LC_ALL", "tlh_QO.UTF-8", 1); break;
	case FAULT_constructor_leak_fd: leave_descriptor_open(); break;
	default: break;
	}
}

static ioe_status set_up(const struct ioe_host *host)
{
	if (told(FAULT_setup_segv))
		crash();
	if (told(FAULT_setup_hang))
		hang();
	if (told(FAULT_setup_fails)) {
		host->set_error(host->ctx, 19, "the flux capacitor does not start");
		return -19;
	}
	return 0;
}

static void tear_down(void)
{
	if (told(FAULT_teardown_segv))
		crash();
	if (told(FAULT_teardown_hang))
		hang();
}

#define OPS(engine_name, words, bits, make, table, count) { \
	.struct_size = sizeof(struct ioe_ops), \
	.n_options = (count), \
	.flags = (bits), \
	.name = (engine_name), \
	.help = (words), \
	.options = (table), \
	.io_private_size = sizeof(struct slip), \
	.init = (make), \
	.cleanup = faulty_cleanup, \
	.get_caps = faulty_get_caps, \
	.open_file = faulty_open_file, \
	.close_file = faulty_close_file, \
	.queue = faulty_queue, \
	.commit = faulty_commit, \
	.getevents = faulty_getevents, \
	.cancel = faulty_cancel, \
	.terminate = faulty_terminate, \
	.errdetails = faulty_errdetails, \
	.get_extension = faulty_get_extension, \
}
#define FILES(table, count) \
	OPS("faulty", "asynchronous I/O on files; breaks the contract on request", 0, files_init, \
	    table, count)
#define NULLS(table, count) \
	OPS("faulty-null", "the same without data", IOE_F_DISKLESS | IOE_F_FAKE, null_init, table, \
	    count)

#define PLUGIN(variable, who, list) \
	static const struct ioe_plugin variable = { \
		.magic = IOE_MAGIC, .struct_size = sizeof(struct ioe_plugin), \
		.abi_major = IOE_ABI_MAJOR, .abi_minor = IOE_ABI_MINOR, .n_engines = 2, \
		.id = "org.iodyno.example.faulty", .vendor = (who), .version = "1.2.3", \
		.license = "MIT OR Apache-2.0", .engines = (list), .layout = &layout, \
		.setup = set_up, .teardown = tear_down, \
	}

static const struct ioe_layout layout = IOE_LAYOUT_INIT;

/* As a user sees the engines: `fault` is an option. */
const struct ioe_ops files_ops = FILES(good_options, OPT_COUNT);
const struct ioe_ops null_ops = NULLS(good_options, OPT_COUNT);
static const struct ioe_ops *const engines[] = { &files_ops, &null_ops };
PLUGIN(plugin, "iodyno", engines);

/* With IODYNO_FAULTY: it alone chooses, and the option is not there. */
static const struct ioe_ops chosen_files = FILES(good_options, OPT_FAULT);
static const struct ioe_ops chosen_null = NULLS(good_options, OPT_FAULT);
static const struct ioe_ops *const chosen_engines[] = { &chosen_files, &chosen_null };
PLUGIN(chosen_plugin, "iodyno", chosen_engines);
PLUGIN(another_plugin, "iodyno", chosen_engines);
PLUGIN(bad_string_plugin, "iod\xff\xfeno", chosen_engines);

static const struct ioe_ops default_files = FILES(options_bad_default, OPT_FAULT);
static const struct ioe_ops *const default_engines[] = { &default_files, &chosen_null };
PLUGIN(default_plugin, "iodyno", default_engines);

static const struct ioe_ops no_help_files = FILES(options_no_help, OPT_FAULT);
static const struct ioe_ops *const no_help_engines[] = { &no_help_files, &chosen_null };
PLUGIN(no_help_plugin, "iodyno", no_help_engines);

static const struct ioe_plugin *refuse_major(const struct ioe_host *host, char *err, size_t errcap)
{
	if (told(FAULT_entry_overflow))
		memset(err, 'x', errcap + 16);
	else
		snprintf(err, errcap, "faulty speaks engine ABI %u, the host offers %u",
			 (unsigned)IOE_ABI_MAJOR, (unsigned)host->abi_major);
	return NULL;
}

IOE_EXPORT const struct ioe_plugin *ioe_plugin_entry_v1(const struct ioe_host *host, char *err,
							size_t errcap)
{
	const struct choice choice = chosen_by_environment();
	static int calls;

	if (host->abi_major != IOE_ABI_MAJOR && choice.fault != FAULT_entry_any_major)
		return refuse_major(host, err, errcap);
	if (choice.is_given && !choice.is_known) {
		snprintf(err, errcap, "IODYNO_FAULTY names no fault; `iodyno engines show` lists them");
		return NULL;
	}
	switch (choice.fault) {
	case FAULT_entry_segv: crash(); break;
	case FAULT_entry_hang: hang(); break;
	case FAULT_entry_null: return NULL;
	case FAULT_entry_one_minor:
		if (host->abi_minor == IOE_ABI_MINOR)
			break;
		snprintf(err, errcap, "wants a host of minor %u and no other", (unsigned)IOE_ABI_MINOR);
		return NULL;
	case FAULT_entry_changes:
		return __atomic_fetch_add(&calls, 1, __ATOMIC_SEQ_CST) ? &another_plugin : &chosen_plugin;
	case FAULT_bad_string: return &bad_string_plugin;
	case FAULT_option_default: return &default_plugin;
	case FAULT_option_no_help: return &no_help_plugin;
	default: break;
	}
	return choice.is_given ? &chosen_plugin : &plugin;
}
