#include "client/backup/stream_sender.h"

#include <utility>

#include "client/backup/archive_standing.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"

namespace cairn::client {
namespace {

using ingest::v1::WriteStreamRequest;

WriteStreamRequest ToRequest(Frame frame) {
  WriteStreamRequest request;
  if (frame.hole_bytes > 0) {
    request.mutable_hole()->set_offset(frame.offset);
    request.mutable_hole()->set_length(frame.hole_bytes);
  } else {
    request.mutable_data()->set_offset(frame.offset);
    request.mutable_data()->set_data(std::move(frame.data));
  }
  return request;
}

}  // namespace

absl::StatusOr<SentArchive> StreamSender::Send(Source& source,
                                               uint64_t offset) {
  while (true) {
    absl::StatusOr<SentArchive> sent = Attempt(source, offset);
    if (sent.ok()) return sent;
    const bool exists = HasReason(sent.status(), reason::kArchiveExists);
    if (!exists) RETURN_IF_ERROR(budget_->WaitAfter(sent.status()));
    ASSIGN_OR_RETURN(
        const ArchiveStanding standing,
        FindStanding(options_.session, options_.archive, *remote_, *budget_));
    if (standing.complete) {
      return SentArchive{.size_bytes = standing.bytes,
                         .read_bytes = read_bytes_,
                         .sent_bytes = totals_.sent_bytes};
    }
    // An archive that exists and is not complete would loop for ever.
    if (exists) return sent;
    offset = standing.bytes;
  }
}

absl::StatusOr<SentArchive> StreamSender::Attempt(Source& source,
                                                  uint64_t offset) {
  RETURN_IF_ERROR(source.Rewind(offset));
  ArchiveStream<WriteStreamRequest> stream(
      {.archive = options_.archive,
       .flush_interval_bytes = options_.flush_interval_bytes},
      remote_->StartWrite(), budget_, &totals_);
  WriteStreamRequest begin;
  begin.mutable_begin()->set_session(options_.session);
  begin.mutable_begin()->set_archive(options_.archive);
  begin.mutable_begin()->set_kind(options_.kind);
  begin.mutable_begin()->set_resume_offset(offset);
  RETURN_IF_ERROR(stream.Begin(std::move(begin), offset).status());
  while (true) {
    RETURN_IF_ERROR(stream.Advance(source));
    ASSIGN_OR_RETURN(SourceStep step, source.Next());
    if (step.kind == SourceStep::Kind::kEnd) {
      ASSIGN_OR_RETURN(const ingest::v1::WriteFinished finished,
                       stream.End(source.position()));
      SentArchive sent = {.size_bytes = source.position(),
                          .read_bytes = read_bytes_,
                          .sent_bytes = totals_.sent_bytes};
      if (offset == 0) sent.statistics = finished.statistics();
      return sent;
    }
    if (step.kind == SourceStep::Kind::kIdle) continue;
    if (step.kind == SourceStep::Kind::kFull) {
      RETURN_IF_ERROR(stream.WaitForRoom());
      continue;
    }
    const uint64_t sent = step.frame.end();
    read_bytes_ += step.frame.length();
    RETURN_IF_ERROR(stream.Send(ToRequest(std::move(step.frame))));
    RETURN_IF_ERROR(stream.FlushIfDue(sent));
    Report(source, sent);
  }
}

void StreamSender::Report(const Source& source, uint64_t bytes) const {
  (*progress_)(TransferProgress{.archive = options_.archive,
                                .bytes = bytes,
                                .size_bytes = source.size_bytes()});
}

}  // namespace cairn::client
