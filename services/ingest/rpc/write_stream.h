#pragma once

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "cairn/ingest/v1/backup_service.pb.h"
#include "common/concurrency/executor.h"
#include "common/model/call.h"
#include "common/rpc/message_stream.h"
#include "services/ingest/engine/archive_writer.h"
#include "services/ingest/engine/backup_frontend.h"

namespace cairn::ingest {

using WriteMessages =
    ServerStream<v1::WriteStreamRequest, v1::WriteStreamResponse>;

// Answers of one stream. Progress comes from the pipeline, which must not
// wait for a slow peer: the latest is kept and sent by a task of `executor`.
class WriteReplies final : public ArchiveWriter::Listener {
 public:
  // Both outlive the replies.
  WriteReplies(WriteMessages* messages, Executor* executor)
      : messages_(messages), executor_(executor) {}
  // Waits for the task.
  ~WriteReplies() override { AwaitSent(); }

  void OnProgress(const WriteProgress& progress) override;
  void OnFailure() override { messages_->StopReading(); }

  // Waits until all progress is sent; none may come meanwhile. From then on
  // the caller may write to the stream itself.
  void AwaitSent();

 private:
  void SendLoop();

  WriteMessages* const messages_;
  Executor* const executor_;
  absl::Mutex mutex_;
  WriteProgress latest_ ABSL_GUARDED_BY(mutex_);
  bool unsent_ ABSL_GUARDED_BY(mutex_) = false;
  bool sending_ ABSL_GUARDED_BY(mutex_) = false;
};

// Serves one WriteStream call from its first message to its last.
absl::Status ServeWriteStream(BackupFrontend& frontend, const Call& call,
                              WriteMessages& messages, Executor* executor);

}  // namespace cairn::ingest
