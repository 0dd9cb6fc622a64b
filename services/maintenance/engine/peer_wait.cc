#include "services/maintenance/engine/peer_wait.h"

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "common/status/status_macros.h"

namespace cairn::maintenance {
namespace {

// How soon a run notices that its peers have come, or that it is to end.
constexpr absl::Duration kStep = absl::Milliseconds(200);

bool IsAway(const absl::Status& answer) {
  return absl::IsUnavailable(answer) || absl::IsDeadlineExceeded(answer);
}

void Pause(Executor& executor, absl::Duration time) {
  absl::Mutex mutex;
  bool never = false;
  absl::MutexLock lock(&mutex);
  executor.Await(&mutex, absl::Condition(&never), time);
}

}  // namespace

absl::Status AwaitPeers(const PeerWait& wait, RunControl& control) {
  absl::Status answer = wait.ask();
  if (!IsAway(answer)) return absl::OkStatus();
  control.SetPhase("wait for peers");
  control.Log(LogLevel::kInfo,
              absl::StrCat("waits at most ", absl::FormatDuration(wait.longest),
                           " for index and chunk_storage: ", answer.message()));
  const absl::Duration end = wait.clock->Monotonic() + wait.longest;
  while (IsAway(answer)) {
    RETURN_IF_ERROR(control.Checkpoint());
    if (wait.clock->Monotonic() >= end) {
      control.Log(
          LogLevel::kWarning,
          absl::StrCat("index and chunk_storage have not come within ",
                       absl::FormatDuration(wait.longest),
                       "; goes on without waiting: ", answer.message()));
      return absl::OkStatus();
    }
    Pause(*wait.executor, kStep);
    answer = wait.ask();
  }
  control.Log(LogLevel::kInfo, "index and chunk_storage answer");
  return absl::OkStatus();
}

}  // namespace cairn::maintenance
