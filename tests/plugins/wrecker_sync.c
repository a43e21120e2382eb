/* The wrecker as an engine that is always synchronous, for jobs that offload. */
#define WRECKER_FLAGS (IOE_F_DISKLESS | IOE_F_SYNC)
#include "wrecker.c"
