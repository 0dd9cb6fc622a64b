#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "services/chunk_storage/client/chunk_client.h"
#include "services/chunk_storage/engine/chunk_repository.h"

namespace cairn {

// Calls the engine in this process. Thread-safe.
class LocalChunkClient final : public ChunkClient {
 public:
  // `repository` outlives the client and its streams.
  explicit LocalChunkClient(chunk_storage::ChunkRepository* repository)
      : repository_(repository) {}

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
  chunk_storage::ChunkRepository* const repository_;
};

}  // namespace cairn
