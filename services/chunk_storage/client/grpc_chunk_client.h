#pragma once

#include <grpcpp/channel.h>

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "cairn/chunk_storage/v1/chunk_storage_service.grpc.pb.h"
#include "common/time/clock.h"
#include "services/chunk_storage/client/chunk_client.h"

namespace cairn {

// Calls chunk_storage in another process. Makes each call once: all of them
// may be repeated by the caller. Streams of Get may outlive the `Call` they
// were made with: its deadline holds for them, its cancellation does not.
// Thread-safe.
class GrpcChunkClient final : public ChunkClient {
 public:
  // `clock` outlives the client.
  GrpcChunkClient(const std::shared_ptr<grpc::Channel>& channel,
                  const Clock* clock);

  absl::StatusOr<StoreState> EnsureDatastore(
      const Call& call, const DatastoreRef& datastore) override;
  absl::StatusOr<PinReply> Pin(const Call& call, const SessionRef& session,
                               std::span<const RecordKey> keys) override;
  absl::StatusOr<PutReply> Put(const Call& call, const SessionRef& session,
                               std::vector<Record> records) override;
  absl::Status Sync(const Call& call, const SessionRef& session,
                    uint64_t incarnation) override;
  absl::StatusOr<uint64_t> Append(const Call& call,
                                  const DatastoreRef& datastore,
                                  std::vector<Record> records) override;
  absl::StatusOr<std::unique_ptr<RecordStream>> Get(
      const Call& call, const DatastoreRef& datastore,
      std::vector<RecordKey> keys) override;
  absl::StatusOr<StoreState> ShowToken(const Call& call,
                                       const DatastoreRef& datastore,
                                       uint64_t token, uint64_t epoch) override;
  absl::StatusOr<StoreStatistics> Statistics(
      const Call& call, const DatastoreRef& datastore) override;

 private:
  const std::unique_ptr<chunk_storage::v1::ChunkStorageService::Stub> stub_;
  const Clock* const clock_;
};

}  // namespace cairn
