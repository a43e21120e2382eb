/*
 * Bare loops: what the system calls beneath an engine cost when nothing is around them.
 *
 *   bare LOOP TARGET SECONDS
 *
 * Compiled and run by scripts/lib/engines.py. Prints how many requests were made and how many
 * nanoseconds of CPU time (user and system, of all threads) they took. TARGET is a file of whole
 * blocks; a directory for the loops that make and remove names; a socket's path for net-unix.
 * Checks each result, measures no latency, and keeps nothing but an offset.
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

#define BLOCK 4096
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

/*
 * Each block once, then all of them again, as with a random map: offsets that may repeat find more
 * in the processor's caches. The multiplier and the odd addend make a cycle of all numbers below a
 * power of two; those behind the last block are passed over.
 */
static off_t next_offset(void)
{
	static uint32_t state;

	do
		state = (state * 1664525 + 1013904223) & blocks_mask;
	while (state >= blocks);
	return (off_t)state * BLOCK;
}

static void open_target(const char *target)
{
	struct stat status;

	fd = open(target, O_RDWR);
	if (fd < 0 || fstat(fd, &status) != 0)
		fail(target);
	blocks = (uint64_t)status.st_size / BLOCK;
	if (blocks == 0 || blocks > UINT32_MAX / 2) {
		errno = EINVAL;
		fail("a target of no or too many blocks");
	}
	while (blocks_mask + 1 < blocks)
		blocks_mask = blocks_mask * 2 + 1;
}

/* One call a request */

static void step_pread(void)
{
	expect(pread(fd, buffers, BLOCK, next_offset()), BLOCK, "pread");
}

static void step_seek_read(void)
{
	if (lseek(fd, next_offset(), SEEK_SET) < 0)
		fail("lseek");
	expect(read(fd, buffers, BLOCK), BLOCK, "read");
}

static void step_seek_readv(void)
{
	struct iovec part = { buffers, BLOCK };

	if (lseek(fd, next_offset(), SEEK_SET) < 0)
		fail("lseek");
	expect(readv(fd, &part, 1), BLOCK, "readv");
}

static void step_preadv(void)
{
	struct iovec part = { buffers, BLOCK };

	expect(preadv(fd, &part, 1, next_offset()), BLOCK, "preadv");
}

static void step_preadv2(void)
{
	struct iovec part = { buffers, BLOCK };

	expect(preadv2(fd, &part, 1, next_offset(), 0), BLOCK, "preadv2");
}

static void step_nowait(void)
{
	struct iovec part = { buffers, BLOCK };

	expect(preadv2(fd, &part, 1, next_offset(), RWF_NOWAIT), BLOCK, "preadv2 RWF_NOWAIT");
}

static void step_fallocate(void)
{
	expect(fallocate(fd, FALLOC_FL_KEEP_SIZE, next_offset(), BLOCK), 0, "fallocate");
}

static void step_ftruncate(void)
{
	expect(ftruncate(fd, next_offset() + BLOCK), 0, "ftruncate");
}

/* A mapping, and a pipe */

static unsigned char *mapping;

static void prepare_mapping(const char *target)
{
	open_target(target);
	mapping = mmap(NULL, blocks * BLOCK, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);
	if (mapping == MAP_FAILED)
		fail("mmap");
}

static void step_memcpy(void)
{
	memcpy(buffers, mapping + next_offset(), BLOCK);
	__asm__ volatile("" : : "r"(buffers) : "memory"); /* the copy is wanted */
}

static void step_vm_read(void)
{
	static pid_t self;
	struct iovec to = { buffers, BLOCK };
	struct iovec from = { mapping + next_offset(), BLOCK };

	if (self == 0)
		self = getpid();
	expect(process_vm_readv(self, &to, 1, &from, 1, 0), BLOCK, "process_vm_readv");
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

	expect(splice(fd, &offset, pipe_ends[1], NULL, BLOCK, SPLICE_F_MOVE), BLOCK, "splice");
	expect(read(pipe_ends[0], buffers, BLOCK), BLOCK, "read from the pipe");
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
			.aio_buf = (uintptr_t)(buffers + i * BLOCK),
			.aio_nbytes = BLOCK,
			.aio_offset = next_offset(),
		};
		iocb_list[i] = &iocbs[i];
	}
	expect(syscall(SYS_io_submit, context, count, iocb_list), count, "io_submit");
	expect(syscall(SYS_io_getevents, context, count, count, events, NULL), count, "io_getevents");
	for (long i = 0; i < count; i++)
		expect((long)events[i].res, BLOCK, "a request of libaio's");
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
	struct iovec all = { buffers, DEPTH * BLOCK };

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
			.addr = (uintptr_t)(buffers + i * BLOCK),
			.len = BLOCK,
			.off = (uint64_t)next_offset(),
		};
	}
	__atomic_store_n(sq_tail, tail + count, __ATOMIC_RELEASE);
	expect(syscall(SYS_io_uring_enter, ring.fd, count, count, IORING_ENTER_GETEVENTS, NULL, 0),
	       count, "io_uring_enter");
	expect(__atomic_load_n(cq_tail, __ATOMIC_ACQUIRE) - head, count, "completions");
	for (unsigned int i = 0; i < count; i++)
		expect(cqes[(head + i) & (params->cq_entries - 1)].res, BLOCK, "a request of io_uring's");
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
		.aio_nbytes = BLOCK,
		.aio_offset = next_offset(),
		.aio_sigevent.sigev_notify = SIGEV_NONE,
	};
	const struct aiocb *list[] = { &request };

	if (aio_read(&request) != 0)
		fail("aio_read");
	while (aio_error(&request) == EINPROGRESS)
		if (aio_suspend(list, 1, NULL) != 0 && errno != EINTR)
			fail("aio_suspend");
	expect(aio_return(&request), BLOCK, "a request of aio_read's");
}

/* Sockets: the other side is a thread, whose CPU time and requests count as well */

static pthread_t receiver;
static int receiving;

static void *receive_all(void *unused)
{
	static unsigned char buffer[BLOCK];
	static uint64_t received;
	ssize_t got;

	(void)unused;
	while ((got = recv(receiving, buffer, BLOCK, MSG_WAITALL)) == BLOCK)
		received++;
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
	expect(send(fd, buffers, BLOCK, MSG_NOSIGNAL), BLOCK, "send");
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

static const struct loop loops[] = {
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

static void run(const struct loop *loop, double seconds)
{
	uint64_t requests = 0;
	double cpu_begin = cpu_ns();
	double end = seconds_now() + seconds;
	unsigned int steps = loop->steps > 0 ? loop->steps : STEPS_BETWEEN_CLOCK_READS;

	do {
		for (unsigned int i = 0; i < steps; i++)
			loop->step();
		requests += (uint64_t)steps * loop->requests;
	} while (loop->steps == 0 && seconds_now() < end);
	if (loop->finish != NULL)
		requests += loop->finish();
	printf("%llu %.0f\n", (unsigned long long)requests, cpu_ns() - cpu_begin);
}

int main(int argc, char **argv)
{
	if (argc != 4) {
		fprintf(stderr, "usage: bare LOOP TARGET SECONDS\n");
		return 2;
	}
	if (posix_memalign((void **)&buffers, BLOCK, DEPTH * BLOCK) != 0)
		fail("memory");
	memset(buffers, 1, DEPTH * BLOCK);
	for (size_t i = 0; i < sizeof(loops) / sizeof(loops[0]); i++) {
		if (strcmp(loops[i].name, argv[1]) == 0) {
			if (strcmp(argv[1], "pread-alone") != 0)
				start_idle_thread();
			loops[i].prepare(argv[2]);
			run(&loops[i], atof(argv[3]));
			return 0;
		}
	}
	fprintf(stderr, "bare: there is no loop %s\n", argv[1]);
	return 2;
}
