#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/random/bit_gen_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/benchmark/stage_result.h"
#include "client/posix/interrupt.h"
#include "client/remote/backup_remote.h"
#include "client/remote/catalog_remote.h"
#include "client/remote/retry_budget.h"
#include "client/restore/range_reader.h"
#include "client/transfer/transfer_progress.h"
#include "common/concurrency/executor.h"
#include "common/model/names.h"
#include "common/time/clock.h"

namespace cairn::client {

// A server as it answers: how long it took to connect, and how long an
// answer takes from then on.
struct ServerContact {
  std::string version;
  absl::Duration connect;     // and the first answer
  absl::Duration round_trip;  // the median of some
  // What it allows all clients together, bytes a second; 0: no limit.
  uint64_t write_bandwidth = 0;
  uint64_t read_bandwidth = 0;
};

// Measures a server by what backups and restores do with it, each way by
// itself. One thread.
class ServerBenchmark {
 public:
  struct Environment {
    BackupRemote* remote = nullptr;
    CatalogRemote* catalog = nullptr;
    Executor* executor = nullptr;  // hashes, compresses, decodes
    RetryBudget* budget = nullptr;
    const Clock* clock = nullptr;
    const Interrupt* interrupt = nullptr;
    const ProgressListener* progress = nullptr;
  };

  // All that is pointed to outlives the benchmark.
  ServerBenchmark(const BenchmarkSize& size, const Environment& environment,
                  absl::BitGenRef random)
      : size_(size), environment_(environment), random_(random) {}

  // Asks it some times. First: the others need what it tells.
  absl::StatusOr<ServerContact> Contact();

  // Writes random bytes, new ones in each run, in a session of a group
  // host/benchmark-RANDOM of `scope`, until they are durable. The session is
  // always aborted: no snapshot is ever listed. Its chunks stay until garbage
  // is collected.
  absl::StatusOr<std::vector<StageResult>> MeasureUploads(
      const NamespaceName& scope);

  // Reads the first bytes of an archive that is there and drops them.
  // FailedPrecondition: it has none but holes.
  absl::StatusOr<std::vector<StageResult>> MeasureRestores(
      const RangeOptions& archive);

 private:
  absl::Status MeasureUpload(const std::string& session, bool by_chunks,
                             StageResult& result);
  absl::Status Upload(const std::string& session, const std::string& archive,
                      bool by_chunks, const std::string& bytes);
  absl::Status MeasureRestore(const RangeOptions& archive, bool by_chunks,
                              StageResult& result);
  // Bytes that came.
  absl::StatusOr<uint64_t> Drain(RangeReader& reader);

  const BenchmarkSize size_;
  const Environment environment_;
  absl::BitGenRef random_;
  bool writes_chunks_ = false;
  bool reads_chunks_ = false;
};

}  // namespace cairn::client
