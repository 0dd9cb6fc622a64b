#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/backup/source.h"
#include "client/posix/interrupt.h"
#include "client/posix/local_file.h"
#include "client/transfer/problem_log.h"
#include "common/model/archive.h"

namespace cairn::client {

// A file or block device, of the size that it has when it is opened: what it
// has less reads as zeros and what is added is left out, and both are told to
// the problem log. Holes of 64 KiB or more, and in images also
// whole frames of zeros, become holes; a blob has none. Resumes anywhere.
class FileSource final : public Source {
 public:
  static constexpr uint64_t kMinHoleBytes = 64 * 1024;

  struct Options {
    std::string path;
    ArchiveKind kind = ArchiveKind::kImage;
    uint64_t max_blob_bytes = 16 * 1024 * 1024;
  };

  // The last two outlive the source. InvalidArgument: a blob is too large, or
  // the file says that it is empty and is not, as those of /proc do.
  static absl::StatusOr<std::unique_ptr<FileSource>> Open(
      const Options& options, const Interrupt* interrupt, ProblemLog* problems);

  absl::StatusOr<SourceStep> Next() override {
    return NextWithin(opened_.size_bytes, 1);
  }
  void Release(uint64_t) override {}
  absl::Status Rewind(uint64_t offset) override;
  uint64_t position() const override { return position_; }

  // As Next, but the piece ends at `end` at the latest, which is above
  // position() unless that is the end of the file, and what is not a hole of
  // `min_hole_bytes` is data.
  absl::StatusOr<SourceStep> NextWithin(uint64_t end, uint64_t min_hole_bytes);

  std::optional<uint64_t> size_bytes() const override {
    return opened_.size_bytes;
  }

 private:
  FileSource(LocalFile file, const FileFacts& facts, ArchiveKind kind,
             const Interrupt* interrupt, ProblemLog* problems)
      : file_(std::move(file)),
        opened_(facts),
        kind_(kind),
        interrupt_(interrupt),
        problems_(problems) {}

  absl::Status FindExtent();
  void ReadAhead(uint64_t end);
  SourceStep HoleTo(uint64_t end);
  absl::Status ReportChange();
  void ReportShort();

  const LocalFile file_;
  const FileFacts opened_;
  const ArchiveKind kind_;
  const Interrupt* const interrupt_;
  ProblemLog* const problems_;
  uint64_t position_ = 0;
  uint64_t ahead_to_ = 0;  // the kernel was asked for what is below
  Extent extent_;          // the run that holds position_, if it was looked up
  bool change_reported_ = false;
  bool short_reported_ = false;
};

}  // namespace cairn::client
