#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "common/model/archive.h"
#include "common/model/names.h"
#include "services/ingest/engine/snapshot_lease.h"
#include "services/ingest/metrics.h"

namespace cairn::ingest {

// The bytes [begin, end) of an archive that a reader wants.
struct ReadRange {
  uint64_t begin = 0;
  uint64_t end = 0;
};

// What a reader of `archive` is told when a record of `placed` is not to be
// had: the error with the bytes of the range that are lost, or Aborted
// (LEASE_EXPIRED) if the record may have been swept since `lease`, which may
// be null, was lost. Counts damage.
absl::Status DescribeReadError(const absl::Status& error,
                               const ArchiveName& archive,
                               const ReadRange& range,
                               const PlacedEntry& placed,
                               const SnapshotLease* lease,
                               IngestMetrics& metrics);

}  // namespace cairn::ingest
