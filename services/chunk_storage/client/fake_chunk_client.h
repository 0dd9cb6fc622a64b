#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "services/chunk_storage/client/chunk_client.h"

namespace cairn {

// chunk_storage in memory, held to chunk_client_contract.h: checks limits,
// proves records, remembers touches, and forgets in a power cut what was not
// synced. Thread-safe.
class FakeChunkClient final : public ChunkClient {
 public:
  FakeChunkClient() = default;

  // The store restarts: the incarnation grows and the floor is unknown.
  void Restart();
  // The same after a power cut: what was not synced is gone.
  void PowerCut();
  // Everything from now on answers `error`; OK ends it.
  void FailWith(absl::Status error);
  // Only Put and Append answer STORAGE_FULL.
  void SetFull(bool full);
  // Damages the stored payload, if the record is there; the next Get finds
  // it.
  void Damage(const DatastoreRef& datastore, const RecordKey& key);

  // The record's touch; nullopt: not stored, or bad.
  std::optional<uint64_t> TouchOf(const DatastoreRef& datastore,
                                  const RecordKey& key) const;
  // All that is stored, in order of key, bad ones too.
  std::vector<Record> Records(const DatastoreRef& datastore) const;
  uint64_t sync_count() const;

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
  class Stream;
  struct Stored {
    Record record;
    uint64_t touch = 0;
    bool durable = false;
    bool bad = false;
  };
  struct Datastore {
    uint64_t generation = 0;
    uint64_t token = 0;
    uint64_t floor = 0;
    uint64_t loss_mark = 1;
    std::map<RecordKey, Stored> records;
  };

  absl::StatusOr<Datastore*> Find(const Call& call,
                                  const DatastoreRef& datastore)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<Datastore*> FindForSession(const Call& call,
                                            const SessionRef& session)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  StoreState StateOf(const Datastore& datastore) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<Record> Read(const DatastoreRef& datastore,
                              const RecordKey& key);

  mutable absl::Mutex mutex_;
  uint64_t incarnation_ ABSL_GUARDED_BY(mutex_) = 1;
  uint64_t syncs_ ABSL_GUARDED_BY(mutex_) = 0;
  bool full_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);
  std::map<Uuid, Datastore> datastores_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace cairn
