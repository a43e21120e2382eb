/* A synchronous engine that moves no data and says which one it is: WHO, a macro, is its version and
 * what it answers to iodyno.identify/1. So the report shows what was probed and what really ran.
 *
 * It can also exchange a plugin's file while it is itself being loaded. WHO_SWAP=ROLE:HOW:FROM:TO in
 * the environment: in a process of this role (probe, cell), FROM is renamed to TO, or its content is
 * written into the file TO that is there. Once: FROM is gone afterwards. WHO_ONLY names the one that
 * does it. WHO_RAN names a file that gets "WHO ROLE" a line for each constructor that ran. */
#include "plugin.h"
#include <fcntl.h>
#include <unistd.h>

#ifndef WHO
#define WHO "one"
#endif
#ifndef ENGINE
#define ENGINE "who"
#endif

static const char *role(void)
{
	char line[4096];
	int fd = open("/proc/self/cmdline", O_RDONLY);
	ssize_t len = fd < 0 ? 0 : read(fd, line, sizeof(line));
	size_t name = len > 0 ? strnlen(line, (size_t)len) + 1 : 0;

	close(fd);
	if (len <= 0 || name + 8 > (size_t)len)
		return "other";
	if (!strncmp(line + name, "__probe", 7))
		return "probe";
	return !strncmp(line + name, "__cell", 6) ? "cell" : "other";
}

static void overwrite(const char *from, const char *to)
{
	char bytes[4096];
	/* Not truncated first: that would pull the pages from under a process that has it mapped. */
	int in = open(from, O_RDONLY), out = open(to, O_WRONLY);
	off_t len = 0;
	ssize_t n;

	if (in < 0 || out < 0)
		_exit(91);
	while ((n = read(in, bytes, sizeof(bytes))) > 0) {
		if (write(out, bytes, (size_t)n) != n)
			_exit(92);
		len += n;
	}
	if (ftruncate(out, len))
		_exit(93);
	close(in);
	close(out);
	unlink(from);
}

static void swap(const char *plan)
{
	char text[4096], *how, *from, *to;

	snprintf(text, sizeof(text), "%s", plan);
	how = strchr(text, ':');
	from = how ? strchr(how + 1, ':') : NULL;
	to = from ? strchr(from + 1, ':') : NULL;
	if (!to)
		_exit(90);
	*how++ = *from++ = *to++ = 0;
	if (strcmp(text, role()) || access(from, F_OK))
		return;
	if (!strcmp(how, "rename") && rename(from, to))
		_exit(94);
	if (!strcmp(how, "rewrite"))
		overwrite(from, to);
}

__attribute__((constructor)) static void loaded(void)
{
	const char *plan = getenv("WHO_SWAP"), *only = getenv("WHO_ONLY"), *ran = getenv("WHO_RAN");
	int fd = ran ? open(ran, O_WRONLY | O_CREAT | O_APPEND, 0600) : -1;

	if (fd >= 0) {
		dprintf(fd, "%s %s\n", WHO, role());
		close(fd);
	}
	if (plan && (!only || !strcmp(only, WHO)))
		swap(plan);
}

static ioe_status who_init(const struct ioe_host *host, const struct ioe_job *job, void **inst)
{
	(void)host, (void)job;
	*inst = NULL;
	return 0;
}

static int32_t who_queue(void *inst, struct ioe_io *io)
{
	(void)inst, (void)io;
	return IOE_Q_COMPLETED;
}

static ioe_status who_get(void *inst, struct ioe_file *file, void *sink, ioe_put_fn put)
{
	(void)inst, (void)file;
	put(sink, "who", WHO);
	return 0;
}

static const void *who_extension(void *inst, const char *id)
{
	static const struct ioe_identify_1 identify = {
		.struct_size = sizeof(struct ioe_identify_1), .get = who_get,
	};

	(void)inst;
	return strcmp(id, "iodyno.identify/1") ? NULL : &identify;
}

static const struct ioe_ops who_ops = {
	.struct_size = sizeof(struct ioe_ops),
	.flags = IOE_F_SYNC | IOE_F_DISKLESS | IOE_F_FAKE,
	.name = ENGINE,
	.help = "says who it is",
	.init = who_init,
	.queue = who_queue,
	.get_extension = who_extension,
};
static const struct ioe_ops *const engine_list[] = { &who_ops };
static const struct ioe_layout layout = IOE_LAYOUT_INIT;
static const struct ioe_plugin description = {
	.magic = IOE_MAGIC, .struct_size = sizeof(struct ioe_plugin),
	.abi_major = IOE_ABI_MAJOR, .abi_minor = IOE_ABI_MINOR, .n_engines = 1,
	.id = "org.iodyno.who", .vendor = "iodyno tests", .version = WHO,
	.license = "MIT OR Apache-2.0", .engines = engine_list, .layout = &layout,
};

IOE_EXPORT const struct ioe_plugin *ioe_plugin_entry_v1(const struct ioe_host *host, char *err,
							size_t errcap)
{
	(void)host, (void)err, (void)errcap;
	return &description;
}
