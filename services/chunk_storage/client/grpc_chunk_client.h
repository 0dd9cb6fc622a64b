#pragma once

#include <grpcpp/channel.h>

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/time/time.h"
#include "cairn/chunk_storage/v1/chunk_storage_service.grpc.pb.h"
#include "common/time/clock.h"
#include "services/chunk_storage/client/chunk_client.h"

namespace cairn {

// Calls chunk_storage in another process. Makes each call once: all of them
// may be repeated by the caller. A stream of Get whose server sends nothing
// for the stall timeout ends with Unavailable; how long the reader takes
// between two records does not count. Thread-safe.
class GrpcChunkClient final : public ChunkClient {
 public:
  static constexpr absl::Duration kStallTimeout = absl::Minutes(1);

  // `clock` outlives the client and its streams.
  GrpcChunkClient(const std::shared_ptr<grpc::Channel>& channel,
                  const Clock* clock,
                  absl::Duration stall_timeout = kStallTimeout);

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
                                       const SweepNumbers& numbers) override;
  absl::StatusOr<StoreStatistics> Statistics(
      const Call& call, const DatastoreRef& datastore) override;

 private:
  const std::unique_ptr<chunk_storage::v1::ChunkStorageService::Stub> stub_;
  const Clock* const clock_;
  const absl::Duration stall_timeout_;
};

}  // namespace cairn
