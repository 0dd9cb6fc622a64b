#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/model/archive.h"
#include "common/model/call.h"
#include "common/model/record.h"
#include "services/ingest/engine/archive_reader.h"
#include "services/ingest/engine/snapshot_lease.h"
#include "services/ingest/engine/stream_budget.h"

namespace cairn::ingest {

// Entries of an archive that follow each other, or one chunk as it is stored.
struct ChunkPiece {
  std::vector<PlacedEntry> entries;  // 1..kMaxPieceEntries
  // Set: of the only entry, which is a chunk. Its payload digest was proved,
  // its plain bytes were not.
  std::optional<Record> record;
};

// Reads a range of an archive as its entries, in order and whole, with the
// chunks as they are stored. Holds one payload at a time. Not thread-safe.
class ChunkReader {
 public:
  static constexpr uint32_t kMaxPieceEntries = 1024;

  // What a reader must be guaranteed: one chunk as it is stored.
  static uint64_t GuaranteeFor(uint64_t max_chunk_bytes) {
    return max_chunk_bytes + (uint64_t{64} << 10);
  }

  // `call`, its token and what `dependencies` names outlive the reader. With
  // `entries_only` chunk_storage is not asked.
  ChunkReader(const ArchiveReader::Options& options,
              const ArchiveReader::Dependencies& dependencies, const Call& call,
              ArchiveReader::Range range, bool entries_only,
              std::unique_ptr<SnapshotLease> lease,
              std::shared_ptr<StreamBudget::Account> account);
  ~ChunkReader();
  ChunkReader(const ChunkReader&) = delete;
  ChunkReader& operator=(const ChunkReader&) = delete;

  // The next piece; nullopt after the last. The piece before is to be let
  // go: it was what the budget is for. Errors as ArchiveReader::Next, and
  // Cancelled when the token of the call is.
  absl::StatusOr<std::optional<ChunkPiece>> Next();

 private:
  absl::Status OpenWindow();
  absl::StatusOr<Record> FetchRecord(const PlacedEntry& placed);
  absl::Status CheckContinues(const PlacedEntry& placed) const;
  // Gives the cost of the payload before back and takes that of the next.
  void Charge(uint64_t bytes);

  const ArchiveReader::Options options_;
  const ArchiveReader::Dependencies dependencies_;
  const Call& call_;
  const ArchiveReader::Range range_;
  const bool entries_only_;
  const std::unique_ptr<SnapshotLease> lease_;
  const std::shared_ptr<StreamBudget::Account> account_;
  uint64_t charged_ = 0;

  std::vector<PlacedEntry> window_;
  size_t next_in_window_ = 0;
  uint64_t position_;                      // all before was given out
  std::unique_ptr<RecordStream> records_;  // of the window
};

}  // namespace cairn::ingest
