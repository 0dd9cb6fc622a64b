#include "client/restore/restore_run.h"

#include <algorithm>
#include <memory>
#include <string_view>
#include <utility>

#include "client/restore/archive_reader.h"
#include "client/restore/chunk_reader.h"
#include "client/restore/open_target.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"

namespace cairn::client {
namespace {

// The frames of a reader as the bytes that they stand for.
class FrameBytes {
 public:
  FrameBytes(RangeReader* reader, RestoreReport* report)
      : reader_(reader), report_(report) {}

  absl::StatusOr<std::string_view> Pull() {
    if (hole_left_ == 0) {
      ASSIGN_OR_RETURN(std::optional<Frame> frame, reader_->Next());
      if (!frame.has_value()) return std::string_view();
      report_->restored_bytes += frame->length();
      report_->hole_bytes += frame->hole_bytes;
      frame_ = *std::move(frame);
      if (frame_.hole_bytes == 0) return std::string_view(frame_.data);
      hole_left_ = frame_.hole_bytes;
      frame_.data.assign(std::min<uint64_t>(hole_left_, kFrameBytes), '\0');
    }
    const uint64_t piece = std::min<uint64_t>(hole_left_, frame_.data.size());
    hole_left_ -= piece;
    return std::string_view(frame_.data).substr(0, piece);
  }

 private:
  RangeReader* const reader_;
  RestoreReport* const report_;
  Frame frame_;
  uint64_t hole_left_ = 0;
};

}  // namespace

absl::StatusOr<RestoreReport> RestoreRun::Run(const RestoreRequest& request) {
  if (request.extract && (request.offset > 0 || request.length > 0)) {
    return absl::InvalidArgumentError(
        "--offset and --length are for restores to a file, a device or "
        "stdout; a directory is restored whole");
  }
  const std::unique_ptr<RangeReader> opened =
      environment_.reader == nullptr ? NewReader(request) : nullptr;
  RangeReader& reader = opened != nullptr ? *opened : *environment_.reader;
  RETURN_IF_ERROR(reader.Open());
  RestoreReport report = {.archive_size_bytes = reader.archive_size_bytes()};
  if (request.extract) {
    RETURN_IF_ERROR(Extract(reader, request, &report));
  } else {
    RETURN_IF_ERROR(CopyRange(reader, request, &report));
  }
  return report;
}

std::unique_ptr<RangeReader> RestoreRun::NewReader(
    const RestoreRequest& request) const {
  const RangeOptions range = {.archive = request.archive,
                              .label = request.label,
                              .offset = request.offset,
                              .length = request.length};
  if (environment_.executor == nullptr) {
    return std::make_unique<ArchiveReader>(
        range, environment_.remote, environment_.budget, environment_.progress);
  }
  return std::make_unique<ChunkReader>(
      range, environment_.remote, environment_.budget, environment_.progress,
      environment_.executor);
}

absl::Status RestoreRun::CopyRange(RangeReader& reader,
                                   const RestoreRequest& request,
                                   RestoreReport* report) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Target> target,
                   OpenTarget({.path = request.target,
                               .size_bytes = reader.end() - reader.begin(),
                               .overwrite = request.overwrite,
                               .stdout_fd = environment_.stdout_fd,
                               .interrupt = environment_.interrupt}));
  while (true) {
    RETURN_IF_ERROR(environment_.interrupt->Check());
    ASSIGN_OR_RETURN(const std::optional<Frame> frame, reader.Next());
    if (!frame.has_value()) break;
    const uint64_t at = frame->offset - reader.begin();
    if (frame->hole_bytes > 0) {
      RETURN_IF_ERROR(target->WriteHole(at, frame->hole_bytes));
    } else {
      RETURN_IF_ERROR(target->Write(at, frame->data));
    }
    report->restored_bytes += frame->length();
    report->hole_bytes += frame->hole_bytes;
  }
  return target->Finish();
}

absl::Status RestoreRun::Extract(RangeReader& reader,
                                 const RestoreRequest& request,
                                 RestoreReport* report) {
  ASSIGN_OR_RETURN(
      const std::unique_ptr<TarTarget> target,
      TarTarget::Open({.directory = request.target,
                       .overwrite = request.overwrite,
                       .restore_owner = request.restore_owner},
                      environment_.interrupt, environment_.problems));
  FrameBytes bytes(&reader, report);
  ASSIGN_OR_RETURN(report->extracted,
                   target->Extract([&bytes] { return bytes.Pull(); }));
  return absl::OkStatus();
}

}  // namespace cairn::client
