#pragma once

#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "common/concurrency/thread_pool_executor.h"
#include "common/io/posix_file_system.h"
#include "common/metrics/metric_registry.h"
#include "common/model/mark.h"
#include "common/model/record.h"
#include "common/rocks/rocks_kv_store.h"
#include "common/testing/temp_dir.h"
#include "common/time/clock.h"
#include "services/chunk_storage/client/sweep_client.h"
#include "services/chunk_storage/engine/chunk_repository.h"
#include "services/chunk_storage/engine/store_sweeper.h"
#include "services/chunk_storage/metrics.h"
#include "tests/benchmark/stages/disk.h"

namespace cairn {

// A chunk_storage in the middle of a sweep. Its packs are sealed, and are
// empty files.
class SealedStore {
 public:
  // With `count` records, 4096 a pack: key_of(0), key_of(1) and so on, asked in
  // this order.
  SealedStore(uint64_t count,
              absl::FunctionRef<RecordKey(uint64_t number)> key_of);

  MarkSummary PutMarks(MarkStream& marks);
  // All of them, with the marks that were put last.
  std::vector<PackInfo> ListPacks();

 private:
  void Seal(uint64_t count, absl::FunctionRef<RecordKey(uint64_t)> key_of,
            const std::string& directory);

  const Call call_ = {
      .caller = {CallerKind::kLocal, CallerRole::kIngest, "benchmark"}};
  const DatastoreRef datastore_ = {Uuid{{0xd5, 1}}, 1};
  TempDir directory_;
  SystemClock clock_;
  PosixFileSystem files_;
  ExitingFatalErrorSink fatal_;
  std::mt19937_64 random_{1};
  MetricRegistry registry_;
  chunk_storage::Metrics metrics_;
  std::unique_ptr<ThreadPoolExecutor> executor_;
  std::unique_ptr<RocksKvStore> database_;
  std::unique_ptr<chunk_storage::ChunkRepository> repository_;
  std::unique_ptr<chunk_storage::StoreSweeper> sweeper_;
};

}  // namespace cairn
