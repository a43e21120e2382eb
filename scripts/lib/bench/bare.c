/*
 * Bare loops: what the system calls beneath an engine cost when nothing is around them.
 *
 *   bare [-s] [-d] [-b BYTES] [-o random|anywhere|sequential] LOOP TARGET SECONDS
 *
 * Compiled and run by scripts/lib/bench/programs.py. Prints how many requests were made and how
 * many nanoseconds of CPU time (user and system, of all threads) they took. TARGET is a file or a
 * device of whole blocks; a directory for the loops that make and remove names; a socket's path for
 * net-unix; a number of bytes for null, of threads for crowd.
 *
 * Checks each result, and keeps nothing but an offset. With -s the clock is read before and after
 * each step, unfenced, as nobody can do without who tells latencies. -d opens with O_DIRECT, -b
 * sets the size of a block (4096), -o how offsets go: each block once before any of them again
 * (random), each as often as chance has it (anywhere), one after the other (sequential).
 */
#define _GNU_SOURCE
#include <aio.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/io_uring.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define DEPTH 32
#define NAMES 20000
#define STEPS_BETWEEN_CLOCK_READS 64

struct loop {
	const char *name;
	void (*prepare)(const char *target);
	void (*step)(void);
	unsigned int requests;      /* of one step */
	unsigned int steps;         /* so many and no more; 0: as many as the time allows */
	uint64_t (*finish)(void);   /* ends what is still going on; requests that others made */
};

enum order { RANDOM, ANYWHERE, SEQUENTIAL };

static long block = 4096;
static enum order order = RANDOM;
static int open_flags = O_RDWR;
static double seconds; /* of a run */

static int fd;
static uint64_t blocks;
static uint32_t blocks_mask; /* 2^n - 1, n the least for which there are no more blocks */
static unsigned char *buffers; /* DEPTH blocks */

static void fail(const char *what)
{
	fprintf(stderr, "bare: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void expect(long result, long wanted, const char *what)
{
	if (result == wanted)
		return;
	if (result >= 0)
		errno = EIO;
	fail(what);
}

static off_t anywhere(void)
{
	static uint64_t state = 0x9e3779b97f4a7c15;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (off_t)((state >> 32) * blocks >> 32) * block;
}

/*
 * Each block once, then all of them again, as with a random map: offsets that may repeat find more
 * in the processor's caches. The multiplier and the odd addend make a cycle of all numbers below a
 * power of two; those behind the last block are passed over.
 */
static off_t next_offset(void)
{
	static uint32_t state;

	if (order == ANYWHERE)
		return anywhere();
	if (order == SEQUENTIAL) {
		state = state + 1 < blocks ? state + 1 : 0;
		return (off_t)state * block;
	}
	do
		state = (state * 1664525 + 1013904223) & blocks_mask;
	while (state >= blocks);
	return (off_t)state * block;
}

static void divide(uint64_t bytes)
{
	blocks = bytes / (uint64_t)block;
	if (blocks == 0 || blocks > UINT32_MAX / 2) {
		errno = EINVAL;
		fail("a target of no or too many blocks");
	}
	while (blocks_mask + 1 < blocks)
		blocks_mask = blocks_mask * 2 + 1;
}

static void open_target(const char *target)
{
	off_t bytes;

	fd = open(target, open_flags);
	if (fd < 0)
		fail(target);
	bytes = lseek(fd, 0, SEEK_END); /* of devices as well, which fstat says nothing of */
	if (bytes < 0)
		fail(target);
	divide((uint64_t)bytes);
}

/* One call a request */

static void step_pread(void)
{
	expect(pread(fd, buffers, block, next_offset()), block, "pread");
}

static void step_seek_read(void)
{
	if (lseek(fd, next_offset(), SEEK_SET) < 0)
		fail("lseek");
	expect(read(fd, buffers, block), block, "read");
}

static void step_seek_readv(void)
{
	struct iovec part = { buffers, (size_t)block };

	if (lseek(fd, next_offset(), SEEK_SET) < 0)
		fail("lseek");
	expect(readv(fd, &part, 1), block, "readv");
}

static void step_preadv(void)
{
	struct iovec part = { buffers, (size_t)block };

	expect(preadv(fd, &part, 1, next_offset()), block, "preadv");
}

static void step_preadv2(void)
{
	struct iovec part = { buffers, (size_t)block };

	expect(preadv2(fd, &part, 1, next_offset(), 0), block, "preadv2");
}

static void step_nowait(void)
{
	struct iovec part = { buffers, (size_t)block };

	expect(preadv2(fd, &part, 1, next_offset(), RWF_NOWAIT), block, "preadv2 RWF_NOWAIT");
}

static void step_fallocate(void)
{
	expect(fallocate(fd, FALLOC_FL_KEEP_SIZE, next_offset(), block), 0, "fallocate");
}

static void step_ftruncate(void)
{
	expect(ftruncate(fd, next_offset() + block), 0, "ftruncate");
}

/* A mapping, and a pipe */

static unsigned char *mapping;

static void prepare_mapping(const char *target)
{
	open_target(target);
	mapping = mmap(NULL, blocks * (uint64_t)block, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);
	if (mapping == MAP_FAILED)
		fail("mmap");
}

static void step_memcpy(void)
{
	memcpy(buffers, mapping + next_offset(), block);
	__asm__ volatile("" : : "r"(buffers) : "memory"); /* the copy is wanted */
}

static void step_vm_read(void)
{
	static pid_t self;
	struct iovec to = { buffers, (size_t)block };
	struct iovec from = { mapping + next_offset(), (size_t)block };

	if (self == 0)
		self = getpid();
	expect(process_vm_readv(self, &to, 1, &from, 1, 0), block, "process_vm_readv");
}

static int pipe_ends[2];

static void prepare_pipe(const char *target)
{
	open_target(target);
	if (pipe(pipe_ends) != 0)
		fail("pipe");
}

static void step_splice(void)
{
	off_t offset = next_offset();

	expect(splice(fd, &offset, pipe_ends[1], NULL, block, SPLICE_F_MOVE), block, "splice");
	expect(read(pipe_ends[0], buffers, block), block, "read from the pipe");
}

/* Linux asynchronous I/O */

static aio_context_t context;
static struct iocb iocbs[DEPTH];
static struct iocb *iocb_list[DEPTH];
static struct io_event events[DEPTH];

static void prepare_libaio(const char *target)
{
	open_target(target);
	if (syscall(SYS_io_setup, DEPTH, &context) != 0)
		fail("io_setup");
}

static void libaio_batch(long count)
{
	for (long i = 0; i < count; i++) {
		iocbs[i] = (struct iocb){
			.aio_lio_opcode = IOCB_CMD_PREAD,
			.aio_fildes = (uint32_t)fd,
			.aio_buf = (uintptr_t)(buffers + i * block),
			.aio_nbytes = (uint64_t)block,
			.aio_offset = next_offset(),
		};
		iocb_list[i] = &iocbs[i];
	}
	expect(syscall(SYS_io_submit, context, count, iocb_list), count, "io_submit");
	expect(syscall(SYS_io_getevents, context, count, count, events, NULL), count, "io_getevents");
	for (long i = 0; i < count; i++)
		expect((long)events[i].res, block, "a request of libaio's");
}

static void step_libaio_1(void)
{
	libaio_batch(1);
}

static void step_libaio_32(void)
{
	libaio_batch(DEPTH);
}

/* io_uring */

static struct {
	int fd;
	unsigned char *sq;
	unsigned char *cq;
	struct io_uring_sqe *sqes;
	struct io_uring_params params;
	bool fixed;
} ring;

static unsigned int *ring_word(unsigned char *base, uint32_t offset)
{
	return (unsigned int *)(void *)(base + offset);
}

static void *map_ring(size_t size, off_t what)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring.fd, what);

	if (at == MAP_FAILED)
		fail("mmap of the ring");
	return at;
}

static void prepare_io_uring(const char *target)
{
	struct io_uring_params *params = &ring.params;

	open_target(target);
	params->flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;
	ring.fd = (int)syscall(SYS_io_uring_setup, DEPTH, params);
	if (ring.fd < 0 && errno == EINVAL) { /* before Linux 6.1 */
		memset(params, 0, sizeof(*params));
		ring.fd = (int)syscall(SYS_io_uring_setup, DEPTH, params);
	}
	if (ring.fd < 0)
		fail("io_uring_setup");
	ring.sq = map_ring(params->sq_off.array + params->sq_entries * sizeof(uint32_t),
			   IORING_OFF_SQ_RING);
	ring.cq = map_ring(params->cq_off.cqes + params->cq_entries * sizeof(struct io_uring_cqe),
			   IORING_OFF_CQ_RING);
	ring.sqes = map_ring(params->sq_entries * sizeof(struct io_uring_sqe), IORING_OFF_SQES);
	for (uint32_t i = 0; i < params->sq_entries; i++)
		ring_word(ring.sq, params->sq_off.array)[i] = i;
}

static void prepare_io_uring_fixed(const char *target)
{
	struct iovec all = { buffers, DEPTH * (size_t)block };

	prepare_io_uring(target);
	if (syscall(SYS_io_uring_register, ring.fd, IORING_REGISTER_BUFFERS, &all, 1) != 0)
		fail("registering buffers");
	if (syscall(SYS_io_uring_register, ring.fd, IORING_REGISTER_FILES, &fd, 1) != 0)
		fail("registering files");
	ring.fixed = true;
}

static void io_uring_batch(unsigned int count)
{
	const struct io_uring_params *params = &ring.params;
	unsigned int *sq_tail = ring_word(ring.sq, params->sq_off.tail);
	unsigned int *cq_head = ring_word(ring.cq, params->cq_off.head);
	unsigned int *cq_tail = ring_word(ring.cq, params->cq_off.tail);
	struct io_uring_cqe *cqes = (void *)(ring.cq + params->cq_off.cqes);
	unsigned int tail = *sq_tail;
	unsigned int head = *cq_head;

	for (unsigned int i = 0; i < count; i++) {
		ring.sqes[(tail + i) & (params->sq_entries - 1)] = (struct io_uring_sqe){
			.opcode = ring.fixed ? IORING_OP_READ_FIXED : IORING_OP_READ,
			.flags = ring.fixed ? IOSQE_FIXED_FILE : 0,
			.fd = ring.fixed ? 0 : fd,
			.addr = (uintptr_t)(buffers + i * block),
			.len = (uint32_t)block,
			.off = (uint64_t)next_offset(),
		};
	}
	__atomic_store_n(sq_tail, tail + count, __ATOMIC_RELEASE);
	expect(syscall(SYS_io_uring_enter, ring.fd, count, count, IORING_ENTER_GETEVENTS, NULL, 0),
	       count, "io_uring_enter");
	expect(__atomic_load_n(cq_tail, __ATOMIC_ACQUIRE) - head, count, "completions");
	for (unsigned int i = 0; i < count; i++)
		expect(cqes[(head + i) & (params->cq_entries - 1)].res, block, "a request of io_uring's");
	__atomic_store_n(cq_head, head + count, __ATOMIC_RELEASE);
}

static void step_io_uring_1(void)
{
	io_uring_batch(1);
}

static void step_io_uring_32(void)
{
	io_uring_batch(DEPTH);
}

/* The C library's asynchronous I/O */

static void step_posixaio(void)
{
	struct aiocb request = {
		.aio_fildes = fd,
		.aio_buf = buffers,
		.aio_nbytes = (size_t)block,
		.aio_offset = next_offset(),
		.aio_sigevent.sigev_notify = SIGEV_NONE,
	};
	const struct aiocb *list[] = { &request };

	if (aio_read(&request) != 0)
		fail("aio_read");
	while (aio_error(&request) == EINPROGRESS)
		if (aio_suspend(list, 1, NULL) != 0 && errno != EINTR)
			fail("aio_suspend");
	expect(aio_return(&request), block, "a request of aio_read's");
}

/* Sockets: the other side is a thread, whose CPU time and requests count as well */

static pthread_t receiver;
static int receiving;

static void *receive_all(void *unused)
{
	unsigned char *buffer = malloc(block);
	static uint64_t received;
	ssize_t got;

	(void)unused;
	if (buffer == NULL)
		fail("memory");
	while ((got = recv(receiving, buffer, block, MSG_WAITALL)) == block)
		received++;
	free(buffer);
	expect(got, 0, "recv");
	return &received;
}

static void connect_to_thread(const struct sockaddr *address, socklen_t len)
{
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_un un;
	} bound;
	socklen_t bound_len = sizeof(bound);
	int listening = socket(address->sa_family, SOCK_STREAM, 0);

	if (listening < 0 || bind(listening, address, len) != 0 || listen(listening, 1) != 0 ||
	    getsockname(listening, &bound.any, &bound_len) != 0)
		fail("listen");
	fd = socket(address->sa_family, SOCK_STREAM, 0);
	if (fd < 0 || connect(fd, &bound.any, bound_len) != 0)
		fail("connect");
	receiving = accept(listening, NULL, NULL);
	if (receiving < 0)
		fail("accept");
	close(listening);
	errno = pthread_create(&receiver, NULL, receive_all, NULL);
	if (errno != 0)
		fail("pthread_create");
}

static void prepare_tcp(const char *unused)
{
	struct sockaddr_in address = { .sin_family = AF_INET };

	(void)unused;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	connect_to_thread((struct sockaddr *)&address, sizeof(address));
}

static void prepare_unix(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(address.sun_path)) {
		errno = ENAMETOOLONG;
		fail(path);
	}
	strcpy(address.sun_path, path);
	connect_to_thread((struct sockaddr *)&address, sizeof(address));
	unlink(path);
}

static void step_send(void)
{
	expect(send(fd, buffers, block, MSG_NOSIGNAL), block, "send");
}

static uint64_t finish_net(void)
{
	void *received;

	shutdown(fd, SHUT_WR);
	pthread_join(receiver, &received);
	return *(uint64_t *)received;
}

/* Names in a directory */

static char (*names)[256];
static unsigned int next_name;

static void prepare_names(const char *directory)
{
	names = calloc(NAMES, sizeof(*names));
	if (names == NULL)
		fail("memory");
	for (unsigned int i = 0; i < NAMES; i++)
		snprintf(names[i], sizeof(*names), "%s/bare.%u", directory, i);
}

static const char *name(void)
{
	return names[next_name++ % NAMES];
}

static void make_file(const char *path)
{
	int made = open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);

	if (made < 0)
		fail(path);
	close(made);
}

static void make_directory(const char *path)
{
	if (mkdir(path, 0755) != 0)
		fail(path);
}

static void prepare_files(const char *directory)
{
	prepare_names(directory);
	for (unsigned int i = 0; i < NAMES; i++)
		make_file(names[i]);
}

static void prepare_directories(const char *directory)
{
	prepare_names(directory);
	for (unsigned int i = 0; i < NAMES; i++)
		make_directory(names[i]);
}

static void step_create(void)
{
	make_file(name());
}

static void step_stat(void)
{
	struct stat status;

	if (stat(name(), &status) != 0)
		fail("stat");
}

static void step_unlink(void)
{
	if (unlink(name()) != 0)
		fail("unlink");
}

static void step_mkdir(void)
{
	make_directory(name());
}

static void step_rmdir(void)
{
	if (rmdir(name()) != 0)
		fail("rmdir");
}

/* No system call at all: what is left is the offset, and a call through a pointer */

struct unit {
	off_t offset;
	unsigned char *buffer;
	long result;
};

static struct unit units[DEPTH];
static unsigned int next_unit;

static void null_queue(struct unit *unit)
{
	unit->result = block;
	__asm__ volatile("" : : "r"(unit) : "memory"); /* the unit is wanted */
}

static unsigned int null_getevents(void)
{
	__asm__ volatile("" : : : "memory");
	return DEPTH;
}

static void (*volatile engine_queue)(struct unit *) = null_queue;
static unsigned int (*volatile engine_getevents)(void) = null_getevents;

static void prepare_null(const char *bytes)
{
	divide(strtoull(bytes, NULL, 10));
}

/* The step itself is called through a pointer. */
static void step_null_1(void)
{
	units[0].offset = next_offset();
	null_queue(&units[0]);
}

/* Queues one, and takes back the one that has waited longest. */
static void step_null_32(void)
{
	struct unit *unit = &units[next_unit++ % DEPTH];

	expect(unit->result, block, "a request of null's");
	unit->offset = next_offset();
	engine_queue(unit);
}

static void prepare_null_32(const char *bytes)
{
	prepare_null(bytes);
	for (unsigned int i = 0; i < DEPTH; i++)
		units[i].result = block;
}

static void step_null_batch(void)
{
	unsigned int done;

	for (unsigned int i = 0; i < DEPTH; i++) {
		units[i].offset = next_offset();
		engine_queue(&units[i]);
	}
	done = engine_getevents();
	for (unsigned int i = 0; i < done; i++)
		expect(units[i].result, block, "a request of null's");
}

/* As many threads as TARGET says, each of which makes a request and waits for the end */

#define CROWD_STACK (128 << 10)

static unsigned int crowd;
static unsigned int crowd_ready;

static void *one_of_many(void *unit)
{
	((struct unit *)unit)->offset = 0;
	engine_queue(unit);
	__atomic_add_fetch(&crowd_ready, 1, __ATOMIC_RELAXED);
	usleep((useconds_t)(seconds * 1e6));
	return NULL;
}

static void prepare_crowd(const char *threads)
{
	crowd = (unsigned int)strtoul(threads, NULL, 10);
	if (crowd == 0) {
		errno = EINVAL;
		fail("a crowd of none");
	}
}

static void step_crowd(void)
{
	pthread_t *threads = calloc(crowd, sizeof(*threads));
	struct unit *theirs = calloc(crowd, sizeof(*theirs));
	pthread_attr_t attributes;

	if (threads == NULL || theirs == NULL)
		fail("memory");
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, CROWD_STACK);
	for (unsigned int i = 0; i < crowd; i++) {
		errno = pthread_create(&threads[i], &attributes, one_of_many, &theirs[i]);
		if (errno != 0)
			fail("pthread_create");
	}
	for (unsigned int i = 0; i < crowd; i++)
		pthread_join(threads[i], NULL);
	expect(crowd_ready, crowd, "threads that made their request");
	free(theirs);
	free(threads);
}

static const struct loop loops[] = {
	{ "null-1", prepare_null, step_null_1, 1, 0, NULL },
	{ "null-32", prepare_null_32, step_null_32, 1, 0, NULL },
	{ "null-32-batch", prepare_null, step_null_batch, DEPTH, 0, NULL },
	{ "crowd", prepare_crowd, step_crowd, 1, 1, NULL },
	{ "pread-alone", open_target, step_pread, 1, 0, NULL },
	{ "pread", open_target, step_pread, 1, 0, NULL },
	{ "lseek-read", open_target, step_seek_read, 1, 0, NULL },
	{ "lseek-readv", open_target, step_seek_readv, 1, 0, NULL },
	{ "preadv", open_target, step_preadv, 1, 0, NULL },
	{ "preadv2", open_target, step_preadv2, 1, 0, NULL },
	{ "preadv2-nowait", open_target, step_nowait, 1, 0, NULL },
	{ "fallocate", open_target, step_fallocate, 1, 0, NULL },
	{ "ftruncate", open_target, step_ftruncate, 1, 0, NULL },
	{ "memcpy", prepare_mapping, step_memcpy, 1, 0, NULL },
	{ "process_vm_readv", prepare_mapping, step_vm_read, 1, 0, NULL },
	{ "splice-read", prepare_pipe, step_splice, 1, 0, NULL },
	{ "libaio-1", prepare_libaio, step_libaio_1, 1, 0, NULL },
	{ "libaio-32", prepare_libaio, step_libaio_32, DEPTH, 0, NULL },
	{ "io_uring-1", prepare_io_uring, step_io_uring_1, 1, 0, NULL },
	{ "io_uring-32", prepare_io_uring, step_io_uring_32, DEPTH, 0, NULL },
	{ "io_uring-fixed-32", prepare_io_uring_fixed, step_io_uring_32, DEPTH, 0, NULL },
	{ "aio_read", open_target, step_posixaio, 1, 0, NULL },
	{ "net-tcp", prepare_tcp, step_send, 1, 0, finish_net },
	{ "net-unix", prepare_unix, step_send, 1, 0, finish_net },
	{ "creat", prepare_names, step_create, 1, NAMES, NULL },
	{ "stat", prepare_files, step_stat, 1, 0, NULL },
	{ "unlink", prepare_files, step_unlink, 1, NAMES, NULL },
	{ "mkdir", prepare_names, step_mkdir, 1, NAMES, NULL },
	{ "stat-directory", prepare_directories, step_stat, 1, 0, NULL },
	{ "rmdir", prepare_directories, step_rmdir, 1, NAMES, NULL },
};

static void *be_there(void *unused)
{
	pause();
	return unused;
}

/*
 * The kernel looks up a descriptor without counting who uses it as long as the process has one
 * thread. The testers have several, so that their system calls cost some 50 ns more.
 */
static void start_idle_thread(void)
{
	pthread_t idle;

	errno = pthread_create(&idle, NULL, be_there, NULL);
	if (errno != 0)
		fail("pthread_create");
}

static double seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double cpu_ns(void)
{
	struct rusage used;

	getrusage(RUSAGE_SELF, &used);
	return ((double)used.ru_utime.tv_sec + (double)used.ru_stime.tv_sec) * 1e9 +
	       ((double)used.ru_utime.tv_usec + (double)used.ru_stime.tv_usec) * 1e3;
}

/* Not fenced: a stamp may be taken a few instructions early or late. */
static inline uint64_t stamp(void)
{
#if defined(__x86_64__) || defined(__i386__)
	return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
	uint64_t ticks;

	__asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
	return ticks;
#else
	return (uint64_t)(seconds_now() * 1e9);
#endif
}

static struct {
	uint64_t sum;
	uint64_t max;
} latency;

static void steps_with_stamps(void (*step)(void), unsigned int steps)
{
	for (unsigned int i = 0; i < steps; i++) {
		uint64_t begin = stamp();
		uint64_t took;

		step();
		took = stamp() - begin;
		latency.sum += took;
		if (took > latency.max)
			latency.max = took;
	}
}

static void steps_without(void (*step)(void), unsigned int steps)
{
	for (unsigned int i = 0; i < steps; i++)
		step();
}

static void run(const struct loop *loop, bool stamped)
{
	void (*some)(void (*)(void), unsigned int) = stamped ? steps_with_stamps : steps_without;
	uint64_t requests = 0;
	double cpu_begin = cpu_ns();
	double end = seconds_now() + seconds;
	unsigned int steps = loop->steps > 0 ? loop->steps : STEPS_BETWEEN_CLOCK_READS;

	do {
		some(loop->step, steps);
		requests += (uint64_t)steps * loop->requests;
	} while (loop->steps == 0 && seconds_now() < end);
	if (loop->finish != NULL)
		requests += loop->finish();
	__asm__ volatile("" : : "r"(latency.sum + latency.max)); /* the latencies are wanted */
	printf("%llu %.0f\n", (unsigned long long)requests, cpu_ns() - cpu_begin);
}

static int usage(void)
{
	fprintf(stderr, "usage: bare [-s] [-d] [-b BYTES] [-o random|anywhere|sequential] "
			"LOOP TARGET SECONDS\n");
	return 2;
}

static bool order_of(const char *name)
{
	static const char *const names[] = { "random", "anywhere", "sequential" };

	for (unsigned int i = 0; i < 3; i++) {
		if (strcmp(names[i], name) == 0) {
			order = (enum order)i;
			return true;
		}
	}
	return false;
}

int main(int argc, char **argv)
{
	bool stamped = false;
	const char *name;
	int option;

	while ((option = getopt(argc, argv, "sdb:o:")) != -1) {
		if (option == 's')
			stamped = true;
		else if (option == 'd')
			open_flags |= O_DIRECT;
		else if (option == 'b')
			block = atol(optarg);
		else if (option != 'o' || !order_of(optarg))
			return usage();
	}
	if (argc - optind != 3)
		return usage();
	name = argv[optind];
	seconds = atof(argv[optind + 2]);
	if (posix_memalign((void **)&buffers, (size_t)block, DEPTH * (size_t)block) != 0)
		fail("memory");
	for (size_t i = 0; i < sizeof(loops) / sizeof(loops[0]); i++) {
		if (strcmp(loops[i].name, name) == 0) {
			if (loops[i].prepare != prepare_crowd)
				memset(buffers, 1, DEPTH * (size_t)block);
			if (strcmp(name, "pread-alone") != 0)
				start_idle_thread();
			loops[i].prepare(argv[optind + 1]);
			run(&loops[i], stamped);
			return 0;
		}
	}
	fprintf(stderr, "bare: there is no loop %s\n", name);
	return 2;
}
