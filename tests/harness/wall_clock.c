// Preloaded into a process, this sets its wall clock by as many seconds as the
// 8 bytes (native, signed) of the file CAIRN_TEST_CLOCK say, and follows them.
// Monotonic clocks go on, as when somebody sets the clock of a machine. Waits
// until a time of the wall clock end when that clock says so.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

// No monotonic clock of a machine is as high.
#define LEAST_WALL_SECONDS 1000000000

static const volatile int64_t* offset_file;
static int (*real_clock_gettime)(clockid_t, struct timespec*);
static int (*real_timedwait)(pthread_cond_t*, pthread_mutex_t*,
                             const struct timespec*);
static int (*real_clockwait)(pthread_cond_t*, pthread_mutex_t*, clockid_t,
                             const struct timespec*);
static long (*real_syscall)(long, ...);

static int64_t Offset(void) { return offset_file == NULL ? 0 : *offset_file; }

// Of several versions of a symbol dlsym may find the oldest.
static void* Find(const char* name) {
  static const char* const versions[] = {"GLIBC_2.34", "GLIBC_2.30",
                                         "GLIBC_2.17", "GLIBC_2.3.2"};
  for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); ++i) {
    void* found = dlvsym(RTLD_NEXT, name, versions[i]);
    if (found != NULL) return found;
  }
  return dlsym(RTLD_NEXT, name);
}

__attribute__((constructor)) static void Begin(void) {
  real_clock_gettime = Find("clock_gettime");
  real_timedwait = Find("pthread_cond_timedwait");
  real_clockwait = Find("pthread_cond_clockwait");
  real_syscall = Find("syscall");
  const char* path = getenv("CAIRN_TEST_CLOCK");
  if (path == NULL) return;
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  void* mapped =
      mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, file, 0);
  close(file);
  if (mapped == MAP_FAILED) abort();
  offset_file = mapped;
}

int clock_gettime(clockid_t clock, struct timespec* now) {
  if (real_clock_gettime == NULL) Begin();
  const int result = real_clock_gettime(clock, now);
  if (result == 0 &&
      (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
    now->tv_sec += Offset();
  }
  return result;
}

int gettimeofday(struct timeval* restrict now, void* restrict zone) {
  (void)zone;
  struct timespec exact;
  clock_gettime(CLOCK_REALTIME, &exact);
  now->tv_sec = exact.tv_sec;
  now->tv_usec = exact.tv_nsec / 1000;
  return 0;
}

time_t time(time_t* now) {
  struct timespec exact;
  clock_gettime(CLOCK_REALTIME, &exact);
  if (now != NULL) *now = exact.tv_sec;
  return exact.tv_sec;
}

// By the clock of the kernel.
static struct timespec Kernel(const struct timespec* until) {
  struct timespec result = *until;
  if (result.tv_sec >= LEAST_WALL_SECONDS) result.tv_sec -= Offset();
  if (result.tv_sec < 0) result.tv_sec = 0;
  return result;
}

int pthread_cond_timedwait(pthread_cond_t* condition, pthread_mutex_t* mutex,
                           const struct timespec* until) {
  const struct timespec shifted = Kernel(until);
  return real_timedwait(condition, mutex, &shifted);
}

int pthread_cond_clockwait(pthread_cond_t* condition, pthread_mutex_t* mutex,
                           clockid_t clock, const struct timespec* until) {
  const struct timespec shifted = Kernel(until);
  return real_clockwait(condition, mutex, clock, &shifted);
}

// What Abseil waits by.
long syscall(long number, ...) {
  va_list list;
  va_start(list, number);
  long a[6];
  for (int i = 0; i < 6; ++i) a[i] = va_arg(list, long);
  va_end(list);
  if (real_syscall == NULL) Begin();
  if (number == SYS_futex && (a[1] & FUTEX_CLOCK_REALTIME) != 0 && a[3] != 0) {
    const struct timespec shifted = Kernel((const struct timespec*)a[3]);
    return real_syscall(number, a[0], a[1], a[2], &shifted, a[4], a[5]);
  }
  return real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
