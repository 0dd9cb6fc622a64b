#include "services/ingest/rpc/write_stream.h"

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/concurrency/cancellation.h"
#include "common/status/status_macros.h"
#include "common/wire/archive.h"
#include "common/wire/scalars.h"

namespace cairn::ingest {
namespace {

using Request = v1::WriteStreamRequest;
using Response = v1::WriteStreamResponse;

absl::StatusOr<OpenStreamRequest> ReadBegin(const Request::Begin& begin) {
  OpenStreamRequest request{.archive = begin.archive(),
                            .resume_offset = begin.resume_offset()};
  ASSIGN_OR_RETURN(request.session,
                   NameFromProto<SessionName>("session", begin.session()));
  ASSIGN_OR_RETURN(request.kind, ArchiveKindFromProto("kind", begin.kind()));
  if (begin.has_chunker()) {
    ASSIGN_OR_RETURN(request.chunker, FromProto(begin.chunker()));
  }
  return request;
}

v1::WriteStatistics ToProto(const WriteTotals& totals) {
  v1::WriteStatistics proto;
  proto.set_chunk_count(totals.chunk_count);
  proto.set_new_chunk_count(totals.new_chunk_count);
  proto.set_plain_bytes(totals.plain_bytes);
  proto.set_new_plain_bytes(totals.new_plain_bytes);
  proto.set_stored_bytes(totals.stored_bytes);
  proto.set_hole_bytes(totals.hole_bytes);
  return proto;
}

Response Finished(const WrittenArchive& written) {
  Response response;
  *response.mutable_finished()->mutable_archive() =
      cairn::ToProto(written.archive);
  *response.mutable_finished()->mutable_statistics() = ToProto(written.totals);
  return response;
}

// Hands one message to the writer. `ended` is set by the last one.
absl::Status TakeMessage(Request& request, ArchiveWriter& writer,
                         Response& finished, bool& ended) {
  switch (request.message_case()) {
    case Request::kData:
      return writer.Write(request.data().offset(),
                          std::move(*request.mutable_data()->mutable_data()));
    case Request::kHole:
      return writer.Hole(request.hole().offset(), request.hole().length());
    case Request::kFlush:
      return writer.Flush();
    case Request::kEnd: {
      ASSIGN_OR_RETURN(const WrittenArchive written,
                       writer.End(request.end().size_bytes()));
      finished = Finished(written);
      ended = true;
      return absl::OkStatus();
    }
    case Request::kBegin:
      return absl::InvalidArgumentError(
          "begin follows begin; one stream writes one archive");
    case Request::MESSAGE_NOT_SET:
      break;
  }
  return absl::InvalidArgumentError("a message of the stream is empty");
}

// Why there is no further message although the archive has not ended.
absl::Status EndOfMessages(const Call& call, const ArchiveWriter& writer) {
  RETURN_IF_ERROR(writer.status());
  if (call.cancellation != nullptr) {
    RETURN_IF_ERROR(call.cancellation->Check());
  }
  return absl::InvalidArgumentError(
      "the stream ended without end; resume the archive at its durable "
      "offset");
}

}  // namespace

void WriteReplies::OnProgress(const WriteProgress& progress) {
  {
    absl::MutexLock lock(&mutex_);
    latest_ = progress;
    unsent_ = true;
    if (sending_) return;
    sending_ = true;
  }
  if (executor_->Schedule([this] { SendLoop(); }).ok()) return;
  {
    absl::MutexLock lock(&mutex_);
    sending_ = false;
  }
  // A peer that waits for a watermark must learn that none will come.
  messages_->StopReading();
}

void WriteReplies::SendLoop() {
  for (;;) {
    Response response;
    {
      absl::MutexLock lock(&mutex_);
      if (!unsent_) {
        sending_ = false;
        return;
      }
      unsent_ = false;
      response.mutable_watermark()->set_durable_bytes(latest_.durable_bytes);
      response.mutable_watermark()->set_accepted_bytes(latest_.accepted_bytes);
    }
    // False if the call is dead; the handler learns that by itself.
    messages_->Write(std::move(response));
  }
}

void WriteReplies::AwaitSent() {
  absl::MutexLock lock(&mutex_);
  const auto idle = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return !sending_;
  };
  executor_->Await(&mutex_, absl::Condition(&idle), absl::InfiniteDuration());
}

absl::Status ServeWriteStream(BackupFrontend& frontend, const Call& call,
                              WriteMessages& messages, Executor* executor) {
  Request request;
  if (!messages.Read(&request) || !request.has_begin()) {
    return absl::InvalidArgumentError("the first message is not begin");
  }
  ASSIGN_OR_RETURN(const OpenStreamRequest open, ReadBegin(request.begin()));
  WriteReplies replies(&messages, executor);
  ASSIGN_OR_RETURN(const std::unique_ptr<BackupStream> stream,
                   frontend.OpenStream(call, open, &replies));
  Response response;
  response.mutable_started()->set_offset(stream->start_offset());
  *response.mutable_started()->mutable_chunker() =
      cairn::ToProto(stream->chunker());
  messages.Write(std::move(response));

  bool ended = false;
  Response finished;
  while (!ended && messages.Read(&request)) {
    RETURN_IF_ERROR(TakeMessage(request, stream->writer(), finished, ended));
  }
  if (!ended) return EndOfMessages(call, stream->writer());
  replies.AwaitSent();
  messages.Write(std::move(finished));
  return absl::OkStatus();
}

}  // namespace cairn::ingest
