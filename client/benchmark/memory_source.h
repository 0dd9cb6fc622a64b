#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/backup/source.h"
#include "client/posix/interrupt.h"

namespace cairn::client {

// Bytes in memory as an archive.
class MemorySource final : public Source {
 public:
  // Both outlive the source.
  MemorySource(const std::string* bytes, const Interrupt* interrupt)
      : bytes_(bytes), interrupt_(interrupt) {}

  absl::StatusOr<SourceStep> Next() override {
    if (interrupt_->raised()) return interrupt_->Check();
    SourceStep step;
    if (position_ == bytes_->size()) return step;
    step.kind = SourceStep::Kind::kFrame;
    step.frame.offset = position_;
    step.frame.data = bytes_->substr(position_, kFrameBytes);
    position_ = step.frame.end();
    return step;
  }
  void Release(uint64_t) override {}
  absl::Status Rewind(uint64_t offset) override {
    position_ = std::min<uint64_t>(offset, bytes_->size());
    return absl::OkStatus();
  }
  uint64_t position() const override { return position_; }
  std::optional<uint64_t> size_bytes() const override { return bytes_->size(); }

 private:
  const std::string* const bytes_;
  const Interrupt* const interrupt_;
  uint64_t position_ = 0;
};

}  // namespace cairn::client
