#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/io/file_system.h"
#include "common/model/record.h"
#include "common/model/uuid.h"

namespace cairn::chunk_storage {

// What a sweep is about to drop, for people: <directory>/<token>.log, lines of
// text. The first line of each opening is
//
//   sweep token=7 cut=5 sequence=90 time=2026-11-22T10:00:00Z
//
// and then, for each record, what is dropped if nobody takes it up meanwhile,
// and by a second line if somebody did:
//
//   chunk 0123... pack=<uuid> reason=unmarked
//   chunk 0123... pack=<uuid> reason=spared
//
// A record of an encrypted domain has " domain=<hex>" at the end. Not
// thread-safe.
class AuditLog {
 public:
  // Logs are kept so long, and at most so many, and of so many bytes.
  static constexpr absl::Duration kKept = absl::Hours(24 * 90);
  static constexpr size_t kMaxFiles = 1000;
  static constexpr uint64_t kMaxBytes = uint64_t{4} << 30;

  struct Sweep {
    uint64_t token = 0;
    uint64_t cut = 0;
    uint64_t sequence = 0;
    absl::Time time;
  };

  // Appends to the log of the sweep, which is durable by name after the first
  // Sync. `files` outlives the log.
  static absl::StatusOr<std::unique_ptr<AuditLog>> Open(
      FileSystem* files, const std::string& directory, const Sweep& sweep);

  // Removes logs that are older than kKept or beyond the other bounds, the
  // oldest first. No directory: nothing to do.
  static absl::Status RemoveOld(FileSystem& files, const std::string& directory,
                                absl::Time now);

  void Add(const RecordKey& key, const Uuid& pack, std::string_view reason);
  // Writes what was added.
  absl::Status Flush();
  // The same, durably. A failure is as final as File::Sync's: `sync_failed`
  // then tells it from a write that did not succeed.
  absl::Status Sync();
  bool sync_failed() const { return sync_failed_; }

 private:
  AuditLog(FileSystem* files, std::string directory, std::unique_ptr<File> file,
           uint64_t end);

  FileSystem* const files_;
  const std::string directory_;
  const std::unique_ptr<File> file_;
  uint64_t end_;
  std::string lines_;
  bool directory_synced_ = false;
  bool sync_failed_ = false;
};

}  // namespace cairn::chunk_storage
