#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/model/call.h"
#include "services/chunk_storage/engine/pack_writer.h"
#include "services/chunk_storage/engine/sweep_parts.h"
#include "services/chunk_storage/engine/task_tracker.h"

namespace cairn::chunk_storage {

// A new pack that is filled with records of others, and proved: each record is
// read back from the file and its digest found again. That, and the disk's
// writing, go on beside the thread that fills it. Nobody else sees the pack:
// no row names it. For one thread.
class PackCopy {
 public:
  // A record of the copy, in order of offset.
  struct Record {
    RecordHeader header;
    Place from;
    size_t source = 0;  // of the caller's numbering
  };

  // An empty one. As PackSet::CreateOutside.
  static absl::StatusOr<std::unique_ptr<PackCopy>> Create(
      const SweepParts& parts, PackClass pack_class);
  // Waits for what goes on beside.
  ~PackCopy() = default;

  const Uuid& uuid() const { return writer_->uuid(); }
  uint32_t number() const { return writer_->number(); }
  PackClass pack_class() const { return writer_->pack_class(); }
  const std::vector<Record>& records() const { return records_; }

  // Appends as many of `good`, from the first on, as fit, and says how many;
  // 0: it is full. `from`: the place of each. `call` outlives the copy.
  // Errors of PackWriter::AppendCopied, and of a proof that has failed.
  absl::StatusOr<size_t> Append(const Call& call,
                                std::span<const PackWriter::Copied> good,
                                std::span<const Place> from, size_t source);

  // Seals and syncs it, and proves what is not proved yet, and the footer.
  // DataLoss: a record is not what was written. ResourceExhausted: there was
  // no room for the footer.
  absl::StatusOr<PackWriter::Contents> Finish(const Call& call);

  // Removes the file.
  absl::Status Remove();

 private:
  // What is written out, and proved, at a time.
  static constexpr uint64_t kPartBytes = uint64_t{16} << 20;
  static constexpr uint64_t kPieceBytes = uint64_t{4} << 20;

  // Records that are written and not proved.
  struct Part {
    std::vector<PlacedRecord> records;
    std::vector<RecordHeader> headers;
    uint64_t bytes = 0;
  };

  PackCopy(const SweepParts& parts, std::shared_ptr<PackWriter> writer);

  void ProveBeside(const Call& call);
  absl::Status Prove(const Call& call, const Part& part) const;
  absl::Status ProveFooter(const PackWriter::Contents& contents) const;

  const SweepParts parts_;
  const std::shared_ptr<PackWriter> writer_;
  std::vector<Record> records_;
  Part unproved_;

  absl::Mutex mutex_;
  bool proving_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status proof_ ABSL_GUARDED_BY(mutex_);  // of what went on beside
  TaskTracker tasks_;  // last: its tasks use what is above
};

}  // namespace cairn::chunk_storage
