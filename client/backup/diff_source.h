#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/backup/byte_producer.h"
#include "client/backup/diff_parser.h"
#include "client/backup/replay_buffer.h"
#include "client/backup/source.h"
#include "client/backup/stream_source.h"

namespace cairn::client {

// What changed of an image, out of a stream in the format of DiffParser that
// is read once. The size of the image is known before the first frame.
// Resumes within the ranges that were not yet durable, as StreamSource does.
// Next: also the parser's errors.
class DiffSource final : public Source {
 public:
  // `name` is for errors.
  DiffSource(std::unique_ptr<ByteProducer> producer, std::string name,
             size_t buffer_bytes = StreamSource::kBufferBytes)
      : producer_(std::move(producer)),
        parser_(std::move(name)),
        buffer_(buffer_bytes) {}

  absl::StatusOr<SourceStep> Next() override;
  void Release(uint64_t offset) override { buffer_.Release(offset); }
  absl::Status Rewind(uint64_t offset) override {
    return buffer_.Rewind(offset);
  }
  uint64_t position() const override { return buffer_.position(); }
  std::optional<uint64_t> size_bytes() const override {
    return parser_.size_bytes();
  }

 private:
  const std::unique_ptr<ByteProducer> producer_;
  DiffParser parser_;
  ReplayBuffer buffer_;
  bool ended_ = false;
};

}  // namespace cairn::client
