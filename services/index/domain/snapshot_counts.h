#pragma once

#include <cstdint>

#include "services/index/domain/rows.h"

// What the rows of snapshots are counted as in the numbers of a datastore.
namespace cairn::index {

uint64_t SizeBytes(const SnapshotRow& row);  // plain, holes included

void AddToCounts(const SnapshotRow& row, IndexState& numbers);
// `row` was added before.
void TakeFromCounts(const SnapshotRow& row, IndexState& numbers);

}  // namespace cairn::index
