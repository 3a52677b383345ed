// Takes fdatasync's place in the executable that links it.
#define _GNU_SOURCE
#include "failing_sync.h"

#include <errno.h>
#include <stdatomic.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/syscall.h>

static atomic_int remaining;

void failing_sync_arm(int number) { atomic_store(&remaining, number); }

int fdatasync(int file) {
  if (atomic_load(&remaining) > 0 && atomic_fetch_sub(&remaining, 1) == 1) {
    errno = EIO;
    return -1;
  }
  return (int)syscall(SYS_fdatasync, file);
}
#else
void failing_sync_arm(int number) { (void)number; }
#endif
