#pragma once

#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cairn/ingest/v1/backup_service.pb.h"
#include "cairn/ingest/v1/restore_service.pb.h"
#include "common/model/call.h"

namespace cairn {

// One WriteStream. Send and Receive may each be called by one thread.
class WriteStreamClient {
 public:
  virtual ~WriteStreamClient() = default;
  // False: the call has ended; Finish says why.
  virtual bool Send(const ingest::v1::WriteStreamRequest& message) = 0;
  // False: there is no further message; Finish says why.
  virtual bool Receive(ingest::v1::WriteStreamResponse* message) = 0;
  // Ends the stream and waits for its status. Once, after Receive is false
  // or to give up.
  virtual absl::Status Finish() = 0;
};

// One ReadArchive. Not thread-safe.
class ReadStreamClient {
 public:
  virtual ~ReadStreamClient() = default;
  virtual bool Receive(ingest::v1::ReadArchiveResponse* message) = 0;
  virtual absl::Status Finish() = 0;
};

// The public services of ingest for callers in C++, in their own messages:
// what any gRPC client sees. Errors carry their reasons. Thread-safe.
class IngestClient {
 public:
  virtual ~IngestClient() = default;

  virtual absl::StatusOr<ingest::v1::OpenSessionResponse> OpenSession(
      const Call& call, const ingest::v1::OpenSessionRequest& request) = 0;
  virtual absl::StatusOr<ingest::v1::GetSessionResponse> GetSession(
      const Call& call, const ingest::v1::GetSessionRequest& request) = 0;
  virtual absl::StatusOr<ingest::v1::FinishSessionResponse> FinishSession(
      const Call& call, const ingest::v1::FinishSessionRequest& request) = 0;
  virtual absl::Status AbortSession(
      const Call& call, const ingest::v1::AbortSessionRequest& request) = 0;

  // `call` outlives the stream.
  virtual std::unique_ptr<WriteStreamClient> WriteStream(const Call& call) = 0;
  virtual std::unique_ptr<ReadStreamClient> ReadArchive(
      const Call& call, const ingest::v1::ReadArchiveRequest& request) = 0;
};

}  // namespace cairn
