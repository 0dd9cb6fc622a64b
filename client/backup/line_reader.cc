#include "client/backup/line_reader.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/status/status_macros.h"

namespace cairn::client {

LineReader::LineReader(ByteProducer* producer, std::string_view name,
                       size_t max_line_bytes, std::string_view form)
    : producer_(producer),
      name_(name),
      max_line_bytes_(max_line_bytes),
      form_(form) {}

absl::Status LineReader::Error(std::string_view what) const {
  return absl::InvalidArgumentError(
      absl::StrCat(name_, " line ", number_, ": ", what));
}

absl::StatusOr<std::optional<std::string_view>> LineReader::Next() {
  ++number_;
  while (true) {
    const size_t newline = text_.find('\n', searched_);
    const size_t end = std::min(newline, text_.size());
    if (end - begin_ > max_line_bytes_) {
      return Error(
          absl::StrCat("longer than ", max_line_bytes_, " bytes; ", form_));
    }
    const std::string_view line(text_.data() + begin_, end - begin_);
    if (newline != std::string::npos) {
      begin_ = searched_ = newline + 1;
      return line;
    }
    if (at_end_) {
      begin_ = searched_ = end;
      if (line.empty()) return std::nullopt;
      last_line_is_whole_ = false;
      return line;
    }
    text_.erase(0, begin_);
    begin_ = 0;
    searched_ = text_.size();
    ASSIGN_OR_RETURN(const std::optional<std::string> more, producer_->Read());
    if (!more.has_value()) continue;
    at_end_ = more->empty();
    text_ += *more;
  }
}

}  // namespace cairn::client
