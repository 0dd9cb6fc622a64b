#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cairn/chunk_storage/v1/chunk_storage_service.pb.h"
#include "common/model/call.h"
#include "common/model/datastore.h"
#include "services/chunk_storage/client/record_wire.h"
#include "services/chunk_storage/engine/chunk_repository.h"

namespace cairn::chunk_storage {

// The messages of one Put: puts records together and hands them to the
// engine as they come, so that a stream holds a few of them and not all.
// Not thread-safe.
class PutReceiver {
 public:
  // Payload at which records are handed on.
  static constexpr uint64_t kBatchBytes = uint64_t{4} << 20;

  // Both outlive the receiver.
  PutReceiver(ChunkRepository* repository, const Call& call)
      : repository_(repository), call_(call) {}

  // InvalidArgument: messages out of order, beyond a limit, or a record that
  // does not prove. Other codes as the engine's. The call ends after an
  // error; what was stored before it counts for nothing.
  absl::Status Take(v1::PutRequest message);
  // After the last message.
  absl::StatusOr<PutReply> Finish();

 private:
  absl::Status CheckLimits(const v1::RecordHeader& header);
  absl::Status Flush();

  ChunkRepository* const repository_;
  const Call& call_;
  std::optional<SessionRef> session_;
  RecordAssembler assembler_;
  uint64_t announced_records_ = 0;
  uint64_t announced_bytes_ = 0;
  std::vector<Record> batch_;
  uint64_t batch_bytes_ = 0;
  PutReply reply_;
};

}  // namespace cairn::chunk_storage
