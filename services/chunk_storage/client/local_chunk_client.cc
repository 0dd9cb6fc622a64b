#include "services/chunk_storage/client/local_chunk_client.h"

#include <utility>

namespace cairn {

absl::StatusOr<StoreState> LocalChunkClient::EnsureDatastore(
    const Call& call, const DatastoreRef& datastore) {
  return repository_->EnsureDatastore(call, datastore);
}

absl::StatusOr<PinReply> LocalChunkClient::Pin(
    const Call& call, const SessionRef& session,
    std::span<const RecordKey> keys) {
  return repository_->Pin(call, session, keys);
}

absl::StatusOr<PutReply> LocalChunkClient::Put(const Call& call,
                                               const SessionRef& session,
                                               std::vector<Record> records) {
  return repository_->Put(call, session, records);
}

absl::Status LocalChunkClient::Sync(const Call& call, const SessionRef& session,
                                    uint64_t incarnation) {
  return repository_->Sync(call, session, incarnation);
}

absl::StatusOr<uint64_t> LocalChunkClient::Append(const Call& call,
                                                  const DatastoreRef& datastore,
                                                  std::vector<Record> records) {
  return repository_->Append(call, datastore, records);
}

absl::StatusOr<std::unique_ptr<RecordStream>> LocalChunkClient::Get(
    const Call& call, const DatastoreRef& datastore,
    std::vector<RecordKey> keys) {
  return repository_->Get(call, datastore, std::move(keys));
}

absl::StatusOr<StoreState> LocalChunkClient::ShowToken(
    const Call& call, const DatastoreRef& datastore,
    const SweepNumbers& numbers) {
  return repository_->ShowToken(call, datastore, numbers);
}

absl::StatusOr<StoreStatistics> LocalChunkClient::Statistics(
    const Call& call, const DatastoreRef& datastore) {
  return repository_->Statistics(call, datastore);
}

}  // namespace cairn
