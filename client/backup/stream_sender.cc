#include "client/backup/stream_sender.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"

namespace cairn::client {
namespace {

using ingest::v1::WriteStreamRequest;
using State = WriteStream::State;

constexpr absl::Duration kStartTimeout = absl::Minutes(1);
// Longest wait for a watermark, and for the end, which syncs.
constexpr absl::Duration kStallTimeout = absl::Minutes(3);
// For the status of a stream that has said its last word.
constexpr absl::Duration kGoodbyeTimeout = absl::Seconds(5);

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

// Why a stream ended that had not said `finished`.
absl::Status EarlyEnd(const State& state) {
  if (!state.status.ok()) return state.status;
  return absl::UnavailableError("the server ended the stream early");
}

}  // namespace

absl::StatusOr<SentArchive> StreamSender::Send(Source& source) {
  uint64_t offset = 0;
  while (true) {
    absl::StatusOr<SentArchive> sent = Attempt(source, offset);
    if (sent.ok()) return sent;
    const bool exists = HasReason(sent.status(), reason::kArchiveExists);
    if (!exists) RETURN_IF_ERROR(budget_->WaitAfter(sent.status()));
    ASSIGN_OR_RETURN(const Standing standing, FindStanding());
    if (standing.complete) return SentArchive{.size_bytes = standing.bytes};
    // An archive that exists and is not complete would loop for ever.
    if (exists) return sent;
    offset = standing.bytes;
  }
}

absl::StatusOr<StreamSender::Standing> StreamSender::FindStanding() {
  while (true) {
    const absl::StatusOr<model::v1::Session> session =
        remote_->GetSession(options_.session);
    if (!session.ok()) {
      RETURN_IF_ERROR(budget_->WaitAfter(session.status()));
      continue;
    }
    if (session->state() == model::v1::SESSION_STATE_FENCED) {
      return WithReason(
          absl::AbortedError(absl::StrCat(
              "session ", options_.session,
              " was overtaken by a garbage collection while it was away")),
          reason::kSessionFenced);
    }
    if (session->state() != model::v1::SESSION_STATE_OPEN) {
      return WithReason(absl::AbortedError(absl::StrCat(
                            "session ", options_.session, " has ended")),
                        reason::kSessionEnded);
    }
    for (const model::v1::ArchiveProgress& archive : session->archives()) {
      if (archive.name() != options_.archive) continue;
      return Standing{.complete = archive.complete(),
                      .bytes = archive.complete() ? archive.root().size_bytes()
                                                  : archive.durable_bytes()};
    }
    return Standing{};
  }
}

absl::StatusOr<SentArchive> StreamSender::Attempt(Source& source,
                                                  uint64_t offset) {
  RETURN_IF_ERROR(source.Rewind(offset));
  const std::unique_ptr<WriteStream> stream = remote_->StartWrite();
  WriteStreamRequest begin;
  begin.mutable_begin()->set_session(options_.session);
  begin.mutable_begin()->set_archive(options_.archive);
  begin.mutable_begin()->set_kind(options_.kind);
  begin.mutable_begin()->set_resume_offset(offset);
  RETURN_IF_ERROR(stream->Write(std::move(begin)));
  const State started = stream->WaitUntil(
      [](const State& state) { return state.started; }, kStartTimeout);
  if (!started.started) {
    return started.ended ? EarlyEnd(started)
                         : absl::UnavailableError("no answer to `begin`");
  }
  if (started.start_offset != offset) {
    return absl::InternalError(absl::StrCat(
        "archive ", options_.archive, ": the server starts at byte ",
        started.start_offset, ", it was asked for ", offset));
  }
  asked_ = offset;
  while (true) {
    RETURN_IF_ERROR(
        Advance(source, stream->WaitUntil([](const State&) { return true; },
                                          absl::ZeroDuration())));
    ASSIGN_OR_RETURN(SourceStep step, source.Next());
    if (step.kind == SourceStep::Kind::kEnd) {
      return End(source, offset, *stream);
    }
    if (step.kind == SourceStep::Kind::kIdle) continue;
    if (step.kind == SourceStep::Kind::kFull) {
      RETURN_IF_ERROR(WaitForRoom(*stream));
      continue;
    }
    const uint64_t sent = step.frame.end();
    RETURN_IF_ERROR(stream->Write(ToRequest(std::move(step.frame))));
    if (options_.flush_interval_bytes > 0 &&
        sent - std::max(durable_, asked_) >= options_.flush_interval_bytes) {
      WriteStreamRequest flush;
      flush.mutable_flush();
      RETURN_IF_ERROR(stream->Write(std::move(flush)));
      asked_ = sent;
    }
    Report(source, sent);
  }
}

absl::Status StreamSender::Advance(Source& source, const State& state) {
  if (state.durable_bytes > durable_) {
    durable_ = state.durable_bytes;
    budget_->Progress();
    source.Release(durable_);
  }
  return state.ended ? EarlyEnd(state) : absl::OkStatus();
}

absl::Status StreamSender::WaitForRoom(WriteStream& stream) {
  WriteStreamRequest flush;
  flush.mutable_flush();
  RETURN_IF_ERROR(stream.Write(std::move(flush)));
  const uint64_t before = durable_;
  const State state = stream.WaitUntil(
      [before](const State& now) { return now.durable_bytes > before; },
      kStallTimeout);
  if (state.ended) return EarlyEnd(state);
  if (state.durable_bytes > before) return absl::OkStatus();
  // An interrupt shows at the next step of the source.
  return absl::UnavailableError(absl::StrCat(
      "archive ", options_.archive, ": nothing became durable for ",
      absl::FormatDuration(kStallTimeout)));
}

absl::StatusOr<SentArchive> StreamSender::End(Source& source, uint64_t offset,
                                              WriteStream& stream) {
  WriteStreamRequest end;
  end.mutable_end()->set_size_bytes(source.position());
  RETURN_IF_ERROR(stream.Write(std::move(end)));
  State state = stream.WaitUntil([](const State& now) { return now.finished; },
                                 kStallTimeout);
  if (!state.finished) {
    return state.ended ? EarlyEnd(state)
                       : absl::UnavailableError("no answer to `end`");
  }
  budget_->Progress();
  // Leaving at once would cancel a call that is about to end by itself.
  stream.WaitUntil([](const State& now) { return now.ended; }, kGoodbyeTimeout);
  SentArchive sent = {.size_bytes = source.position()};
  if (offset == 0) sent.statistics = state.result.statistics();
  return sent;
}

void StreamSender::Report(const Source& source, uint64_t bytes) const {
  (*progress_)(TransferProgress{.archive = options_.archive,
                                .bytes = bytes,
                                .size_bytes = source.size_bytes()});
}

}  // namespace cairn::client
