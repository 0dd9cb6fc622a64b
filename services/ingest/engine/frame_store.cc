#include "services/ingest/engine/frame_store.h"

#include <cstring>
#include <utility>

#include "common/status/status_macros.h"

namespace cairn::ingest {

class FrameStore::Frame {
 public:
  Frame(std::shared_ptr<StreamBudget::Account> account, std::string bytes)
      : account_(std::move(account)), bytes_(std::move(bytes)) {}
  ~Frame() {
    const uint64_t size = bytes_.size();
    std::string().swap(bytes_);
    account_->Release(size);
  }
  std::string_view bytes() const { return bytes_; }

 private:
  const std::shared_ptr<StreamBudget::Account> account_;
  std::string bytes_;
};

// Bytes that were appended stay where they are; others may read them while
// more are appended behind.
class FrameStore::Block {
 public:
  explicit Block(std::shared_ptr<StreamBudget::Account> account)
      : account_(std::move(account)),
        bytes_(std::make_unique_for_overwrite<char[]>(kBlockBytes)) {}
  ~Block() {
    bytes_.reset();
    account_->Release(kBlockBytes);
  }
  size_t room() const { return kBlockBytes - used_; }
  std::string_view Append(std::string_view bytes) {
    char* const begin = bytes_.get() + used_;
    std::memcpy(begin, bytes.data(), bytes.size());
    used_ += bytes.size();
    return {begin, bytes.size()};
  }

 private:
  const std::shared_ptr<StreamBudget::Account> account_;
  std::unique_ptr<char[]> bytes_;
  size_t used_ = 0;
};

absl::Status FrameStore::Acquire(uint64_t bytes,
                                 absl::FunctionRef<void()> before_waiting) {
  if (account_->TryAcquire(bytes)) return absl::OkStatus();
  before_waiting();
  return account_->Acquire(bytes);
}

absl::StatusOr<BytePiece> FrameStore::Take(
    std::string frame, absl::FunctionRef<void()> before_waiting) {
  if (frame.size() >= kSmallFrameBytes) {
    RETURN_IF_ERROR(Acquire(frame.size(), before_waiting));
    auto kept = std::make_shared<Frame>(account_, std::move(frame));
    const std::string_view bytes = kept->bytes();
    return BytePiece{.owner = std::move(kept), .bytes = bytes};
  }
  if (block_ == nullptr || block_->room() < frame.size()) {
    block_.reset();
    RETURN_IF_ERROR(Acquire(kBlockBytes, before_waiting));
    block_ = std::make_shared<Block>(account_);
  }
  const std::string_view bytes = block_->Append(frame);
  return BytePiece{.owner = block_, .bytes = bytes};
}

}  // namespace cairn::ingest
