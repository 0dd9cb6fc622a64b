#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/backup/byte_producer.h"
#include "client/backup/replay_buffer.h"
#include "client/backup/source.h"

namespace cairn::client {

// A source that is read once. Resumes within the bytes that were not yet
// durable: it keeps them, at most `buffer_bytes`, and reads on only when the
// server has made room.
class StreamSource final : public Source {
 public:
  // More than the server leaves unacknowledged: a watermark interval and a
  // largest chunk.
  static constexpr size_t kBufferBytes = 64 * 1024 * 1024;

  explicit StreamSource(std::unique_ptr<ByteProducer> producer,
                        size_t buffer_bytes = kBufferBytes)
      : producer_(std::move(producer)), buffer_(buffer_bytes) {}

  absl::StatusOr<SourceStep> Next() override;
  void Release(uint64_t offset) override { buffer_.Release(offset); }
  absl::Status Rewind(uint64_t offset) override {
    return buffer_.Rewind(offset);
  }
  uint64_t position() const override { return buffer_.position(); }
  std::optional<uint64_t> size_bytes() const override {
    return ended_ ? std::optional<uint64_t>(buffer_.end()) : std::nullopt;
  }

 private:
  const std::unique_ptr<ByteProducer> producer_;
  ReplayBuffer buffer_;
  bool ended_ = false;
};

}  // namespace cairn::client
