#include "tests/benchmark/stages/cpu_time.h"

#include <time.h>

#include "common/log/log.h"

namespace cairn {
namespace {

absl::Duration ThreadCpuTime() {
  timespec time;
  CHECK_EQ(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time), 0);
  return absl::DurationFromTimespec(time);
}

}  // namespace

absl::Duration CpuTimeOf(absl::FunctionRef<void()> work) {
  const absl::Duration start = ThreadCpuTime();
  work();
  return ThreadCpuTime() - start;
}

}  // namespace cairn
