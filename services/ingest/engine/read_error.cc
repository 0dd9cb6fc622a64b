#include "services/ingest/engine/read_error.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/status/reason.h"

namespace cairn::ingest {

absl::Status DescribeReadError(const absl::Status& error,
                               const ArchiveName& archive,
                               const ReadRange& range,
                               const PlacedEntry& placed,
                               const SnapshotLease* lease,
                               IngestMetrics& metrics) {
  if (HasReason(error, reason::kRecordMissing) && lease != nullptr &&
      lease->lost()) {
    return WithReason(
        absl::AbortedError(absl::StrCat(
            archive.ToString(),
            ": the lease on the snapshot was lost while it was read")),
        reason::kLeaseExpired);
  }
  if (absl::IsDataLoss(error)) metrics.read_damage.Increment();
  // Cut to what was asked for.
  const uint64_t end = placed.offset + placed.entry.total_length();
  return WithContext(error, absl::StrCat(archive.ToString(), " bytes ",
                                         std::max(placed.offset, range.begin),
                                         "..", std::min(end, range.end) - 1));
}

}  // namespace cairn::ingest
