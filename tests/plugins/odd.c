/* A plugin that is odd in one way, chosen when it is compiled (-DODD_...), before there is an
 * instance: what `iodyno check` has to notice, and plugins-example/faulty does not do. Its engine
 * moves no data. */
#include <iodyno_engine.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef ODD_EXPORT
/* Visible to everybody: nothing says that it is not. */
int helper_of_odd(void);
int helper_of_odd(void)
{
	return 7;
}
#endif

#ifdef ODD_SYMBOL
void nowhere_to_be_found(void);
#endif

static void *wait_forever(void *nothing)
{
	for (;;)
		pause();
	return nothing;
}

static inline void leave_a_thread(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, wait_forever, NULL) == 0)
		pthread_detach(thread);
}

/* Joined: it is gone, as far as anybody can see. */
static void *nothing_to_do(void *nothing)
{
	return nothing;
}

__attribute__((constructor)) static void construct(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, nothing_to_do, NULL) == 0)
		pthread_join(thread, NULL);
#ifdef ODD_SYMBOL
	nowhere_to_be_found();
#endif
#ifdef ODD_STDERR
	fputs("odd says hello", stderr);
#endif
#ifdef ODD_UMASK
	umask(0);
#endif
#ifdef ODD_LIMIT
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur -= 1;
	setrlimit(RLIMIT_NOFILE, &limit);
#endif
#ifdef ODD_MASK
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
#endif
#if defined(ODD_ARITHMETIC) && defined(__x86_64__)
	/* As -ffast-math does it: flush to zero, denormals are zero. */
	__builtin_ia32_ldmxcsr(__builtin_ia32_stmxcsr() | 0x8040);
#endif
#ifdef ODD_CLOSES
	close(STDIN_FILENO);
#endif
}

static int32_t odd_queue(void *inst, struct ioe_io *io)
{
	(void)inst;
	(void)io;
	return IOE_Q_COMPLETED;
}

static inline int32_t odd_getevents(void *inst, uint32_t min, uint32_t max, int64_t timeout_ns,
				    struct ioe_io **out)
{
	(void)inst;
	(void)min;
	(void)max;
	(void)timeout_ns;
	(void)out;
	return 0;
}

#ifdef ODD_NAME
#define OPTION_NAME "iodepth"
#else
#define OPTION_NAME "odd_option"
#endif
#ifdef ODD_CHOICE
#define CHOICE_HELP NULL
#else
#define CHOICE_HELP "the only one"
#endif
#ifdef ODD_DEFAULT
#define OPTION_DEFAULT "two"
#else
#define OPTION_DEFAULT "one"
#endif
static const struct ioe_choice odd_choice = {
	.struct_size = sizeof(struct ioe_choice), .name = "one", .value = 1, .help = CHOICE_HELP,
};
static const struct ioe_choice *const odd_choices[] = { &odd_choice };
static const struct ioe_option odd_option = {
	.struct_size = sizeof(struct ioe_option), .type = IOE_OPT_ENUM, .name = OPTION_NAME,
	.def = OPTION_DEFAULT, .help = "takes one value", .n_choices = 1, .choices = odd_choices,
#ifdef ODD_OPTION_FLAG
	.flags = UINT32_C(1) << 20,
#endif
};
static const struct ioe_option *const odd_options[] = { &odd_option };

static const struct ioe_ops odd_ops = {
	.struct_size = sizeof(struct ioe_ops),
	.flags = IOE_F_SYNC | IOE_F_DISKLESS | IOE_F_FAKE
#ifdef ODD_FLAG
		 | UINT64_C(1) << 20
#endif
#ifdef ODD_HIGH_FLAG
		 | UINT64_C(1) << 40
#endif
		 ,
#ifdef ODD_ENGINE_NAME
	.name = "Odd",
#else
	.name = "odd",
#endif
	.help = "moves no data",
	.n_options = 1,
	.options = odd_options,
#ifdef ODD_RESERVED
	.reserved = 1,
#endif
#ifndef ODD_NO_QUEUE
	.queue = odd_queue,
#endif
#ifdef ODD_GETEVENTS
	.getevents = odd_getevents,
#endif
};

/* Where an operand of the table is not used by the variant at hand. */
static void *const unused[] __attribute__((unused)) = {
	(void *)odd_queue, (void *)odd_getevents, (void *)leave_a_thread,
};

static ioe_status odd_setup(const struct ioe_host *host)
{
	(void)host;
#ifdef ODD_SETUP_THREAD
	leave_a_thread();
#endif
#ifdef ODD_SETUP_SIGNAL
	signal(SIGUSR2, SIG_IGN);
#endif
#ifdef ODD_SETUP_SIZE
	return ((const volatile char *)host)[sizeof(*host)] ? 0 : 0;
#endif
	return 0;
}

static void odd_teardown(void)
{
}

#ifdef ODD_NO_ENGINE
#define ENGINES 0
#else
#define ENGINES 1
#endif
#ifdef ODD_VENDOR
#define VENDOR "io\tdyno"
#else
#define VENDOR "iodyno"
#endif
#ifdef ODD_ID
#define ID "org:example"
#else
#define ID "org.iodyno.test.odd"
#endif
static const struct ioe_ops *const odd_engines[] = { &odd_ops };
static const struct ioe_layout odd_layout = IOE_LAYOUT_INIT;
static const struct ioe_plugin odd_plugin = {
	.magic = IOE_MAGIC,
	.struct_size = sizeof(struct ioe_plugin),
	.abi_major = IOE_ABI_MAJOR,
	.abi_minor = IOE_ABI_MINOR,
	.n_engines = ENGINES,
	.id = ID,
	.vendor = VENDOR,
	.version = "1",
	.engines = odd_engines,
	.layout = &odd_layout,
	.setup = odd_setup,
	.teardown = odd_teardown,
};

IOE_EXPORT const struct ioe_plugin *ioe_plugin_entry_v1(const struct ioe_host *host, char *err,
							size_t errcap)
{
#ifdef ODD_ENTRY_SIZE
	(void)((const volatile char *)host)[sizeof(*host)];
#endif
#ifdef ODD_STRICT_SIZE
	if (host->struct_size != sizeof(*host)) {
		snprintf(err, errcap, "wants its own host");
		return NULL;
	}
#endif
	if (host->abi_major == IOE_ABI_MAJOR)
		return &odd_plugin;
#ifdef ODD_SILENT
	if (errcap)
		err[0] = 0;
#elif defined(ODD_UNENDED)
	memset(err, 'x', errcap);
#elif defined(ODD_NULL)
	strncpy(err, "another major", errcap ? errcap : 1);
	if (errcap)
		err[errcap - 1] = 0;
#else
	snprintf(err, errcap, "odd speaks engine ABI %u", (unsigned)IOE_ABI_MAJOR);
#endif
	return NULL;
}
