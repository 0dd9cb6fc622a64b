#include "client/testing/run_harness.h"

#include <fstream>
#include <utility>

#include "common/testing/status_matchers.h"

namespace cairn::client {

RunHarness::RunHarness() {
  auto remotes =
      ConnectByGrpc({.server = server_.address()}, &system_clock_, &interrupt_);
  EXPECT_OK(remotes);
  remotes_ = *std::move(remotes);
  auto executor = ThreadPoolExecutor::Create({.threads = 3});
  EXPECT_OK(executor);
  executor_ = *std::move(executor);
}

std::string RunHarness::RandomBytes(size_t length) {
  std::string bytes(length, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random_());
  return bytes;
}

std::string RunHarness::WriteFile(const std::string& name,
                                  const std::string& content) {
  std::ofstream(dir_.Join(name), std::ios::binary) << content;
  return dir_.Join(name);
}

RetryBudget RunHarness::NewBudget() {
  return RetryBudget(
      {.total = absl::Minutes(5)}, &clock_, random_,
      [this](absl::Duration wait) {
        clock_.Advance(wait);
        if (on_wait_) on_wait_();
      },
      [](const absl::Status&, absl::Duration) {});
}

absl::StatusOr<BackupReport> RunHarness::RunBackup(const BackupRequest& request,
                                                   int stdin_fd) {
  RetryBudget budget = NewBudget();
  const ProgressListener progress = [this](const TransferProgress& p) {
    if (on_progress_) on_progress_(p);
  };
  notices_.clear();
  const NoticeListener notice = [this](const std::string& text) {
    notices_.push_back(text);
  };
  BackupRun run({.remote = remotes_.backup.get(),
                 .catalog = remotes_.catalog.get(),
                 .executor = executor_.get(),
                 .budget = &budget,
                 .interrupt = &interrupt_,
                 .problems = &problems_,
                 .progress = &progress,
                 .notice = &notice,
                 .stdin_fd = stdin_fd},
                random_);
  auto report = run.Run(request);
  retries_ = budget.retries();
  return report;
}

}  // namespace cairn::client
