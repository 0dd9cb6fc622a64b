#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/concurrency/cancellation.h"
#include "common/concurrency/executor.h"
#include "common/metrics/metric_registry.h"
#include "common/model/call.h"
#include "common/time/clock.h"
#include "common/token/token_table.h"
#include "services/maintenance/client/token_client.h"

namespace cairn::ingest {

// A copy of the tokens that maintenance keeps, for a process that does not:
// refreshed all the time, so that a revoked token is refused within
// period + two timeouts, that is 5 seconds, and at once where a token is not
// known, so that a new one is good as soon as it is told. Fails closed: what
// was not confirmed within max_age is not trusted.
//
// Callers with unknown tokens cost maintenance at most one question in
// min_gap, and wait for it, at most max_waiting of them. Thread-safe.
class TokenReplica {
 public:
  struct Options {
    absl::Duration period = absl::Seconds(1);
    absl::Duration min_gap = absl::Seconds(1);  // between starts of refreshes
    // Of one refresh. Ten thousand tokens are two megabytes at most.
    absl::Duration timeout = absl::Seconds(2);
    absl::Duration max_age = absl::Minutes(1);
    size_t max_waiting = 256;
  };
  struct Metrics {
    // `registry` outlives the metrics.
    explicit Metrics(MetricRegistry* registry);

    // cairn_ingest_token_directory_age_seconds: since the copy was confirmed,
    // or since the start; as of the last refresh.
    Gauge& age_seconds;
    // cairn_ingest_token_refreshes_total{result}
    Counter& refreshes_ok;
    Counter& refreshes_failed;
  };
  // All outlive the replica. The executor has a thread for the refreshes that
  // nothing else keeps busy: tokens are revoked under any load.
  struct Dependencies {
    TokenClient* tokens = nullptr;
    const Clock* clock = nullptr;
    Executor* executor = nullptr;
    Metrics* metrics = nullptr;
  };
  using Done = std::function<void(absl::StatusOr<Caller>)>;

  TokenReplica(const Options& options, const Dependencies& dependencies);
  // As Stop.
  ~TokenReplica();

  // Schedules the first refresh at once. Call it once.
  void Start();
  // Cancels a running refresh, answers who waits with Unavailable, and starts
  // no other. Idempotent. Not to be called from the executor's tasks.
  void Stop();

  // As TokenDirectory::Find. `done` is called before it returns, or by the end
  // of the refresh after the one that may be running: within two timeouts and
  // a gap.
  void Find(std::string_view text, Done done);
  // As TokenDirectory::FindNow.
  std::optional<absl::StatusOr<Caller>> FindNow(std::string_view text);

 private:
  struct Waiter {
    TokenProof proof;
    uint64_t refresh = 0;  // the first that begins after it came
    Done done;
  };
  struct Answer {
    Done done;
    absl::StatusOr<Caller> caller;
  };

  // What is known now.
  std::optional<absl::StatusOr<Caller>> FindKnown(const TokenProof& proof)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The same; none: `done` was taken to wait.
  std::optional<absl::StatusOr<Caller>> FindOrWait(const TokenProof& proof,
                                                   Done& done);
  bool IsTrusted() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Sees to a refresh that begins in `delay`, or before.
  void Schedule(absl::Duration delay) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // When one may begin for callers that wait.
  absl::Duration DelayForWaiters() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // What the timer of this number does.
  void Run(uint64_t timer);
  void Refresh();
  // What the refresh that was begun as number `refresh` means for them.
  std::vector<Answer> TakeAnswers(uint64_t refresh, const absl::Status& result)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Take(absl::StatusOr<TokenCopy> copy, absl::Duration begun)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Note(const absl::Status& result) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Options options_;
  const Dependencies dependencies_;
  const absl::Duration born_;  // monotonic, as all times here
  CancellationToken stop_;

  absl::Mutex mutex_;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  bool failing_ ABSL_GUARDED_BY(mutex_) = false;
  std::string version_ ABSL_GUARDED_BY(mutex_);
  TokenTable table_ ABSL_GUARDED_BY(mutex_);
  // When the question was asked that confirmed the table last.
  std::optional<absl::Duration> confirmed_ ABSL_GUARDED_BY(mutex_);
  bool running_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t refreshes_ ABSL_GUARDED_BY(mutex_) = 0;  // begun
  absl::Duration last_begin_ ABSL_GUARDED_BY(mutex_) =
      -absl::InfiniteDuration();
  // When the next timer fires that begins a refresh, and all that have not
  // fired: each refresh leaves one at most that has become needless.
  absl::Duration due_ ABSL_GUARDED_BY(mutex_) = absl::InfiniteDuration();
  uint64_t next_timer_ ABSL_GUARDED_BY(mutex_) = 1;
  std::map<uint64_t, Executor::TimerId> timers_ ABSL_GUARDED_BY(mutex_);
  std::vector<Waiter> waiting_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace cairn::ingest
