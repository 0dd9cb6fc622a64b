#include "tests/benchmark/stages/disk.h"

#include <utility>

#include "absl/status/statusor.h"
#include "common/log/log.h"

namespace cairn {

void ExitingFatalErrorSink::Report(const absl::Status& error) {
  CHECK_OK(error);
}

std::unique_ptr<RocksKvStore> OpenDatabase(
    const std::string& path, const std::vector<RocksKvStore::Table>& tables,
    uint64_t cache_bytes, FatalErrorSink* fatal) {
  RocksKvStore::Options options;
  options.path = path;
  options.tables = tables;
  options.block_cache_bytes = cache_bytes;
  options.write_buffer_bytes = uint64_t{32} << 20;
  options.reserve_bytes = uint64_t{256} << 20;
  options.ballast_bytes = 0;
  absl::StatusOr<std::unique_ptr<RocksKvStore>> opened =
      RocksKvStore::Open(options, fatal);
  CHECK_OK(opened.status());
  return *std::move(opened);
}

absl::Duration TimeOf(const Clock& clock, absl::FunctionRef<void()> work) {
  const absl::Duration start = clock.Monotonic();
  work();
  return clock.Monotonic() - start;
}

}  // namespace cairn
