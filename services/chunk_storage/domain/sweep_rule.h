#pragma once

#include <cstdint>

#include "common/model/record.h"

// What a sweep may drop. Pure.
namespace cairn::chunk_storage {

// The numbers of one sweep.
struct SweepRule {
  uint64_t cut = 0;
  uint64_t sequence = 0;  // of the view that was marked
};

// Whether records of this kind may be dropped when nothing marks them. Events
// are the history from which index is built again. A manifest whose number the
// view has not seen may be of a publish that came after it. `sequence`: of a
// manifest.
inline bool MayDropKind(const SweepRule& rule, RecordKind kind,
                        uint64_t sequence) {
  switch (kind) {
    case RecordKind::kChunk:
    case RecordKind::kPage:
      return true;
    case RecordKind::kManifest:
      return sequence <= rule.sequence;
    case RecordKind::kEvent:
      return false;
  }
  return false;
}

// Whether nobody that may still publish was told that the record is there.
inline bool IsBelowCut(const SweepRule& rule, uint64_t touch) {
  return touch < rule.cut;
}

}  // namespace cairn::chunk_storage
