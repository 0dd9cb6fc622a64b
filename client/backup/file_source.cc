#include "client/backup/file_source.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status/status_macros.h"

namespace cairn::client {
namespace {

// Asked of the kernel ahead of what is read: a reader of a frame at a time
// keeps a disk waiting while it hashes. It is the page cache's memory.
constexpr uint64_t kReadAheadBytes = uint64_t{16} << 20;

// Refuses a file whose size nobody knows before it is read: it would be
// stored as an empty one.
absl::Status CheckSizeIsTold(const LocalFile& file, const FileFacts& facts) {
  if (!facts.is_regular || facts.size_bytes > 0) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::string first, file.Read(0, 1));
  if (first.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const FileFacts now, file.Facts());
  // A file that grows is told when its end is reached.
  if (now.size_bytes > 0) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      file.path(),
      ": its size is 0 bytes and yet it has content; pipe it in, as in `cat ",
      file.path(), " | cairn backup GROUP NAME.raw:-`"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<FileSource>> FileSource::Open(
    const Options& options, const Interrupt* interrupt, ProblemLog* problems) {
  ASSIGN_OR_RETURN(LocalFile file, LocalFile::Open(options.path));
  ASSIGN_OR_RETURN(const FileFacts facts, file.Facts());
  RETURN_IF_ERROR(CheckSizeIsTold(file, facts));
  if (options.kind == ArchiveKind::kBlob &&
      facts.size_bytes > options.max_blob_bytes) {
    return absl::InvalidArgumentError(
        absl::StrCat(options.path, ": ", facts.size_bytes,
                     " bytes are too many for a blob, allowed are ",
                     options.max_blob_bytes, "; name the archive .raw"));
  }
  return std::unique_ptr<FileSource>(new FileSource(
      std::move(file), facts, options.kind, interrupt, problems));
}

absl::StatusOr<SourceStep> FileSource::NextWithin(uint64_t end,
                                                  uint64_t min_hole_bytes) {
  RETURN_IF_ERROR(interrupt_->Check());
  if (position_ >= opened_.size_bytes) {
    RETURN_IF_ERROR(ReportChange());
    return SourceStep{.kind = SourceStep::Kind::kEnd};
  }
  RETURN_IF_ERROR(FindExtent());
  const uint64_t run_end = std::min(extent_.end, end);
  if (extent_.is_hole && run_end - position_ >= min_hole_bytes) {
    return HoleTo(run_end);
  }
  // Frames end at multiples of their size, so that the zeros of an image are
  // found at the same places in each backup.
  const uint64_t frame_end =
      std::min(run_end, (position_ / kFrameBytes + 1) * uint64_t{kFrameBytes});
  const uint64_t wanted = frame_end - position_;
  ReadAhead(run_end);
  ASSIGN_OR_RETURN(std::string data, file_.Read(position_, wanted));
  if (data.empty()) {
    ReportShort();
    if (kind_ != ArchiveKind::kBlob) return HoleTo(end);
    data.assign(wanted, '\0');
  }
  if (kind_ == ArchiveKind::kImage && data.size() == wanted &&
      wanted >= min_hole_bytes && IsAllZero(data)) {
    return HoleTo(frame_end);
  }
  SourceStep step = {.kind = SourceStep::Kind::kFrame};
  step.frame = Frame{.offset = position_, .data = std::move(data)};
  position_ = step.frame.end();
  return step;
}

absl::Status FileSource::FindExtent() {
  if (extent_.offset <= position_ && position_ < extent_.end) {
    return absl::OkStatus();
  }
  const uint64_t size = opened_.size_bytes;
  if (kind_ == ArchiveKind::kBlob) {
    extent_ = Extent{false, position_, size};
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(extent_, file_.ExtentAt(position_, size));
  if (extent_.is_hole && extent_.end - extent_.offset < kMinHoleBytes) {
    extent_.is_hole = false;
  }
  return absl::OkStatus();
}

// In halves of the window, so that the device always has a queue.
void FileSource::ReadAhead(uint64_t end) {
  const uint64_t begin = std::max(position_, ahead_to_);
  const uint64_t to = std::min(end, position_ + kReadAheadBytes);
  if (begin >= to || (to < end && to - begin < kReadAheadBytes / 2)) return;
  file_.Prefetch(begin, to - begin);
  ahead_to_ = to;
}

SourceStep FileSource::HoleTo(uint64_t end) {
  SourceStep step = {.kind = SourceStep::Kind::kFrame};
  step.frame = Frame{.offset = position_, .hole_bytes = end - position_};
  position_ = end;
  return step;
}

void FileSource::ReportShort() {
  if (short_reported_) return;
  short_reported_ = true;
  problems_->Add(absl::StrCat(file_.path(), ": ended at byte ", position_,
                              " of ", opened_.size_bytes,
                              "; the rest is stored as zeros"));
}

absl::Status FileSource::ReportChange() {
  if (change_reported_) return absl::OkStatus();
  change_reported_ = true;
  ASSIGN_OR_RETURN(const FileFacts now, file_.Facts());
  if (now == opened_) return absl::OkStatus();
  if (now.size_bytes != opened_.size_bytes) {
    problems_->Add(absl::StrCat(
        file_.path(), ": its size changed from ", opened_.size_bytes, " to ",
        now.size_bytes, " bytes while it was read; stored with the first"));
  } else {
    problems_->Add(absl::StrCat(file_.path(), ": written while it was read"));
  }
  return absl::OkStatus();
}

absl::Status FileSource::Rewind(uint64_t offset) {
  if (offset > opened_.size_bytes) {
    return absl::OutOfRangeError(absl::StrCat(
        file_.path(), ": the server stands at byte ", offset, " of ",
        opened_.size_bytes, "; the file is not the one it began with"));
  }
  position_ = offset;
  ahead_to_ = offset;
  extent_ = Extent{};
  return absl::OkStatus();
}

}  // namespace cairn::client
