// SPDX-License-Identifier: Apache-2.0
// Loaded before libc, it stands between a program and what it does to its file systems. The environment says
// what for:
//   CALLS_SOCKET=path  tells who listens there of each call, before and after, and waits for its answer
//   CALLS_KILL=n       kills the program just before its n-th call
//   CALLS_COUNT=path   writes there, at the program's end, how many calls it made
//   CALLS_NO_SYNC=1    leaves out what waits for the disk
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;
static int listener = -1;
static long calls = 0, deadly = 0;
static int no_sync = 0;

__attribute__((constructor)) static void begin(void) {
  const char* path = getenv("CALLS_SOCKET");
  if (path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
    listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(listener, (struct sockaddr*)&address, sizeof(address)) != 0) abort();
  }
  if (getenv("CALLS_KILL")) deadly = atol(getenv("CALLS_KILL"));
  no_sync = getenv("CALLS_NO_SYNC") != NULL;
}

__attribute__((destructor)) static void end(void) {
  FILE* count = getenv("CALLS_COUNT") ? fopen(getenv("CALLS_COUNT"), "w") : NULL;
  if (!count) return;
  fprintf(count, "%ld\n", calls);
  fclose(count);
}

static void tell(const char* when, const char* call) {
  char text[64], answer;
  const int length = snprintf(text, sizeof(text), "%s %s\n", when, call);
  if (write(listener, text, (size_t)length) != length || read(listener, &answer, 1) != 1) _exit(99);
}

static void before(const char* call) {
  pthread_mutex_lock(&one_at_a_time);
  if (++calls == deadly) kill(getpid(), SIGKILL);
  if (listener >= 0) tell("before", call);
  pthread_mutex_unlock(&one_at_a_time);
}

static void after(const char* call) {
  if (listener < 0) return;
  pthread_mutex_lock(&one_at_a_time);
  tell("after", call);
  pthread_mutex_unlock(&one_at_a_time);
}

#define CALL(name, parameters, arguments, leave_out)     \
  int name parameters {                                  \
    static int(*real) parameters;                        \
    if (!real) *(void**)&real = dlsym(RTLD_NEXT, #name); \
    if (leave_out) return 0;                             \
    before(#name);                                       \
    const int result = real arguments;                   \
    const int error = errno;                             \
    after(#name);                                        \
    errno = error;                                       \
    return result;                                       \
  }

CALL(syncfs, (int file), (file), no_sync)
CALL(fsync, (int file), (file), no_sync)
CALL(fdatasync, (int file), (file), no_sync)
CALL(sync_file_range, (int file, off64_t at, off64_t size, unsigned flags), (file, at, size, flags), no_sync)
CALL(rename, (const char* from, const char* to), (from, to), 0)
CALL(renameat, (int a, const char* from, int b, const char* to), (a, from, b, to), 0)
CALL(renameat2, (int a, const char* from, int b, const char* to, unsigned flags), (a, from, b, to, flags), 0)
CALL(unlink, (const char* path), (path), 0)
CALL(unlinkat, (int folder, const char* path, int flags), (folder, path, flags), 0)
