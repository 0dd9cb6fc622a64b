#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/rocks/rocks_status.h"
#include "common/status/fatal_error.h"
#include "common/status/reason.h"
#include "rocksdb/listener.h"

// What RocksDB's own threads tell a RocksKvStore. Part of its implementation.
namespace cairn {

// Remembers the first failure, tells the sink once, and refuses all later
// calls.
class FailureLatch {
 public:
  FailureLatch(std::string path, FatalErrorSink* fatal)
      : path_(std::move(path)), fatal_(fatal) {}

  absl::Status Check() const {
    if (!failed_.load(std::memory_order_acquire)) return absl::OkStatus();
    return absl::UnavailableError(absl::StrCat(
        "database ", path_, " has failed; the process must restart"));
  }

  absl::Status Fail(const rocksdb::Status& status) {
    const absl::Status error =
        WithContext(FromRocks(status), absl::StrCat("database ", path_));
    if (!failed_.exchange(true)) fatal_->Report(error);
    return error;
  }

 private:
  const std::string path_;
  FatalErrorSink* const fatal_;
  std::atomic<bool> failed_ = false;
};

// Latches what RocksDB's own threads run into.
class BackgroundErrors final : public rocksdb::EventListener {
 public:
  explicit BackgroundErrors(std::shared_ptr<FailureLatch> latch)
      : latch_(std::move(latch)) {}

  void OnBackgroundError(rocksdb::BackgroundErrorReason /*reason*/,
                         rocksdb::Status* status) override {
    latch_->Fail(*status).IgnoreError();
  }
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason /*reason*/,
                            rocksdb::Status /*status*/,
                            bool* auto_recovery) override {
    *auto_recovery = false;
  }

 private:
  const std::shared_ptr<FailureLatch> latch_;
};

// Counts how often writers were held back.
class WriteStalls final : public rocksdb::EventListener {
 public:
  void OnStallConditionsChanged(const rocksdb::WriteStallInfo& info) override {
    const rocksdb::WriteStallCondition now = info.condition.cur;
    if (now == rocksdb::WriteStallCondition::kDelayed) ++delayed;
    if (now == rocksdb::WriteStallCondition::kStopped) ++stopped;
  }

  std::atomic<uint64_t> delayed = 0;
  std::atomic<uint64_t> stopped = 0;
};

}  // namespace cairn
