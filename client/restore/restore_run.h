#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/posix/interrupt.h"
#include "client/remote/catalog_remote.h"
#include "client/remote/retry_budget.h"
#include "client/restore/range_reader.h"
#include "client/restore/tar_target.h"
#include "client/transfer/problem_log.h"
#include "client/transfer/transfer_progress.h"
#include "common/concurrency/executor.h"

namespace cairn::client {

struct RestoreRequest {
  std::string archive;   // resource name
  std::string label;     // for people
  std::string target;    // "-", a file, a device, or a directory to extract to
  bool extract = false;  // the archive is a tar, `target` a directory
  bool overwrite = false;
  bool restore_owner = false;  // of extracted files
  uint64_t offset = 0;         // not with `extract`
  uint64_t length = 0;         // not with `extract`; 0: to the end
};

struct RestoreReport {
  uint64_t archive_size_bytes = 0;
  uint64_t restored_bytes = 0;  // holes included
  uint64_t hole_bytes = 0;      // of these
  std::optional<TarTarget::Report> extracted;
};

// One restore of one archive. One thread.
class RestoreRun {
 public:
  struct Environment {
    // Set: it is read, opened or not, and the next three are not used.
    RangeReader* reader = nullptr;
    CatalogRemote* remote = nullptr;
    Executor* executor = nullptr;  // decodes; null: the server decodes
    RetryBudget* budget = nullptr;
    const Interrupt* interrupt = nullptr;
    ProblemLog* problems = nullptr;
    const ProgressListener* progress = nullptr;
    int stdout_fd = 1;
  };

  // All that is pointed to outlives the run.
  explicit RestoreRun(const Environment& environment)
      : environment_(environment) {}

  // The target is not touched before the server has the archive. Errors: of
  // OpenTarget and TarTarget, of the server, of RangeReader.
  absl::StatusOr<RestoreReport> Run(const RestoreRequest& request);

 private:
  std::unique_ptr<RangeReader> NewReader(const RestoreRequest& request) const;
  absl::Status CopyRange(RangeReader& reader, const RestoreRequest& request,
                         RestoreReport* report);
  absl::Status Extract(RangeReader& reader, const RestoreRequest& request,
                       RestoreReport* report);

  const Environment environment_;
};

}  // namespace cairn::client
