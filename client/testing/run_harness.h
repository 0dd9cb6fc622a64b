#pragma once

#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/backup/backup_run.h"
#include "client/remote/grpc_connection.h"
#include "client/remote/retry_budget.h"
#include "client/testing/grpc_fake_ingest.h"
#include "common/concurrency/thread_pool_executor.h"
#include "common/testing/fake_clock.h"
#include "common/testing/seed.h"
#include "common/testing/temp_dir.h"
#include "common/time/clock.h"

namespace cairn::client {

// What tests of whole backups and restores share: a FakeIngest, connections
// to it, threads, and a clock that takes the waits of retries.
class RunHarness {
 protected:
  RunHarness();

  std::string RandomBytes(size_t length);
  // Writes a file of the test's folder; its path.
  std::string WriteFile(const std::string& name, const std::string& content);

  RetryBudget NewBudget();
  // Runs a backup; `notices_` and `retries_` tell of it.
  absl::StatusOr<BackupReport> RunBackup(const BackupRequest& request,
                                         int stdin_fd = -1);

  std::mt19937_64 random_{TestSeed()};
  TempDir dir_;
  FakeIngest server_{TestSeed()};
  FakeClock clock_;
  SystemClock system_clock_;
  Interrupt interrupt_;
  ProblemLog problems_;
  Remotes remotes_;
  std::unique_ptr<ThreadPoolExecutor> executor_;
  std::function<void()> on_wait_;
  std::function<void(const TransferProgress&)> on_progress_;
  std::vector<std::string> notices_;
  int retries_ = 0;
};

}  // namespace cairn::client
