#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/random/bit_gen_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/concurrency/executor.h"
#include "common/io/file_system.h"
#include "common/kv/kv_store.h"
#include "common/model/call.h"
#include "common/model/datastore.h"
#include "common/model/record.h"
#include "common/status/fatal_error.h"
#include "common/time/clock.h"
#include "services/chunk_storage/client/chunk_client.h"
#include "services/chunk_storage/engine/datastore_repository.h"
#include "services/chunk_storage/engine/repository_options.h"
#include "services/chunk_storage/engine/store_context.h"
#include "services/chunk_storage/metrics.h"

namespace cairn::chunk_storage {

// The engine of chunk_storage: the calls of ChunkClient over packs and
// places, for every datastore of one data directory. Thread-safe.
class ChunkRepository {
 public:
  // All outlive the repository.
  struct Dependencies {
    FileSystem* files = nullptr;
    KvStore* kv = nullptr;  // with the tables of PlaceStore::TableNames()
    std::string database;   // where it is, for errors
    const Clock* clock = nullptr;
    Executor* executor = nullptr;
    // For what sweeps and verifies do beside. Null: `executor`.
    Executor* background = nullptr;
    absl::BitGenRef random;  // used by the repository alone
    FatalErrorSink* fatal_errors = nullptr;
    Metrics* metrics = nullptr;
  };

  // Recovers what a former process left, and serves when it returns. `root`
  // is the directory of datastores. `incarnation` is higher than that of
  // every former process of this directory. FailedPrecondition: there are
  // packs, and `kv` knows nothing of them; the text names the command that
  // rebuilds it.
  static absl::StatusOr<std::unique_ptr<ChunkRepository>> Open(
      const RepositoryOptions& options, const Dependencies& dependencies,
      std::string root, uint64_t incarnation);

  // Waits for the engine's tasks. Streams of Get must have gone.
  ~ChunkRepository();

  // As ChunkClient.
  absl::StatusOr<StoreState> EnsureDatastore(const Call& call,
                                             const DatastoreRef& datastore);
  absl::StatusOr<PinReply> Pin(const Call& call, const SessionRef& session,
                               std::span<const RecordKey> keys);
  absl::StatusOr<PutReply> Put(const Call& call, const SessionRef& session,
                               std::span<const Record> records);
  absl::Status Sync(const Call& call, const SessionRef& session,
                    uint64_t incarnation);
  absl::StatusOr<uint64_t> Append(const Call& call,
                                  const DatastoreRef& datastore,
                                  std::span<const Record> records);
  absl::StatusOr<std::unique_ptr<RecordStream>> Get(
      const Call& call, const DatastoreRef& datastore,
      std::vector<RecordKey> keys);
  absl::StatusOr<StoreState> ShowToken(const Call& call,
                                       const DatastoreRef& datastore,
                                       const SweepNumbers& numbers);
  absl::StatusOr<StoreStatistics> Statistics(const Call& call,
                                             const DatastoreRef& datastore);

  // Sets the gauges that are sums over all datastores.
  absl::Status ShowFigures() const;

  // What a sweep compares with its cut. NotFound: not stored.
  absl::StatusOr<uint64_t> TouchOf(const Call& call,
                                   const DatastoreRef& datastore,
                                   const RecordKey& key);

  // For the engine of sweeps: the datastore, checked for the call, which lives
  // as long as the repository; and what it says of itself.
  absl::StatusOr<DatastoreRepository*> Find(
      const Call& call, const DatastoreRef& datastore) const;
  StoreState StateOf(const DatastoreRepository& datastore) const;

  // Unavailable after a fatal error.
  absl::Status Health() const { return latch_.Check(); }
  uint64_t incarnation() const { return incarnation_; }

  // Seals every open pack, so that the next start has nothing to recover.
  // Only when no other call runs or follows.
  absl::Status Close();

 private:
  ChunkRepository(const RepositoryOptions& options,
                  const Dependencies& dependencies,
                  std::unique_ptr<PackStore> packs, uint64_t incarnation);

  absl::Status OpenDatastores();
  // FailedPrecondition: a datastore has packs and no row: its rows were lost,
  // and an empty index over full packs would call every record missing.
  absl::Status CheckRows(const std::vector<StoredDatastore>& rows) const;
  Uuid NewUuid();

  absl::StatusOr<DatastoreRepository*> FindForSession(
      const Call& call, const SessionRef& session) const;
  DatastoreRepository* FindKnown(const Uuid& datastore) const;

  const uint64_t incarnation_;
  const std::string database_;
  const std::unique_ptr<PackStore> packs_;
  PlaceStore places_;
  FatalLatch latch_;
  SpaceGate gate_;

  absl::Mutex random_mutex_;
  absl::BitGenRef random_ ABSL_GUARDED_BY(random_mutex_);

  StoreContext context_;
  // Held while a datastore is made; not by calls that find one.
  absl::Mutex ensure_mutex_ ABSL_ACQUIRED_BEFORE(mutex_);
  mutable absl::Mutex mutex_;
  // None is ever removed while the repository lives.
  absl::flat_hash_map<Uuid, std::unique_ptr<DatastoreRepository>> datastores_
      ABSL_GUARDED_BY(mutex_);
  uint32_t next_number_ ABSL_GUARDED_BY(ensure_mutex_) = 1;

  // Last, so that its tasks end before what they use goes.
  TaskTracker tasks_;
};

}  // namespace cairn::chunk_storage
