/* SPDX-License-Identifier: Apache-2.0 */
/* Preloaded: a file system without locks, as some network file systems are. Runs need none. */
#include <errno.h>

int flock(int file, int operation) {
  (void)file;
  (void)operation;
  errno = ENOSYS;
  return -1;
}
