#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cairn/ingest/v1/backup_service.pb.h"
#include "cairn/model/v1/model.pb.h"
#include "client/remote/write_stream.h"

namespace cairn::client {

// The calls of a backup. Each is one attempt; statuses carry the server's
// reason (common/status/reason.h). After a lost connection the next call
// connects again. Deadlines are the implementation's; an interrupt by the
// user ends every call but AbortSession.
class BackupRemote {
 public:
  virtual ~BackupRemote() = default;

  virtual absl::StatusOr<ingest::v1::GetCapabilitiesResponse>
  GetCapabilities() = 0;
  virtual absl::StatusOr<model::v1::Session> OpenSession(
      const ingest::v1::OpenSessionRequest& request) = 0;
  virtual absl::StatusOr<model::v1::Session> GetSession(
      const std::string& name) = 0;
  virtual absl::StatusOr<model::v1::Snapshot> FinishSession(
      const ingest::v1::FinishSessionRequest& request) = 0;
  virtual absl::Status AbortSession(const std::string& name) = 0;
  virtual std::unique_ptr<WriteStream> StartWrite() = 0;
  virtual std::unique_ptr<ChunkWriteStream> StartWriteChunks() = 0;
  virtual std::unique_ptr<RangeWriteStream> StartWriteRanges() = 0;
};

}  // namespace cairn::client
