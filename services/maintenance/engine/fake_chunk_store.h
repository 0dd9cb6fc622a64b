#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "services/chunk_storage/client/chunk_client.h"

namespace cairn::maintenance {

// Chunk storage in memory, as far as maintenance sees it: incarnation, sweep
// token and touch floor, by the rules of the real one. Thread-safe.
class FakeChunkStore final : public ChunkClient {
 public:
  // Runs before each call, with the method's name, without a lock.
  void SetHook(std::function<void(std::string_view method)> hook);
  // Calls fail with this until it is OK again.
  void FailWith(absl::Status error);
  // The next incarnation; touch floors are forgotten, tokens are not.
  void Restart();
  // Loses all, as a store whose RocksDB was lost.
  void Forget();
  StoreState state(const DatastoreRef& datastore) const;
  void SetState(const DatastoreRef& datastore, const StoreState& state);
  // What was appended, in order.
  std::vector<Record> appended() const;

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
  absl::Status Enter(const Call& call, std::string_view method);

  mutable absl::Mutex mutex_;
  std::function<void(std::string_view)> hook_ ABSL_GUARDED_BY(mutex_);
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);
  uint64_t incarnation_ ABSL_GUARDED_BY(mutex_) = 1;
  std::map<Uuid, StoreState> states_ ABSL_GUARDED_BY(mutex_);
  std::vector<Record> appended_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace cairn::maintenance
