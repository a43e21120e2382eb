/* Lets iodyno start itself under valgrind.
 *
 * It starts probes through /proc/self/exe, which under valgrind is valgrind. Preloaded by
 * benches/instructions.rs; IODYNO_COUNTED names the program that is meant. Must change nothing else:
 * the loop that is counted calls none of this.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *meant(const char *file)
{
    const char *counted = getenv("IODYNO_COUNTED");

    return counted && strcmp(file, "/proc/self/exe") == 0 ? counted : file;
}

int posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
                 const posix_spawnattr_t *attributes, char *const argv[], char *const envp[])
{
    int (*next)(pid_t *, const char *, const posix_spawn_file_actions_t *,
                const posix_spawnattr_t *, char *const[], char *const[]);

    *(void **)&next = dlsym(RTLD_NEXT, "posix_spawnp");
    return next(pid, meant(file), actions, attributes, argv, envp);
}

int execvp(const char *file, char *const argv[])
{
    int (*next)(const char *, char *const[]);

    *(void **)&next = dlsym(RTLD_NEXT, "execvp");
    return next(meant(file), argv);
}
