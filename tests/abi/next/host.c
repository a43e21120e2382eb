/* A host of the next minor, which exists for the tests alone: loads one plugin with tables larger than
 * today's and drives an instance through one file: write, read back, fsync, end of file, an operation
 * that no engine knows. `host PLUGIN FILE` prints "NAME 1.MINOR ok", or what was wrong.
 * A program for tests: no probe, no trust, no limits. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <iodyno_engine.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHECK(condition) \
	do { \
		if (!(condition)) { \
			fprintf(stderr, "line %d: %s\n", __LINE__, #condition); \
			exit(1); \
		} \
	} while (0)

enum { LEN = 4096, OPTIONS_MAX = 16, NO_OP = 63 };

static int asked_new;

static void host_log(void *ctx, int32_t level, const char *msg)
{
	(void)ctx, (void)level;
	fprintf(stderr, "log: %s\n", msg);
}

static void host_set_error(void *ctx, int32_t err, const char *msg)
{
	(void)ctx;
	fprintf(stderr, "error %d: %s\n", err, msg);
}

static uint64_t host_now_ns(void *ctx)
{
	(void)ctx;
	return 1;
}

static void *host_alloc(void *ctx, size_t size, size_t align)
{
	void *p = aligned_alloc(align, size);

	(void)ctx;
	return p ? memset(p, 0, size) : NULL;
}

static void host_free(void *ctx, void *p, size_t size, size_t align)
{
	(void)ctx, (void)size, (void)align;
	free(p);
}

static int32_t host_should_stop(void *ctx)
{
	(void)ctx;
	return 0;
}

static const void *host_get_extension(void *ctx, const char *id)
{
	(void)ctx, (void)id;
	return NULL;
}

static int32_t host_new(void *ctx)
{
	(void)ctx;
	asked_new++;
	return 11;
}

static const struct ioe_host host = {
	.struct_size = sizeof(struct ioe_host),
	.abi_major = IOE_ABI_MAJOR, .abi_minor = IOE_ABI_MINOR,
	.name = "next", .version = "1", .log = host_log, .set_error = host_set_error,
	.now_ns = host_now_ns, .alloc = host_alloc, .free = host_free,
	.should_stop = host_should_stop, .get_extension = host_get_extension,
	.new_host = host_new,
};

/* The engine's table as far as both sides know it, zeroes behind that. */
static struct ioe_ops copied(const struct ioe_ops *from)
{
	struct ioe_ops own = { 0 };

	memcpy(&own, from, from->struct_size < sizeof(own) ? from->struct_size : sizeof(own));
	return own;
}

/* One request, to its end. */
static void request(const struct ioe_ops *ops, void *inst, struct ioe_io *io, uint32_t op,
		    uint64_t offset)
{
	struct ioe_io *back = NULL;
	int32_t answer;

	io->op = op, io->offset = offset, io->len = op == IOE_OP_FSYNC ? 0 : LEN;
	io->resid = 0, io->error = 0, io->issue_ns = 0, io->vendor_status = 0;
	CHECK(!ops->prep || ops->prep(inst, io) >= 0);
	answer = ops->queue(inst, io);
	if (answer == IOE_Q_QUEUED) {
		CHECK(!ops->commit || ops->commit(inst) >= 0);
		CHECK(ops->getevents(inst, 1, 1, -1, &back) == 1 && back == io);
		answer = IOE_Q_COMPLETED;
	}
	CHECK(answer == IOE_Q_COMPLETED);
	CHECK(io->struct_size == sizeof(*io) && io->new_io == 77 && io->host_cookie == 5);
}

static void transfer(const struct ioe_ops *ops, void *inst, struct ioe_io *io)
{
	unsigned char *buf = io->buf, pattern[LEN];
	int n;

	for (n = 0; n < LEN; n++)
		pattern[n] = (unsigned char)(n * 7 + 3);
	memcpy(buf, pattern, LEN);
	request(ops, inst, io, IOE_OP_WRITE, LEN);
	CHECK(io->error == 0 && io->resid == 0 && memcmp(buf, pattern, LEN) == 0);
	memset(buf, 0, LEN);
	request(ops, inst, io, IOE_OP_READ, LEN);
	CHECK(io->error == 0 && io->resid == 0 && memcmp(buf, pattern, LEN) == 0);
	request(ops, inst, io, IOE_OP_FSYNC, 0);
	CHECK(io->error == 0);
	request(ops, inst, io, IOE_OP_READ, 2 * LEN);
	CHECK(io->error == 0 && io->resid == LEN); /* the end of the file */
	request(ops, inst, io, NO_OP, 0);
	CHECK(io->error == EOPNOTSUPP && io->resid == LEN);
}

static void drive(const struct ioe_ops *ops, const char *path)
{
	static struct ioe_value values[OPTIONS_MAX];
	const struct ioe_value *opts[OPTIONS_MAX];
	struct ioe_job job = { .struct_size = sizeof(job), .iodepth = 1, .numjobs = 1,
			       .max_bs = LEN, .align = LEN, .name = "job", .op_mask = 0xb,
			       .opts = opts, .n_opts = ops->n_options, .new_job = 1 };
	struct ioe_file file = { .struct_size = sizeof(file), .fd = -1, .name = path,
				 .kind = IOE_KIND_REGULAR, .block_size = 512, .new_file = 1,
				 .open_flags = IOE_OPEN_READ | IOE_OPEN_WRITE | IOE_OPEN_CREATE };
	struct ioe_io io = { .struct_size = sizeof(io), .file = &file, .buf_index = UINT32_MAX,
			     .host_cookie = 5, .new_io = 77 };
	struct ioe_caps caps = { .struct_size = sizeof(caps), .flags = ops->flags };
	void *inst = NULL;
	uint32_t n;

	CHECK(ops->n_options <= OPTIONS_MAX);
	for (n = 0; n < ops->n_options; n++) {
		values[n].struct_size = sizeof(values[n]);
		values[n].type = ops->options[n]->type;
		opts[n] = &values[n];
	}
	CHECK(!ops->init || ops->init(&host, &job, &inst) >= 0);
	CHECK(!ops->get_caps || ops->get_caps(inst, &caps) >= 0);
	CHECK(caps.struct_size == sizeof(caps));
	if (!ops->open_file || ops->open_file(inst, &file) == IOE_OPEN_HOST)
		file.fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	CHECK(file.fd >= 0);
	CHECK(!ops->get_file_size || ops->get_file_size(inst, &file) >= 0);
	io.buf = aligned_alloc(LEN, LEN);
	io.engine_data = ops->io_private_size ? calloc(1, ops->io_private_size) : NULL;
	CHECK(!ops->io_init || ops->io_init(inst, &io) >= 0);
	CHECK(!ops->start || ops->start(inst) >= 0);
	CHECK(!ops->new_ops || ops->new_ops(inst) == 0);
	transfer(ops, inst, &io);
	if (ops->io_free)
		ops->io_free(inst, &io);
	CHECK(!ops->close_file || ops->close_file(inst, &file) >= 0);
	if (ops->cleanup)
		ops->cleanup(inst);
	close(file.fd);
	free(io.buf);
	free(io.engine_data);
	CHECK(file.struct_size == sizeof(file) && file.new_file == 1);
}

int main(int argc, char **argv)
{
	const struct ioe_plugin *plugin;
	struct ioe_ops ops;
	ioe_plugin_entry_v1_fn entry;
	char words[256] = "";
	void *library;

	CHECK(argc == 3);
	library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
	if (!library)
		fprintf(stderr, "%s\n", dlerror());
	CHECK(library);
	*(void **)&entry = dlsym(library, "ioe_plugin_entry_v1");
	CHECK(entry);
	plugin = entry(&host, words, sizeof(words));
	if (!plugin)
		fprintf(stderr, "refused: %s\n", words);
	CHECK(plugin);
	CHECK(plugin->magic == IOE_MAGIC && plugin->abi_major == IOE_ABI_MAJOR);
	CHECK(plugin->need_minor <= IOE_ABI_MINOR);
	ops = copied(plugin->engines[0]);
	CHECK((plugin->abi_minor >= IOE_ABI_MINOR) == (ops.new_ops != NULL));
	CHECK(!plugin->setup || plugin->setup(&host) >= 0);
	drive(&ops, argv[2]);
	if (plugin->teardown)
		plugin->teardown();
	CHECK((asked_new > 0) == (plugin->abi_minor >= IOE_ABI_MINOR));
	printf("%s 1.%u ok\n", ops.name, (unsigned)plugin->abi_minor);
	fflush(stdout);
	_exit(0); /* nothing is unloaded, and no destructor of the plugin's runs */
}
