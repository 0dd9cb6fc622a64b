// Lists many small snapshots in a data directory that no server uses:
//   fill_index DATA_DIR GROUPS SNAPSHOTS
// so many groups of datastore "default", each with a snapshot on each of so
// many days. All refer to one page, which index has; packs know nothing of
// them.
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <random>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/io/data_directory.h"
#include "common/io/posix_file_system.h"
#include "common/metrics/metric_registry.h"
#include "common/random/system_random.h"
#include "common/rocks/rocks_kv_store.h"
#include "common/status/status_macros.h"
#include "common/time/clock.h"
#include "services/index/client/local_index_client.h"
#include "services/index/client/test_backup.h"
#include "services/index/engine/index_engine.h"
#include "services/index/metrics.h"
#include "services/index/options.h"
#include "services/index/server.h"
#include "services/index/storage/index_store.h"
#include "services/index/storage/run_file.h"
#include "tests/benchmark/stages/disk.h"

namespace cairn {
namespace {

constexpr int64_t kFirstTime = 1'700'000'000;
constexpr int64_t kDaySeconds = 86'400;

absl::Status Fill(SessionClient& sessions, const DatastoreRef& datastore,
                  int64_t groups, int64_t snapshots) {
  std::mt19937_64 random(1);
  const BuiltArchive archive = BuildArchive("disk.img", 5, 1);
  for (int64_t group = 0; group < groups; ++group) {
    const GroupName name = TestGroup(absl::StrCat("machine-", group));
    for (int64_t day = 0; day < snapshots; ++day) {
      NewSession request = NewTestSession(datastore, name, /*epoch=*/1, random);
      request.backup_time = kFirstTime + day * kDaySeconds + group % 3600;
      RETURN_IF_ERROR(sessions.OpenSession({}, request).status());
      RETURN_IF_ERROR(PutArchive(sessions, request.ref, archive));
      ASSIGN_OR_RETURN(
          const PreparedPublish prepared,
          sessions.PreparePublish({}, request.ref, RequestFor({archive})));
      RETURN_IF_ERROR(
          sessions.CommitPublish({}, request.ref, prepared.sequence).status());
    }
  }
  return absl::OkStatus();
}

absl::Status FillDirectory(const std::string& data_dir, int64_t groups,
                           int64_t snapshots) {
  PosixFileSystem files;
  auto random = NewSystemBitGen();
  ASSIGN_OR_RETURN(
      const auto directory,
      DataDirectory::Open({.path = absl::StrCat(data_dir, "/index"),
                           .support = index::IndexFormat()},
                          &files, random));
  const auto path = [&](std::string_view name) {
    return absl::StrCat(directory->path(), "/", name);
  };
  ExitingFatalErrorSink fatal;
  ASSIGN_OR_RETURN(const auto database,
                   RocksKvStore::Open(
                       index::DatabaseOptions({}, path("db"), &files), &fatal));
  ASSIGN_OR_RETURN(const auto runs,
                   index::RunDirectory::Open(&files, path("sweep")));
  MetricRegistry registry;
  index::IndexMetrics metrics(&registry);
  const SystemClock clock;
  ASSIGN_OR_RETURN(
      const auto engine,
      index::IndexEngine::Open({}, database.get(), directory->incarnation(),
                               runs.get(), &clock, random, &metrics));
  LocalIndexClient client(engine.get(), {.kind = CallerKind::kLocal,
                                         .role = CallerRole::kIngest,
                                         .principal = "benchmark"});
  ASSIGN_OR_RETURN(const Datastore datastore,
                   client.GetDatastore({}, "default"));
  return Fill(client, datastore.ref, groups, snapshots);
}

}  // namespace
}  // namespace cairn

int main(int argc, char** argv) {
  int64_t groups = 0;
  int64_t snapshots = 0;
  if (argc != 4 || !absl::SimpleAtoi(argv[2], &groups) ||
      !absl::SimpleAtoi(argv[3], &snapshots)) {
    std::cerr << "usage: fill_index DATA_DIR GROUPS SNAPSHOTS\n";
    return 2;
  }
  const absl::Status filled = cairn::FillDirectory(argv[1], groups, snapshots);
  if (!filled.ok()) {
    std::cerr << "fill_index: " << filled << "\n";
    return 1;
  }
  return 0;
}
