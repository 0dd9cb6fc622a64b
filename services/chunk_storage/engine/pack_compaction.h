#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/model/call.h"
#include "services/chunk_storage/client/sweep_client.h"
#include "services/chunk_storage/engine/mark_set.h"
#include "services/chunk_storage/engine/pack_copy.h"
#include "services/chunk_storage/engine/pack_listing.h"
#include "services/chunk_storage/engine/pack_writer.h"
#include "services/chunk_storage/engine/record_piece.h"
#include "services/chunk_storage/engine/sweep_parts.h"
#include "services/chunk_storage/engine/task_tracker.h"
#include "services/chunk_storage/engine/throttle.h"

namespace cairn::chunk_storage {

// Copies what is left in some packs into new ones, and removes them.
//
// Of each new pack: records are proved and appended; it is sealed, synced and
// read again; its row is written, with no places; then the places move, a few
// of one shard at a time, each only if it still is where it was read; then the
// sources that are empty are marked dead, synced, and unlinked. The rows are in
// this order in one log, so after a power cut at any moment each place points
// to bytes that are synced: to the source's, which is removed only after all
// moves are durable, or to the copy's, which was synced before its row. A copy
// whose row is lost is a pack without one: recovery finds for each of its
// records the place that it has, and makes none. A place that was changed
// meanwhile (healed, dropped) leaves a dead copy, which is garbage as any
// other.
//
// Moving shard by shard, not all at once, is enough: nothing depends on two
// records being in the same pack, and no pin waits for more than one step.
class PackCompaction {
 public:
  struct Options {
    uint64_t max_copy_bytes = 0;    // 0: no limit; at least one pack is done
    uint64_t bytes_per_second = 0;  // 0: no limit
  };
  struct Outcome {
    RecordSum copied;
    uint64_t new_packs = 0;
    uint64_t new_bytes = 0;
    PackSet::Buried removed;
    std::vector<uint32_t> damaged;    // they stay
    std::vector<uint32_t> remaining;  // not begun, or not finished
  };

  PackCompaction(const SweepParts& parts, const SweepGuard& guard,
                 std::shared_ptr<MarkSet> set, const Options& options);

  // ResourceExhausted: no room for the next copy. After any error what the
  // outcome says is done; a copy that was not finished is removed.
  absl::Status Run(const Call& call, std::span<const SealedPack> sources);
  const Outcome& outcome() const { return outcome_; }

 private:
  static constexpr uint64_t kPieceBytes = uint64_t{4} << 20;

  struct Source {
    SealedPack pack;
    uint64_t left = 0;      // places in it
    bool consumed = false;  // all of them are copied, or cannot be
    bool buried = false;
  };

  absl::Status RunAll(const Call& call);
  absl::Status CopySource(const Call& call, size_t source);
  // `records`: those of the source that stay and can be read.
  absl::Status CopyRecords(const Call& call, size_t source,
                           std::span<const PlacedRecord> records);
  absl::Status PassThrottle(const Call& call,
                            std::span<const RecordPiece> batch);
  // Reads and proves. `ahead`: what will be asked for next. DataLoss: the
  // pack's file is gone.
  absl::StatusOr<std::vector<ReadPiece>> ReadBatch(
      uint32_t pack, std::span<const PlacedRecord> records,
      std::span<const RecordPiece> batch,
      std::span<const RecordPiece> ahead) const;
  absl::Status CopyBatch(const Call& call, size_t source,
                         std::span<const PlacedRecord> records,
                         std::span<const RecordPiece> batch,
                         std::span<const ReadPiece> read);
  absl::Status CopyPiece(size_t source, std::span<const PlacedRecord> records,
                         const ReadPiece& piece, const Call& call);
  void AddDamaged(uint32_t pack);
  absl::Status MarkDamaged(size_t source, const PlacedRecord& record,
                           const absl::Status& why);
  absl::Status OpenCopy(PackClass pack_class);
  // Seals, proves, moves, and removes what is empty then.
  absl::Status FinishCopy(const Call& call);
  SealedPack RowOf(const PackWriter::Contents& copy) const;
  absl::StatusOr<uint64_t> Move(const PackWriter::Contents& copy);
  absl::StatusOr<uint64_t> MoveStep(
      const std::vector<std::shared_ptr<MarkSet>>& sets, const PackCopy& copy,
      const PackWriter::Contents& contents, std::span<const size_t> indexes);
  absl::Status BuryEmpty(const std::vector<uint32_t>& also);
  void AbandonCopy();

  const SweepParts parts_;
  const SweepGuard guard_;
  const std::shared_ptr<MarkSet> set_;
  const Options options_;
  const PackListing listing_;
  Throttle throttle_;

  std::vector<Source> sources_;
  uint64_t expected_bytes_ = 0;  // extents that are still to be copied
  uint64_t appended_bytes_ = 0;
  std::unique_ptr<PackCopy> copy_;  // null: none is open
  Outcome outcome_;
  TaskTracker readers_;
};

}  // namespace cairn::chunk_storage
