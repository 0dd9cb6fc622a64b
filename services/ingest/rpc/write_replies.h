#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "cairn/ingest/v1/backup_service.pb.h"
#include "common/concurrency/executor.h"
#include "common/model/call.h"
#include "common/rpc/message_stream.h"
#include "common/status/status_macros.h"
#include "common/wire/archive.h"
#include "common/wire/scalars.h"
#include "services/ingest/engine/archive_pipeline.h"
#include "services/ingest/engine/backup_frontend.h"

// What the ways of writing an archive share on the wire: they begin, answer
// and end alike, and differ in the messages between.
namespace cairn::ingest {

v1::WriteFinished ToProto(const WrittenArchive& written);

// Why there is no further message although the archive has not ended;
// `status` is that of its writer.
absl::Status EndOfMessages(const Call& call, const absl::Status& status);

// Answers of one stream. Progress comes from the pipeline, which must not
// wait for a slow peer: the latest is kept and sent by a task of `executor`.
template <typename Request, typename Response>
class WriteReplies final : public ArchivePipeline::Listener {
 public:
  using Messages = ServerStream<Request, Response>;

  // Both outlive the replies.
  WriteReplies(Messages* messages, Executor* executor)
      : messages_(messages), executor_(executor) {}
  // Waits for the task.
  ~WriteReplies() override { AwaitSent(); }

  void OnProgress(const WriteProgress& progress) override {
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
  void OnFailure() override { messages_->StopReading(); }

  // Waits until all progress is sent; none may come meanwhile. From then on
  // the caller may write to the stream itself.
  void AwaitSent() {
    absl::MutexLock lock(&mutex_);
    const auto idle = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
      return !sending_;
    };
    executor_->Await(&mutex_, absl::Condition(&idle), absl::InfiniteDuration());
  }

 private:
  void SendLoop() {
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
        response.mutable_watermark()->set_accepted_bytes(
            latest_.accepted_bytes);
      }
      // False if the call is dead; the handler learns that by itself.
      messages_->Write(std::move(response));
    }
  }

  Messages* const messages_;
  Executor* const executor_;
  absl::Mutex mutex_;
  WriteProgress latest_ ABSL_GUARDED_BY(mutex_);
  bool unsent_ ABSL_GUARDED_BY(mutex_) = false;
  bool sending_ ABSL_GUARDED_BY(mutex_) = false;
};

// Hands on the bytes of a message that has data.
template <typename Request, typename Writer>
absl::Status TakeData(Request& request, Writer& writer) {
  return writer.Write(request.data().offset(),
                      std::move(*request.mutable_data()->mutable_data()));
}

// Hands on a message of those that all ways have; one that is none of them
// is refused.
template <typename Request, typename Writer>
absl::Status TakeHoleOrFlush(const Request& request, Writer& writer) {
  if (request.has_hole()) {
    return writer.Hole(request.hole().offset(), request.hole().length());
  }
  if (request.has_flush()) return writer.Flush();
  return absl::InvalidArgumentError("a message of the stream is empty");
}

// Serves a call from its first message to its last.
//   open(begin, listener)    opens the stream: StatusOr<unique_ptr<...>>
//   take(request, writer)    hands on a message that is not begin:
//                            StatusOr<optional<WrittenArchive>>, set by end
template <typename Request, typename Response, typename Open, typename Take>
absl::Status ServeWriting(const Call& call,
                          ServerStream<Request, Response>& messages,
                          Executor* executor, Open open, Take take) {
  Request request;
  if (!messages.Read(&request) || !request.has_begin()) {
    return absl::InvalidArgumentError("the first message is not begin");
  }
  WriteReplies<Request, Response> replies(&messages, executor);
  ASSIGN_OR_RETURN(const auto stream, open(request.begin(), &replies));
  Response response;
  response.mutable_started()->set_offset(stream->start_offset());
  *response.mutable_started()->mutable_chunker() =
      cairn::ToProto(stream->chunker());
  messages.Write(std::move(response));

  std::optional<WrittenArchive> written;
  while (!written.has_value() && messages.Read(&request)) {
    if (request.has_begin()) {
      return absl::InvalidArgumentError(
          "begin follows begin; one stream writes one archive");
    }
    stream->CountUploaded(request.ByteSizeLong());
    ASSIGN_OR_RETURN(written, take(request, stream->writer()));
  }
  if (!written.has_value()) {
    return EndOfMessages(call, stream->writer().status());
  }
  replies.AwaitSent();
  Response finished;
  *finished.mutable_finished() = ToProto(*written);
  messages.Write(std::move(finished));
  return absl::OkStatus();
}

// The begin of WriteStream and WriteChunks.
template <typename Begin>
absl::StatusOr<OpenStreamRequest> ReadBegin(const Begin& begin) {
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

}  // namespace cairn::ingest
