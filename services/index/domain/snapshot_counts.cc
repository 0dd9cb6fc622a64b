#include "services/index/domain/snapshot_counts.h"

namespace cairn::index {

uint64_t SizeBytes(const SnapshotRow& row) {
  uint64_t bytes = 0;
  for (const Archive& archive : row.archives) bytes += archive.root.size_bytes;
  return bytes;
}

void AddToCounts(const SnapshotRow& row, IndexState& numbers) {
  switch (row.state) {
    case SnapshotState::kListed:
      ++numbers.snapshot_count;
      numbers.logical_bytes += SizeBytes(row);
      return;
    case SnapshotState::kTrash:
      ++numbers.trash_count;
      numbers.trash_bytes += SizeBytes(row);
      return;
    case SnapshotState::kGone:
      ++numbers.gone_count;
      return;
  }
}

void TakeFromCounts(const SnapshotRow& row, IndexState& numbers) {
  switch (row.state) {
    case SnapshotState::kListed:
      --numbers.snapshot_count;
      numbers.logical_bytes -= SizeBytes(row);
      return;
    case SnapshotState::kTrash:
      --numbers.trash_count;
      numbers.trash_bytes -= SizeBytes(row);
      return;
    case SnapshotState::kGone:
      --numbers.gone_count;
      return;
  }
}

}  // namespace cairn::index
