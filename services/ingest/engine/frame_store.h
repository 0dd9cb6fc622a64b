#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "services/ingest/domain/chunk_cutter.h"
#include "services/ingest/engine/stream_budget.h"

namespace cairn::ingest {

// Keeps the received bytes of one stream within its budget until the last
// chunk of them is done. A large frame is kept as it came; small ones are
// gathered in blocks, so that a stream of tiny frames costs what its bytes
// cost. Not thread-safe; what it hands out may go on any thread.
class FrameStore {
 public:
  // A frame of fewer bytes is copied to a block.
  static constexpr size_t kSmallFrameBytes = 64 << 10;
  static constexpr size_t kBlockBytes = 256 << 10;

  // What a stream must be guaranteed to end a chunk of `max_chunk_bytes`: the
  // frames that it begins and ends in, one more, and a block.
  static uint64_t GuaranteeFor(uint64_t max_chunk_bytes) {
    return max_chunk_bytes + (uint64_t{3} << 20);
  }

  explicit FrameStore(std::shared_ptr<StreamBudget::Account> account)
      : account_(std::move(account)) {}

  // Takes in a frame, not empty. Calls `before_waiting` if the budget is
  // used up: what can be worked on must be handed out then.
  // Cancelled: the account was closed.
  absl::StatusOr<BytePiece> Take(std::string frame,
                                 absl::FunctionRef<void()> before_waiting);

 private:
  class Frame;
  class Block;

  absl::Status Acquire(uint64_t bytes,
                       absl::FunctionRef<void()> before_waiting);

  const std::shared_ptr<StreamBudget::Account> account_;
  std::shared_ptr<Block> block_;
};

}  // namespace cairn::ingest
