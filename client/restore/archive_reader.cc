#include "client/restore/archive_reader.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status/status_macros.h"

namespace cairn::client {

using ingest::v1::ReadArchiveRequest;
using ingest::v1::ReadArchiveResponse;

absl::Status ArchiveReader::Confusion(std::string_view what) const {
  return absl::InternalError(absl::StrCat("archive ", options_.label,
                                          ": the server's answer makes no "
                                          "sense at byte ",
                                          position_, ": ", what));
}

absl::Status ArchiveReader::Open() {
  while (true) {
    const absl::Status status = Connect();
    if (status.ok()) return status;
    stream_.reset();
    RETURN_IF_ERROR(budget_->WaitAfter(status));
  }
}

absl::Status ArchiveReader::Connect() {
  ReadArchiveRequest request;
  request.set_name(options_.archive);
  request.set_offset(position_);
  request.set_length(opened_ ? end_ - position_ : options_.length);
  stream_ = remote_->StartRead(request);
  ASSIGN_OR_RETURN(const std::optional<ReadArchiveResponse> first,
                   stream_->Next());
  if (!first.has_value()) return Confusion("it ended without a header");
  if (!first->has_header()) return Confusion("no header at the beginning");
  return TakeHeader(first->header());
}

absl::Status ArchiveReader::TakeHeader(
    const ReadArchiveResponse::Header& header) {
  if (header.offset() != position_) {
    return Confusion(absl::StrCat("it begins at byte ", header.offset()));
  }
  const uint64_t size = header.archive_size_bytes();
  if (header.offset() > size || header.length() > size - header.offset()) {
    return Confusion(absl::StrCat("a range of ", header.length(),
                                  " bytes in an archive of ", size));
  }
  const uint64_t end = header.offset() + header.length();
  if (opened_) {
    if (size != archive_size_bytes_ || end != end_) {
      return Confusion("another size than before the connection was lost");
    }
    return absl::OkStatus();
  }
  opened_ = true;
  archive_size_bytes_ = size;
  end_ = end;
  return absl::OkStatus();
}

absl::StatusOr<std::optional<Frame>> ArchiveReader::Next() {
  if (position_ == end_) {
    stream_.reset();
    return std::nullopt;
  }
  while (true) {
    if (stream_ == nullptr) RETURN_IF_ERROR(Open());
    absl::StatusOr<std::optional<ReadArchiveResponse>> message =
        stream_->Next();
    if (!message.ok()) {
      stream_.reset();
      RETURN_IF_ERROR(budget_->WaitAfter(message.status()));
      continue;
    }
    if (!message->has_value()) {
      return Confusion(absl::StrCat("it ended before byte ", end_));
    }
    ASSIGN_OR_RETURN(Frame frame, TakeFrame(**std::move(message)));
    budget_->Progress();
    position_ = frame.end();
    (*progress_)(TransferProgress{.archive = options_.label,
                                  .bytes = position_ - begin(),
                                  .size_bytes = end_ - begin(),
                                  .done = position_ == end_});
    return frame;
  }
}

absl::StatusOr<Frame> ArchiveReader::TakeFrame(ReadArchiveResponse message) {
  Frame frame;
  if (message.has_data()) {
    frame.offset = message.data().offset();
    frame.data = std::move(*message.mutable_data()->mutable_data());
  } else if (message.has_hole()) {
    frame.offset = message.hole().offset();
    frame.hole_bytes = message.hole().length();
  } else {
    return Confusion("neither data nor a hole");
  }
  if (frame.length() == 0 || frame.length() > end_ - position_ ||
      frame.offset != position_) {
    return Confusion(absl::StrCat(frame.length(), " bytes at byte ",
                                  frame.offset, ", the range ends at ", end_));
  }
  return frame;
}

}  // namespace cairn::client
