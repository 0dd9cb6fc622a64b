#include "client/backup/stream_source.h"

#include <string>

#include "common/status/status_macros.h"

namespace cairn::client {

absl::StatusOr<SourceStep> StreamSource::Next() {
  if (buffer_.position() == buffer_.end() && !ended_) {
    if (buffer_.full()) return SourceStep{.kind = SourceStep::Kind::kFull};
    ASSIGN_OR_RETURN(std::optional<std::string> data, producer_->Read());
    if (!data.has_value()) return SourceStep{.kind = SourceStep::Kind::kIdle};
    if (data->empty()) {
      ended_ = true;
    } else {
      buffer_.Append(*std::move(data));
    }
  }
  std::optional<Frame> frame = buffer_.Next();
  if (!frame.has_value()) return SourceStep{.kind = SourceStep::Kind::kEnd};
  return SourceStep{.kind = SourceStep::Kind::kFrame,
                    .frame = *std::move(frame)};
}

}  // namespace cairn::client
