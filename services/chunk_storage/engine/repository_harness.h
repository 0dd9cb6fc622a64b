#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/concurrency/executor.h"
#include "common/kv/memory_kv_store.h"
#include "common/metrics/metric_registry.h"
#include "common/model/call.h"
#include "common/model/datastore.h"
#include "common/model/record.h"
#include "common/testing/fake_clock.h"
#include "common/testing/faulty_file_system.h"
#include "common/testing/in_memory_file_system.h"
#include "common/testing/recording_fatal_error_sink.h"
#include "common/testing/test_executor.h"
#include "services/chunk_storage/engine/chunk_repository.h"
#include "services/chunk_storage/engine/repository_options.h"
#include "services/chunk_storage/engine/store_rebuild.h"
#include "services/chunk_storage/metrics.h"

namespace cairn::chunk_storage {

// A chunk record of the plaintext domain, raw.
Record RawChunk(std::string_view plain);
Record RawRecord(RecordKind kind, std::string_view plain,
                 uint64_t sequence = 0);

// Flips a bit of the record's payload in every pack file of `directory` that
// holds it.
void DamageRecord(FileSystem& files, const std::string& directory,
                  const RecordKey& key);

// Small packs, so that short tests fill some.
RepositoryOptions SmallPacks();

// The engine on a disk and rows in memory, which can lose power.
class RepositoryHarness {
 public:
  // `executor` null: a TestExecutor of its own, for one thread.
  explicit RepositoryHarness(RepositoryOptions options = SmallPacks(),
                             uint64_t seed = 1, Executor* executor = nullptr);
  ~RepositoryHarness();

  // Starts the engine with the next incarnation. Makes the datastore known.
  absl::Status Start();
  // Ends it in an orderly way, with Close.
  absl::Status Stop();
  // Ends it like a kill: the file system and the rows stay as they are.
  void Kill();
  // Ends it and loses power, keeping some of what was not synced.
  void PowerCut();
  // The disk stops after `changes` more changes, and the rows with it; or the
  // rows stop at their `nth` commit, and the disk goes on. Ends at PowerCut.
  void CrashAfterChanges(uint64_t changes);
  void CrashAtCommit(uint64_t nth);
  // Rebuilds the rows from the packs, as after LoseRows. Only when not running.
  absl::StatusOr<RebuildReport> Rebuild(
      SurveyDepth depth = SurveyDepth::kPayloads,
      std::span<const StoredDatastore> former = {});
  // Forgets every row, as if the database were lost. Only when not running.
  void LoseRows();

  ChunkRepository& repository() { return *repository_; }
  bool running() const { return repository_ != nullptr; }
  InMemoryFileSystem& disk() { return disk_; }
  FaultyFileSystem& files() { return files_; }
  MemoryKvStore& kv() { return *kv_; }
  TestExecutor& test_executor() { return test_executor_; }
  RecordingFatalErrorSink& fatal_errors() { return *fatal_errors_; }
  Metrics& metrics() { return metrics_; }
  std::mt19937_64& random() { return random_; }
  FakeClock& clock() { return clock_; }

  // The datastore in use, and calls on it.
  const DatastoreRef& datastore() const { return datastore_; }
  SessionRef Session(uint8_t id, uint64_t epoch = 5) const;
  const Call& call() const { return call_; }

  absl::StatusOr<PutReply> Put(std::vector<Record> records);
  absl::Status Sync();
  bool IsPresent(const RecordKey& key);
  absl::StatusOr<std::string> Read(const RecordKey& key);
  StoreStatistics Statistics();

  // Appends `bytes` to the file, as a torn write may.
  void Tear(const std::string& path, std::string_view bytes);

  // Paths of pack files, and a look at their bytes.
  std::vector<std::string> PackPaths(const DatastoreRef& datastore) const;
  std::vector<std::string> PackPaths() const { return PackPaths(datastore_); }
  // As DamageRecord, in the datastore.
  void Damage(const DatastoreRef& datastore, const RecordKey& key);

 private:
  // Sets up again what Kill or PowerCut took away.
  void ArmCrash();

  const RepositoryOptions options_;
  std::mt19937_64 random_;
  FakeClock clock_;
  TestExecutor test_executor_;
  Executor* const executor_;
  InMemoryFileSystem disk_;
  FaultyFileSystem files_;
  std::unique_ptr<MemoryKvStore> kv_;
  std::unique_ptr<RecordingFatalErrorSink> fatal_errors_;
  MetricRegistry registry_;
  Metrics metrics_;
  uint64_t incarnation_ = 0;
  // By FaultyFileSystem::mutations and MemoryKvStore::commit_count.
  std::optional<uint64_t> crash_at_change_;
  std::optional<uint64_t> crash_at_commit_;
  std::unique_ptr<ChunkRepository> repository_;

  const DatastoreRef datastore_ = {Uuid{{0xd5, 1}}, 3};
  const Call call_ = {
      .caller = {CallerKind::kLocal, CallerRole::kIngest, "test@service"}};
};

}  // namespace cairn::chunk_storage
