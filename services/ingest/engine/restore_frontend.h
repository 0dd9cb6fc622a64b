#pragma once

#include <cstdint>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/random/bit_gen_ref.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/model/call.h"
#include "common/model/names.h"
#include "services/ingest/engine/archive_reader.h"
#include "services/ingest/engine/chunk_reader.h"
#include "services/ingest/engine/diff_reader.h"
#include "services/ingest/engine/stream_budget.h"

namespace cairn::ingest {

struct OpenedArchive {
  uint64_t archive_size_bytes = 0;
  uint64_t offset = 0;
  uint64_t length = 0;
  std::unique_ptr<ArchiveReader> reader;
};

struct OpenedChunks {
  Archive archive;
  std::unique_ptr<ChunkReader> reader;
};

// Data out. Reads name (snapshot, archive, range); a client reads its own
// groups only. Thread-safe.
class RestoreFrontend {
 public:
  struct Options {
    ArchiveReader::Options reader;
    StreamBudget::Options memory = {.process_bytes = uint64_t{64} << 20,
                                    .stream_bytes = uint64_t{16} << 20};
    absl::Duration admission_timeout = absl::Seconds(30);
    absl::Duration lease_ttl = absl::Minutes(2);
    std::string holder = "ingest";
  };

  // All, `renewals` (of leases) and `random` outlive the frontend.
  RestoreFrontend(const Options& options,
                  const ArchiveReader::Dependencies& dependencies,
                  Executor* renewals, absl::BitGenRef random);

  // `length` 0: to the end. `call` and its token outlive the reader.
  // NotFound: no such snapshot or archive. OutOfRange: `offset` is beyond
  // the end. PermissionDenied (NOT_OWNER).
  absl::StatusOr<OpenedArchive> Open(const Call& call, const ArchiveName& name,
                                     uint64_t offset, uint64_t length);
  // The same by entries, with payloads as they are stored or without.
  absl::StatusOr<OpenedChunks> OpenChunks(const Call& call,
                                          const ArchiveName& name,
                                          uint64_t offset, uint64_t length,
                                          bool entries_only);
  // Where `archive` differs from `base`, from `offset` on. Both snapshots are
  // held, and both must be the caller's to read. InvalidArgument: archives of
  // two datastores. OutOfRange comes from the reader.
  absl::StatusOr<std::unique_ptr<DiffReader>> OpenDiff(
      const Call& call, const ArchiveName& base, const ArchiveName& archive,
      uint64_t offset);

 private:
  struct Found {
    Datastore datastore;
    Archive archive;
  };

  // What every read begins with.
  struct Start {
    Archive archive;
    ArchiveReader::Range range;
    std::unique_ptr<SnapshotLease> lease;
    std::shared_ptr<StreamBudget::Account> account;
  };

  // The archive, if `call` may read it.
  absl::StatusOr<Found> Find(const Call& call, const ArchiveName& name);
  // Finds the archive, holds its snapshot and finds memory. `guarantee` says
  // how much a reader of chunks of a length needs.
  absl::StatusOr<Start> BeginRead(
      const Call& call, const ArchiveName& name, uint64_t offset,
      uint64_t length, absl::FunctionRef<uint64_t(uint64_t)> guarantee);
  absl::StatusOr<std::unique_ptr<SnapshotLease>> TakeLease(
      const Call& call, const Datastore& datastore, const SnapshotName& name);

  const Options options_;
  const ArchiveReader::Dependencies dependencies_;
  Executor* const renewals_;
  StreamBudget memory_;
  absl::Mutex mutex_;
  absl::BitGenRef random_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace cairn::ingest
