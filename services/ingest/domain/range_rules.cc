#include "services/ingest/domain/range_rules.h"

#include "absl/strings/str_cat.h"
#include "common/status/status_macros.h"
#include "services/ingest/domain/stream_rules.h"

namespace cairn::ingest {

absl::Status RangeRules::CheckPlace(uint64_t offset, uint64_t length) const {
  RETURN_IF_ERROR(Flush());
  if (offset < position_) {
    return OffsetMismatch("range offset", offset, position_);
  }
  if (length == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("range at ", offset, " has no length"));
  }
  if (offset <= size_bytes_ && length <= size_bytes_ - offset) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("range at ", offset, " has ", length,
                   " bytes, the archive ends at ", size_bytes_));
}

absl::Status RangeRules::Data(uint64_t offset, uint64_t size_bytes) {
  RETURN_IF_ERROR(CheckPlace(offset, size_bytes));
  RETURN_IF_ERROR(CheckFrame(offset, size_bytes));
  position_ = offset + size_bytes;
  return absl::OkStatus();
}

absl::Status RangeRules::Hole(uint64_t offset, uint64_t length) {
  RETURN_IF_ERROR(CheckPlace(offset, length));
  position_ = offset + length;
  return absl::OkStatus();
}

absl::Status RangeRules::Flush() const {
  if (!ended_) return absl::OkStatus();
  return absl::InvalidArgumentError("a message follows the end of the archive");
}

absl::Status RangeRules::End() {
  RETURN_IF_ERROR(Flush());
  ended_ = true;
  return absl::OkStatus();
}

}  // namespace cairn::ingest
