#include "services/ingest/domain/stream_rules.h"

#include "absl/strings/str_cat.h"
#include "common/model/record.h"
#include "common/page/page.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"

namespace cairn::ingest {

absl::Status OffsetMismatch(absl::string_view what, uint64_t found,
                            uint64_t expected) {
  return WithReason(
      absl::OutOfRangeError(absl::StrCat(what, " is ", found,
                                         ", the archive stands at ", expected)),
      reason::kOffsetMismatch, {{"expected", absl::StrCat(expected)}});
}

absl::Status CheckFrame(uint64_t offset, uint64_t size_bytes) {
  if (size_bytes > 0 && size_bytes <= kMaxFrameBytes) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("data frame at ", offset, " has ", size_bytes,
                   " bytes, allowed are 1..", kMaxFrameBytes));
}

absl::Status StreamRules::CheckPlace(uint64_t offset) const {
  RETURN_IF_ERROR(Flush());
  if (offset == position_) return absl::OkStatus();
  return OffsetMismatch("message offset", offset, position_);
}

absl::Status StreamRules::Append(absl::string_view what, uint64_t offset,
                                 uint64_t length) {
  RETURN_IF_ERROR(CheckPlace(offset));
  if (length == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(what, " at ", offset, " has no length"));
  }
  const uint64_t limit =
      kind_ == ArchiveKind::kBlob ? kMaxRecordPlainBytes : kMaxArchiveBytes;
  if (length > limit || position_ > limit - length) {
    return absl::InvalidArgumentError(absl::StrCat(
        "archive has ", position_, " bytes and a ", what, " of ", length,
        " follows, allowed for a ", ArchiveKindName(kind_), " are ", limit));
  }
  position_ += length;
  return absl::OkStatus();
}

absl::Status StreamRules::Data(uint64_t offset, uint64_t size_bytes) {
  RETURN_IF_ERROR(CheckPlace(offset));
  RETURN_IF_ERROR(CheckFrame(offset, size_bytes));
  return Append("data frame", offset, size_bytes);
}

absl::Status StreamRules::Hole(uint64_t offset, uint64_t length) {
  RETURN_IF_ERROR(CheckPlace(offset));
  if (kind_ == ArchiveKind::kBlob) {
    return absl::InvalidArgumentError("a hole in a blob; send its zeros");
  }
  return Append("hole", offset, length);
}

absl::Status StreamRules::Flush() const {
  if (!ended_) return absl::OkStatus();
  return absl::InvalidArgumentError("a message follows the end of the archive");
}

absl::Status StreamRules::End(uint64_t size_bytes) {
  RETURN_IF_ERROR(Flush());
  if (size_bytes != position_) {
    return OffsetMismatch("archive size", size_bytes, position_);
  }
  ended_ = true;
  return absl::OkStatus();
}

}  // namespace cairn::ingest
