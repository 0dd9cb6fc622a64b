#include "client/backup/range_sender.h"

#include <algorithm>

#include "client/backup/frame_sending.h"
#include "client/backup/send_attempts.h"
#include "common/status/status_macros.h"

namespace cairn::client {
namespace {

using ingest::v1::WriteRangesRequest;

// Waits until `source`, at `offset`, knows its size, and leaves it there.
absl::StatusOr<uint64_t> AwaitSize(Source& source, uint64_t offset) {
  RETURN_IF_ERROR(source.Rewind(offset));
  if (!source.size_bytes().has_value()) {
    do {
      ASSIGN_OR_RETURN(const SourceStep step, source.Next());
      if (step.kind != SourceStep::Kind::kIdle) break;
    } while (!source.size_bytes().has_value());
    RETURN_IF_ERROR(source.Rewind(offset));
  }
  if (!source.size_bytes().has_value()) {
    return absl::InternalError("a source of ranges does not know its size");
  }
  return *source.size_bytes();
}

}  // namespace

absl::StatusOr<SentArchive> RangeSender::Send(Source& source, uint64_t offset) {
  begun_at_ = seen_ = offset;
  return SendByAttempts(
      options_, offset,
      {.attempt = [&](uint64_t from) { return Attempt(source, from); },
       .recover =
           [this](const absl::Status& error) {
             return environment_.budget->WaitAfter(error);
           },
       .count = [this](uint64_t size_bytes) { return Count(size_bytes); }},
      *environment_.remote, *environment_.budget);
}

absl::StatusOr<SentArchive> RangeSender::Attempt(Source& source,
                                                 uint64_t offset) {
  ASSIGN_OR_RETURN(const uint64_t size_bytes, AwaitSize(source, offset));
  // Never asks for watermarks by the distance covered: what is taken from the
  // base is no bytes that have to be kept.
  ArchiveStream<WriteRangesRequest> stream(
      {.archive = options_.archive}, environment_.remote->StartWriteRanges(),
      environment_.budget, &totals_);
  WriteRangesRequest begin;
  begin.mutable_begin()->set_session(options_.session);
  begin.mutable_begin()->set_archive(options_.archive);
  begin.mutable_begin()->set_base_snapshot(base_.snapshot);
  begin.mutable_begin()->set_size_bytes(size_bytes);
  begin.mutable_begin()->set_resume_offset(offset);
  RETURN_IF_ERROR(stream.Begin(std::move(begin), offset).status());
  RETURN_IF_ERROR(SendFrames(source, stream,
                             [&](const Frame& frame) { Note(frame, source); }));
  WriteRangesRequest end;
  end.mutable_end();
  ASSIGN_OR_RETURN(ingest::v1::WriteFinished finished,
                   stream.End(std::move(end)));
  SentArchive sent = Count(size_bytes);
  if (offset == 0) sent.statistics = std::move(*finished.mutable_statistics());
  return sent;
}

void RangeSender::Note(const Frame& frame, const Source& source) {
  read_bytes_ += frame.length();
  if (frame.end() > seen_) {
    const uint64_t begin = std::max(frame.offset, seen_);
    replaced_ += std::min(frame.end(), base_.size_bytes) -
                 std::min(begin, base_.size_bytes);
    seen_ = frame.end();
  }
  (*environment_.progress)(TransferProgress{.archive = options_.archive,
                                            .bytes = frame.end(),
                                            .size_bytes = source.size_bytes()});
}

SentArchive RangeSender::Count(uint64_t size_bytes) const {
  const uint64_t common = std::min(size_bytes, base_.size_bytes);
  return {.size_bytes = size_bytes,
          .read_bytes = read_bytes_,
          .sent_bytes = totals_.sent_bytes,
          .reused_bytes = common - std::min(begun_at_, common) - replaced_};
}

}  // namespace cairn::client
