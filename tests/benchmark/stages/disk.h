#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/time/time.h"
#include "common/rocks/rocks_kv_store.h"
#include "common/status/fatal_error.h"
#include "common/time/clock.h"

// What the stages that write share. They work in a new directory below
// TMPDIR, else /tmp: set it to the disk that is to be measured.
namespace cairn {

// A failed sync ends the program: its numbers would mean nothing.
class ExitingFatalErrorSink final : public FatalErrorSink {
 public:
  void Report(const absl::Status& error) override;
};

// A database in a new directory `path`. `cache_bytes`: of blocks.
std::unique_ptr<RocksKvStore> OpenDatabase(
    const std::string& path, const std::vector<RocksKvStore::Table>& tables,
    uint64_t cache_bytes, FatalErrorSink* fatal);

// How long `work` takes on the monotonic clock.
absl::Duration TimeOf(const Clock& clock, absl::FunctionRef<void()> work);

}  // namespace cairn
