#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/model/archive.h"
#include "common/model/call.h"
#include "common/model/names.h"
#include "common/time/clock.h"
#include "services/index/client/session_client.h"

namespace cairn::ingest {

// The entries of the one snapshot that a session may reuse: its base, as its
// row in index names it. Asks index in windows and keeps the last, so that
// reuses in the order of the base cost one question each 4096 entries. Not
// thread-safe.
class BaseEntries {
 public:
  // `sessions` and `clock` outlive it. Without a base every Find is refused.
  BaseEntries(SessionClient* sessions, const Clock* clock,
              std::optional<SnapshotName> base)
      : sessions_(sessions), clock_(clock), base_(std::move(base)) {}

  // The entries of [offset, offset + length) of an archive of the base, cut
  // to it; length > 0. FailedPrecondition (REUSE_REFUSED): no base, or it
  // has no such archive or range, or its pages are damaged. InvalidArgument:
  // more than kMaxReuseEntries; (CHUNK_MISMATCH) it begins or ends inside a
  // chunk.
  absl::StatusOr<std::vector<ChunkEntry>> Find(const Call& call,
                                               const std::string& archive,
                                               uint64_t offset,
                                               uint64_t length);

  // The entry that `offset` of an archive of the base lies in; bytes up to
  // `end` are wanted next. Errors as Find.
  absl::StatusOr<PlacedEntry> At(const Call& call, const std::string& archive,
                                 uint64_t offset, uint64_t end);
  // The entries from `offset` on that lie in [offset, end) as a whole, those
  // after each other that are there without another question, at most
  // `max_entries`: none if the first chunk does not. A run is cut between
  // repetitions, a hole anywhere. Errors as Find.
  absl::StatusOr<std::vector<ChunkEntry>> FindWhole(const Call& call,
                                                    const std::string& archive,
                                                    uint64_t offset,
                                                    uint64_t end,
                                                    size_t max_entries);

  // Whether, after At(`offset`), more than `entries` entries are known to lie
  // in [offset, end), or not all of them are known.
  bool IsFar(uint64_t offset, uint64_t end, size_t entries) const;

 private:
  // Of the window, from the entry that `offset` lies in on.
  std::span<const PlacedEntry> WindowFrom(uint64_t offset) const;
  // Asks for a window from `offset` on, unless it is there; `length` bytes
  // of it are wanted.
  absl::Status LoadWindow(const Call& call, const std::string& archive,
                          uint64_t offset, uint64_t length);

  SessionClient* const sessions_;
  const Clock* const clock_;
  const std::optional<SnapshotName> base_;
  std::string archive_;              // of the window
  std::vector<PlacedEntry> window_;  // follow each other
};

}  // namespace cairn::ingest
