#include "common/rocks/free_space_gate.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"

namespace cairn {
namespace {

// What may pass between two questions. Others write to the disk too, and a
// byte that is committed is written to the log, to a table, and again by
// compactions: the reserve is many times this.
constexpr uint64_t kBytesPerQuestion = uint64_t{8} << 20;
constexpr uint64_t kCallsPerQuestion = 64;

}  // namespace

FreeSpaceGate::FreeSpaceGate(const FileSystem* files, std::string path,
                             uint64_t reserve_bytes)
    : files_(files), path_(std::move(path)), reserve_bytes_(reserve_bytes) {}

absl::Status FreeSpaceGate::Refusal(std::string_view then) const {
  return WithReason(
      absl::ResourceExhaustedError(
          absl::StrCat(path_, ": less than the reserve of ", reserve_bytes_,
                       " bytes is free; free space or add some, then ", then)),
      reason::kStorageFull,
      {{"path", path_}, {"reserve_bytes", absl::StrCat(reserve_bytes_)}});
}

absl::Status FreeSpaceGate::Pass(uint64_t bytes) {
  absl::MutexLock lock(&mutex_);
  if (closed_for_good_) return Refusal("restart");
  const auto is_open = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const uint64_t needed = reserve_bytes_ + passed_bytes_ + bytes;
    return needed >= bytes && free_bytes_ >= needed;
  };
  if (!asked_ || passed_bytes_ + bytes > kBytesPerQuestion ||
      passed_calls_ >= kCallsPerQuestion || !is_open()) {
    ASSIGN_OR_RETURN(free_bytes_, files_->FreeBytes(path_));
    asked_ = true;
    passed_bytes_ = 0;
    passed_calls_ = 0;
    if (!is_open()) return Refusal("try again");
  }
  passed_bytes_ += bytes;
  ++passed_calls_;
  return absl::OkStatus();
}

void FreeSpaceGate::CloseForGood() {
  absl::MutexLock lock(&mutex_);
  closed_for_good_ = true;
}

}  // namespace cairn
