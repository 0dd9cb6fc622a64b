#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "common/model/call.h"
#include "common/model/names.h"
#include "common/page/page_diff.h"
#include "services/ingest/engine/archive_reader.h"
#include "services/ingest/engine/snapshot_lease.h"

namespace cairn::ingest {

struct DiffPiece {
  // In order; equal bytes lie between any two, and between those of two
  // pieces. Up to kMaxRanges.
  std::vector<DiffRange> ranges;
  // All below is in this piece or those before, or is equal.
  uint64_t compared_bytes = 0;
};

// Compares two archives from front to back by questions to index, each of
// which does a bounded part. Holds both snapshots. Next comes from one thread.
class DiffReader {
 public:
  static constexpr uint32_t kMaxRanges = 1024;

  struct Archives {
    ArchiveName base;
    ArchiveName archive;
    uint64_t offset = 0;
  };

  // `call` and its token outlive the reader, as does what `dependencies`
  // names.
  DiffReader(const ArchiveReader::Dependencies& dependencies, const Call& call,
             Archives archives,
             std::vector<std::unique_ptr<SnapshotLease>> leases);
  ~DiffReader();
  DiffReader(const DiffReader&) = delete;
  DiffReader& operator=(const DiffReader&) = delete;

  // The next piece; nullopt after the last. OutOfRange: the offset is beyond
  // the end of the longer archive. DataLoss names the page that is damaged.
  absl::StatusOr<std::optional<DiffPiece>> Next();

 private:
  // Takes in ranges that follow those before, and keeps back the last while
  // it may go on.
  DiffPiece Take(ArchiveDiff diff);
  // What the caller is told of an error of index.
  absl::Status Describe(const absl::Status& error) const;

  const ArchiveReader::Dependencies dependencies_;
  const Call call_;
  const Archives archives_;
  const std::vector<std::unique_ptr<SnapshotLease>> leases_;
  uint64_t position_;  // all below was compared
  bool done_ = false;
  std::optional<DiffRange> open_;  // ends at position_
};

}  // namespace cairn::ingest
