#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "common/model/call.h"
#include "services/chunk_storage/client/sweep_client.h"
#include "services/chunk_storage/engine/mark_set.h"
#include "services/chunk_storage/engine/pack_listing.h"
#include "services/chunk_storage/engine/record_piece.h"
#include "services/chunk_storage/engine/sweep_parts.h"
#include "services/chunk_storage/engine/throttle.h"

namespace cairn::chunk_storage {

// One call of VerifyPacks. Records are read in the order in which they lie in
// their pack, in pieces that are proved side by side by tasks and the caller's
// thread; packs are told of in order. What does not prove is marked bad.
class PackVerify {
 public:
  // `set` null: all records.
  PackVerify(const SweepParts& parts, std::shared_ptr<MarkSet> set,
             VerifyDepth depth, uint64_t read_bytes_per_second);
  // Waits for its tasks.
  ~PackVerify();

  using Take = absl::FunctionRef<void(const VerifiedPack&)>;
  absl::Status Run(const Call& call, const std::vector<uint32_t>& packs,
                   Take take);

 private:
  static constexpr uint64_t kPieceBytes = uint64_t{4} << 20;

  struct Job;
  struct Shared;

  absl::StatusOr<std::shared_ptr<Job>> Begin(const Call& call,
                                             uint32_t number) const;
  absl::Status AddPieces(const Call& call, const std::shared_ptr<Job>& job,
                         Take take);
  // Hands on the packs that are done, from the oldest; all of them if `wait`.
  absl::Status Emit(bool wait, Take take);
  absl::Status Finish(Job& job, Take take);
  void RunPiece(Job& job, const RecordPiece& piece) const;
  // The next piece that waits; false: none does.
  bool RunNext();
  // One more task to run them, up to the limit.
  void AddTask();

  const SweepParts parts_;
  const std::shared_ptr<MarkSet> set_;
  const VerifyDepth depth_;
  const PackListing listing_;
  Throttle throttle_;
  const std::shared_ptr<Shared> shared_;
  std::deque<std::shared_ptr<Job>> jobs_;  // not handed on yet, in order
};

}  // namespace cairn::chunk_storage
