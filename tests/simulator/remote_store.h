#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "services/chunk_storage/client/chunk_client.h"
#include "services/chunk_storage/client/sweep_client.h"
#include "tests/simulator/remote.h"
#include "tests/simulator/store_process.h"

namespace cairn::simulator {

// Chunk_storage over the network.
class RemoteChunks final : public ChunkClient, private Remote<StoreProcess> {
 public:
  RemoteChunks(Network* network, Process* from, StoreProcess* to)
      : Remote(network, from, to) {}

  // ChunkClient:
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
};

// Sweeps and verifies of chunk_storage over the network.
class RemoteStoreSweeps final : public StoreSweepClient,
                                private Remote<StoreProcess> {
 public:
  RemoteStoreSweeps(Network* network, Process* from, StoreProcess* to)
      : Remote(network, from, to) {}

  // StoreSweepClient:
  absl::StatusOr<StoreState> BeginSweep(
      const Call& call, const DatastoreRef& datastore,
      const StoreSweepRequest& request) override;
  absl::StatusOr<MarkSummary> PutMarks(const Call& call,
                                       const DatastoreRef& datastore,
                                       const MarkSetRef& set,
                                       MarkStream& marks) override;
  absl::StatusOr<PackPage> ListPacks(const Call& call,
                                     const DatastoreRef& datastore,
                                     const std::optional<Uuid>& set,
                                     uint32_t page_size,
                                     uint32_t after) override;
  absl::StatusOr<SweptPacks> SweepPacks(
      const Call& call, const DatastoreRef& datastore,
      const SweepPacksRequest& request) override;
  absl::Status EndSweep(const Call& call, const DatastoreRef& datastore,
                        uint64_t token) override;
  absl::Status DropMarks(const Call& call, const DatastoreRef& datastore,
                         const Uuid& set) override;
  absl::Status VerifyPacks(
      const Call& call, const DatastoreRef& datastore,
      const VerifyPacksRequest& request,
      absl::FunctionRef<void(const VerifiedPack&)> take) override;
  absl::StatusOr<DamagePage> ListDamaged(const Call& call,
                                         const DatastoreRef& datastore,
                                         const std::optional<RecordKey>& after,
                                         uint32_t page_size) override;
};

}  // namespace cairn::simulator
