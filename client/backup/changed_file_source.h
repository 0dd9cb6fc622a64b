#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/backup/file_source.h"
#include "client/backup/range_list.h"
#include "client/backup/source.h"

namespace cairn::client {

// What changed of an image, read from the file or device that it is: the
// bytes of the ranges of a list, holes of FileSource::kMinHoleBytes or more
// as such. The image has the size of the file; of ranges what lies behind it
// is left out. Between the ranges nothing is read. Resumes anywhere.
class ChangedFileSource final : public Source {
 public:
  // `ranges` outlives the source.
  ChangedFileSource(std::unique_ptr<FileSource> file, const RangeList* ranges)
      : file_(std::move(file)), ranges_(ranges) {}

  absl::StatusOr<SourceStep> Next() override;
  void Release(uint64_t) override {}
  absl::Status Rewind(uint64_t offset) override;
  uint64_t position() const override { return file_->position(); }
  std::optional<uint64_t> size_bytes() const override {
    return file_->size_bytes();
  }

 private:
  const std::unique_ptr<FileSource> file_;
  const RangeList* const ranges_;
  size_t next_ = 0;  // the ranges before it end at position() or below
};

}  // namespace cairn::client
