/* A small plugin whose every part can be set wrong from the compiler's command line.
 * Compiled by the tests in host/tests; without any -D it is a good synchronous engine. */
#include "iodyno_engine.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef NAME
#define NAME "faulty"
#endif
#ifndef ID
#define ID "org.example." NAME
#endif
#ifndef SECOND
#define SECOND NAME "-2"
#endif
#ifndef FLAGS
#define FLAGS IOE_F_SYNC
#endif
#ifndef QUEUE
#define QUEUE queue
#endif
#ifndef MAGIC
#define MAGIC IOE_MAGIC
#endif
#ifndef MAJOR
#define MAJOR IOE_ABI_MAJOR
#endif
#ifndef NEED_MINOR
#define NEED_MINOR 0
#endif
#ifndef SIZE
#define SIZE sizeof(struct ioe_plugin)
#endif
#ifndef ENTRY
#define ENTRY ioe_plugin_entry_v1
#endif

#ifdef CONSTRUCTOR
extern int nowhere_to_be_found(void);
__attribute__((constructor)) static void construct(void) { CONSTRUCTOR; }
#endif

#if defined(FIO)
struct { const char *name; int version; } ioengine = { "fio's", 32 };
#endif

#if !defined(FIO) && !defined(EMPTY)
static int32_t queue(void *inst, struct ioe_io *io)
{
	(void)inst; (void)io;
	return IOE_Q_COMPLETED;
}

static const struct ioe_choice fast = { sizeof fast, 0, "fast", 1, "does it now" };
static const struct ioe_choice slow = { sizeof slow, 0, "slow", 2, "does it later" };
static const struct ioe_choice *const choices[] = { &fast, &slow };
static const struct ioe_option mode = {
	.struct_size = sizeof mode, .type = IOE_OPT_ENUM, .n_choices = 2, .name = "mode", .help = "how",
	.def = "fast", .choices = choices,
};
static const struct ioe_option delay = {
	.struct_size = sizeof delay, .type = IOE_OPT_UINT, .name = "delay", .help = "how long",
#ifdef BAD_DEFAULT
	.def = BAD_DEFAULT,
#else
	.def = "1",
#endif
	.min = 0, .max = 10,
};
#ifdef OPTION_TYPE
static const struct ioe_option odd = {
	.struct_size = sizeof odd, .type = OPTION_TYPE, .name = "odd",
};
static const struct ioe_option *const options[] = { &mode, &delay, &odd };
#else
static const struct ioe_option *const options[] = { &mode, &delay };
#endif

static const struct ioe_ops ops = {
	.struct_size = sizeof ops, .n_options = sizeof options / sizeof *options, .flags = FLAGS,
	.name = NAME, .help = "is made for tests", .options = options, .queue = QUEUE,
};
static const struct ioe_ops second = {
	.struct_size = sizeof second, .flags = IOE_F_SYNC, .name = SECOND, .queue = queue,
};
#ifdef TWO
static const struct ioe_ops *const engines[] = { &ops, &second };
#else
static const struct ioe_ops *const engines[] = { &ops };
#endif

static const struct ioe_host *host;

static ioe_status setup(const struct ioe_host *from)
{
	host = from;
	host->log(host->ctx, IOE_LOG_INFO, "setup of " NAME);
#ifdef SETUP_FAILS
	host->set_error(host->ctx, EPERM, "the dongle is missing");
	return -EPERM;
#endif
	return 0;
}

static void teardown(void) { host->log(host->ctx, IOE_LOG_INFO, "teardown of " NAME); }

static struct ioe_layout layout = IOE_LAYOUT_INIT;
static struct ioe_plugin plugin = {
	.magic = MAGIC, .struct_size = SIZE, .abi_major = MAJOR, .abi_minor = IOE_ABI_MINOR,
	.need_minor = NEED_MINOR, .n_engines = sizeof engines / sizeof *engines, .id = ID,
	.vendor = "Example", .version = "1.0", .license = "MIT", .url = "https://example.org",
	.engines = engines, .layout = &layout, .setup = setup, .teardown = teardown,
};

IOE_EXPORT const struct ioe_plugin *ENTRY(const struct ioe_host *from, char *err, size_t errcap)
{
	(void)from; (void)err; (void)errcap; (void)&second;
#ifdef IN_ENTRY
	IN_ENTRY;
#endif
	return &plugin;
}
#endif
