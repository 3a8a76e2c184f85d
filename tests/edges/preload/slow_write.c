/* SPDX-License-Identifier: Apache-2.0 */
/* Preloaded: the first large write to a file whose name ends in SLOW_SUFFIX takes SLOW_MS more, as on a network
   file system that hangs for a while. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static atomic_flag hung = ATOMIC_FLAG_INIT;

static int is_slow(int file) {
  const char *suffix = getenv("SLOW_SUFFIX");
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  const ssize_t length = readlink(link, path, sizeof path - 1);
  if (!suffix || length < (ssize_t)strlen(suffix)) return 0;
  path[length] = 0;
  return strcmp(path + length - strlen(suffix), suffix) == 0;
}

static void hang_once(int file, size_t size) {
  if (size >= 16384 && is_slow(file) && !atomic_flag_test_and_set(&hung)) usleep(1000 * atoi(getenv("SLOW_MS")));
}

ssize_t write(int file, const void *bytes, size_t size) {
  ssize_t (*real)(int, const void *, size_t) = dlsym(RTLD_NEXT, "write");
  hang_once(file, size);
  return real(file, bytes, size);
}

ssize_t pwrite64(int file, const void *bytes, size_t size, off64_t at) {
  ssize_t (*real)(int, const void *, size_t, off64_t) = dlsym(RTLD_NEXT, "pwrite64");
  hang_once(file, size);
  return real(file, bytes, size, at);
}

ssize_t pwrite(int file, const void *bytes, size_t size, off_t at) { return pwrite64(file, bytes, size, at); }
