#include "client/backup/stream_sender.h"

#include <utility>

#include "client/backup/frame_sending.h"
#include "client/backup/send_attempts.h"
#include "common/status/status_macros.h"

namespace cairn::client {

using ingest::v1::WriteStreamRequest;

absl::StatusOr<SentArchive> StreamSender::Send(Source& source,
                                               uint64_t offset) {
  return SendByAttempts(
      options_, offset,
      {.attempt = [&](uint64_t from) { return Attempt(source, from); },
       .recover =
           [this](const absl::Status& error) {
             return budget_->WaitAfter(error);
           },
       .count = [this](uint64_t size_bytes) { return Count(size_bytes); }},
      *remote_, *budget_);
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
  RETURN_IF_ERROR(SendFrames(source, stream, [&](const Frame& frame) {
    read_bytes_ += frame.length();
    (*progress_)(TransferProgress{.archive = options_.archive,
                                  .bytes = frame.end(),
                                  .size_bytes = source.size_bytes()});
  }));
  WriteStreamRequest end;
  end.mutable_end()->set_size_bytes(source.position());
  ASSIGN_OR_RETURN(ingest::v1::WriteFinished finished,
                   stream.End(std::move(end)));
  SentArchive sent = Count(source.position());
  if (offset == 0) sent.statistics = std::move(*finished.mutable_statistics());
  return sent;
}

SentArchive StreamSender::Count(uint64_t size_bytes) const {
  return {.size_bytes = size_bytes,
          .read_bytes = read_bytes_,
          .sent_bytes = totals_.sent_bytes};
}

}  // namespace cairn::client
