/* What can be done wrong anywhere: crashes, hangs, leaks, and what spoils a whole process. Which
 * fault does which of them stands where the fault stands. */
#include "faulty.h"
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

void crash(void)
{
	*(volatile int *)8 = 1;
}

void hang(void)
{
	for (;;)
		pause();
}

void sleep_ms(unsigned ms)
{
	const struct timespec nap = { ms / 1000, (long)(ms % 1000) * 1000000 };

	nanosleep(&nap, NULL);
}

static void *idle(void *nothing)
{
	(void)nothing;
	hang();
	return NULL;
}

void start_idle_thread(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, idle, NULL) == 0)
		pthread_detach(thread);
}

static void *crash_apart(void *nothing)
{
	(void)nothing;
	crash();
	return NULL;
}

void crash_in_thread(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, crash_apart, NULL) == 0)
		pthread_join(thread, NULL);
}

void leave_descriptor_open(void)
{
	(void)!open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* A helper that holds every descriptor of the process; its number is left in the file "helper". */
void fork_helper(void)
{
	pid_t helper = fork();
	FILE *file;

	if (helper == 0)
		hang();
	file = fopen("helper", "w");
	if (file) {
		fprintf(file, "%d", (int)helper);
		fclose(file);
	}
}

/* There is no end of the last line. */
void scribble_into_sockets(void)
{
	static const char words[] = "no sense\n\xff\xfe\n{\"Note\":3}\nand no end";
	int fd, type;

	for (fd = 3; fd < 64; fd++) {
		socklen_t size = sizeof(type);

		if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0)
			(void)!write(fd, words, sizeof(words) - 1);
	}
}

void babble(void)
{
	char lines[4096];
	int i;

	memset(lines, 'x', sizeof(lines));
	for (i = 127; i < (int)sizeof(lines); i += 128)
		lines[i] = '\n';
	for (i = 0; i < (8 << 20) / (int)sizeof(lines); i++) {
		(void)!write(STDOUT_FILENO, lines, sizeof(lines));
		(void)!write(STDERR_FILENO, lines, sizeof(lines));
	}
}

/* Asks to be the first that the kernel kills, for the sake of everybody else on the machine. */
void eat_memory(void)
{
	const size_t bite = 16 << 20;
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	void *food;

	if (fd >= 0) {
		(void)!write(fd, "1000", 4);
		close(fd);
	}
	for (;;) {
		food = malloc(bite);
		if (!food)
			abort();
		memset(food, 1, bite);
	}
}

void close_all(void)
{
	int fd;

	for (fd = 0; fd < 1024; fd++)
		close(fd);
}

/* The frame is passed on, so that no compiler makes a loop of it. */
static unsigned char descend(const volatile unsigned char *above, unsigned depth)
{
	volatile unsigned char frame[4096];

	frame[depth % sizeof(frame)] = (unsigned char)(above[0] + 1);
	return depth == 0 ? frame[0] : (unsigned char)(descend(frame, depth + 1) + frame[1]);
}

void overflow_stack(void)
{
	volatile unsigned char start = 1;

	(void)descend(&start, 1);
}

/* A page of a file that is shorter than its mapping. */
void touch_missing_page(void)
{
	int fd = memfd_create("short", MFD_CLOEXEC);
	volatile char *page = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);

	(void)page[0];
}
