#include "client/cli/render/progress.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "client/cli/render/format.h"

namespace cairn::client {

void ProgressLine::Update(const TransferProgress& progress) {
  if (options_.quiet) return;
  const absl::Duration now = clock_->Monotonic();
  if (progress.archive != archive_ || progress.bytes < started_at_bytes_) {
    archive_ = progress.archive;
    started_ = now;
    started_at_bytes_ = progress.done ? 0 : progress.bytes;
    shown_ = options_.terminal ? -absl::InfiniteDuration() : now;
  }
  if (!progress.done && !IsDue(now)) return;
  Show(Describe(progress, now - started_), progress.done, now);
}

void ProgressLine::Update(std::string_view text) {
  if (options_.quiet) return;
  const absl::Duration now = clock_->Monotonic();
  if (IsDue(now)) Show(text, false, now);
}

bool ProgressLine::IsDue(absl::Duration now) const {
  return now - shown_ >=
         (options_.terminal ? kTerminalInterval : kPlainInterval);
}

void ProgressLine::Show(std::string_view text, bool done, absl::Duration now) {
  shown_ = now;
  if (!options_.terminal) {
    *err_ << text << std::endl;
    return;
  }
  // Back to the beginning of the line, text, the rest of the line away.
  *err_ << "\r" << text << "\033[K";
  line_open_ = !done;
  if (done) *err_ << "\n";
  err_->flush();
}

std::string ProgressLine::Describe(const TransferProgress& progress,
                                   absl::Duration elapsed) const {
  const uint64_t moved =
      progress.bytes - std::min(progress.bytes, started_at_bytes_);
  std::string text = absl::StrCat(Printable(progress.archive), ": ",
                                  FormatBytes(progress.bytes));
  if (!progress.done && progress.size_bytes.has_value()) {
    absl::StrAppend(&text, " of ", FormatBytes(*progress.size_bytes), ", ",
                    FormatShare(progress.bytes, *progress.size_bytes));
  }
  absl::StrAppend(&text, ", ", FormatRate(moved, elapsed));
  if (progress.done) {
    absl::StrAppend(&text, ", ", FormatSpan(elapsed));
  } else if (progress.size_bytes.has_value() && moved > 0) {
    const double left = static_cast<double>(
        *progress.size_bytes - std::min(progress.bytes, *progress.size_bytes));
    absl::StrAppend(&text, ", ",
                    FormatSpan(elapsed * (left / static_cast<double>(moved))),
                    " left");
  }
  if (progress.plain_bytes.has_value() && progress.new_bytes.has_value()) {
    const uint64_t known = *progress.plain_bytes -
                           std::min(*progress.plain_bytes, *progress.new_bytes);
    absl::StrAppend(&text, ", ", FormatShare(known, *progress.plain_bytes),
                    " already stored");
  }
  if (progress.sent_bytes.has_value()) {
    absl::StrAppend(&text, ", ", FormatBytes(*progress.sent_bytes), " sent");
  }
  return text;
}

void ProgressLine::Note(std::string_view text) {
  Clear();
  *err_ << text << std::endl;
}

void ProgressLine::Clear() {
  if (!line_open_) return;
  *err_ << "\r\033[K";
  err_->flush();
  line_open_ = false;
}

}  // namespace cairn::client
