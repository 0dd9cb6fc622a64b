#include "client/backup/changed_file_source.h"

#include <algorithm>
#include <vector>

#include "common/status/status_macros.h"

namespace cairn::client {

absl::StatusOr<SourceStep> ChangedFileSource::Next() {
  const std::vector<ByteRange>& ranges = ranges_->ranges();
  const uint64_t size = *file_->size_bytes();
  while (next_ < ranges.size() && ranges[next_].end <= position()) ++next_;
  const ByteRange range =
      next_ < ranges.size() ? ranges[next_] : ByteRange{size, size};
  const uint64_t begin = std::min(std::max(range.offset, position()), size);
  if (begin != position()) RETURN_IF_ERROR(file_->Rewind(begin));
  return file_->NextWithin(std::min(range.end, size),
                           FileSource::kMinHoleBytes);
}

absl::Status ChangedFileSource::Rewind(uint64_t offset) {
  RETURN_IF_ERROR(file_->Rewind(offset));
  const std::vector<ByteRange>& ranges = ranges_->ranges();
  next_ = static_cast<size_t>(
      std::upper_bound(ranges.begin(), ranges.end(), offset,
                       [](uint64_t searched, const ByteRange& range) {
                         return searched < range.end;
                       }) -
      ranges.begin());
  return absl::OkStatus();
}

}  // namespace cairn::client
