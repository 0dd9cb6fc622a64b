#include "tests/benchmark/chunk_study/cpu_time.h"

#include <ctime>

#include "common/log/log.h"

namespace cairn::study {
namespace {

absl::Duration ThreadCpu() {
  timespec now;
  CHECK_EQ(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now), 0);
  return absl::DurationFromTimespec(now);
}

}  // namespace

absl::Duration CpuOf(absl::FunctionRef<void()> work) {
  const absl::Duration start = ThreadCpu();
  work();
  return ThreadCpu() - start;
}

}  // namespace cairn::study
