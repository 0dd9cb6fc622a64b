#include "client/backup/diff_source.h"

#include "common/status/status_macros.h"

namespace cairn::client {

absl::StatusOr<SourceStep> DiffSource::Next() {
  // Each turn reads more of the stream, or ends the loop soon.
  while (true) {
    if (std::optional<Frame> frame = buffer_.Next()) {
      return SourceStep{.kind = SourceStep::Kind::kFrame,
                        .frame = *std::move(frame)};
    }
    if (ended_) return SourceStep{.kind = SourceStep::Kind::kEnd};
    if (buffer_.full()) return SourceStep{.kind = SourceStep::Kind::kFull};
    ASSIGN_OR_RETURN(std::optional<Frame> piece, parser_.Next());
    if (piece.has_value()) {
      buffer_.Append(*std::move(piece));
      continue;
    }
    ASSIGN_OR_RETURN(std::optional<std::string> bytes, producer_->Read());
    if (!bytes.has_value()) {
      return SourceStep{.kind = SourceStep::Kind::kIdle};
    }
    if (!bytes->empty()) {
      parser_.Add(*std::move(bytes));
      continue;
    }
    RETURN_IF_ERROR(parser_.Finish());
    ended_ = true;
    buffer_.SkipTo(*parser_.size_bytes());
  }
}

}  // namespace cairn::client
