// A snapshot into the list: the engine of index over a real directory,
// against one synced batch of about the same size.
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "benchmark/benchmark.h"
#include "common/io/posix_file_system.h"
#include "common/kv/kv_store.h"
#include "common/log/log.h"
#include "common/metrics/metric_registry.h"
#include "common/testing/temp_dir.h"
#include "common/time/clock.h"
#include "services/index/client/local_index_client.h"
#include "services/index/client/test_backup.h"
#include "services/index/engine/index_engine.h"
#include "services/index/metrics.h"
#include "services/index/storage/index_store.h"
#include "services/index/storage/run_file.h"
#include "tests/benchmark/stages/disk.h"

namespace cairn {
namespace {

// Of the batch that lists a snapshot of one archive: rows of the snapshot,
// its group, its session, the counts.
constexpr size_t kBatchBytes = 1024;

// Two synced batches: the manifest is durable before it goes to the packs,
// and the listing before it is answered. times_limit: over one such batch.
void BM_Publish(benchmark::State& state) {
  const TempDir directory;
  ExitingFatalErrorSink fatal;
  std::vector<RocksKvStore::Table> tables;
  for (const std::string& name : index::TableNames()) {
    tables.push_back({.name = name});
  }
  const auto database =
      OpenDatabase(directory.Join("index"), tables, 24 << 20, &fatal);
  const auto plain = OpenDatabase(directory.Join("plain"), {{.name = "rows"}},
                                  24 << 20, &fatal);
  const SystemClock clock;
  std::mt19937_64 random(1);
  MetricRegistry registry;
  index::IndexMetrics metrics(&registry);
  PosixFileSystem files;
  const auto runs = index::RunDirectory::Open(&files, directory.Join("sweep"));
  CHECK_OK(runs.status());
  auto engine = index::IndexEngine::Open({}, database.get(), /*incarnation=*/1,
                                         runs->get(), &clock, random, &metrics);
  CHECK_OK(engine.status());
  LocalIndexClient client(engine->get(), {.kind = CallerKind::kLocal,
                                          .role = CallerRole::kIngest,
                                          .principal = "benchmark"});
  const DatastoreRef datastore = client.GetDatastore({}, "default")->ref;
  const BuiltArchive archive = BuildArchive("disk.img", 1000, 1);
  absl::Duration publish;
  absl::Duration limit;
  uint64_t number = 0;
  for (auto _ : state) {
    const NewSession request = NewTestSession(
        datastore, TestGroup(absl::StrCat("web", ++number)), 1, random);
    CHECK_OK(client.OpenSession({}, request).status());
    CHECK_OK(PutArchive(client, request.ref, archive));
    const absl::Duration taken = TimeOf(clock, [&] {
      const auto prepared =
          client.PreparePublish({}, request.ref, RequestFor({archive}));
      CHECK_OK(prepared.status());
      CHECK_OK(
          client.CommitPublish({}, request.ref, prepared->sequence).status());
    });
    state.SetIterationTime(absl::ToDoubleSeconds(taken));
    publish += taken;
    KvBatch batch;
    batch.Put(0, absl::StrCat(number), std::string(kBatchBytes, 'x'));
    limit += TimeOf(
        clock, [&] { CHECK_OK(plain->Commit(batch, Durability::kSynced)); });
  }
  state.SetItemsProcessed(state.iterations());
  state.counters["limit_seconds"] =
      absl::ToDoubleSeconds(limit) / static_cast<double>(number);
  state.counters["times_limit"] = absl::FDivDuration(publish, limit);
}
BENCHMARK(BM_Publish)->UseManualTime();

}  // namespace
}  // namespace cairn
