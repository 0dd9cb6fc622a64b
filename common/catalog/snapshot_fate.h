#pragma once

#include <algorithm>
#include <cstdint>

#include "absl/time/time.h"
#include "common/model/catalog.h"

// How the numbered changes of a snapshot make its state, in index as in a
// replay of the packs. A row may meet them in another order than that of
// their numbers, where two are in flight at once, and ends as if it had met
// them in that order:
// - The highest number that forgets, undeletes or changes the protection says
//   whether it is listed.
// - What is protected is not forgotten by a higher number: protect wins.
// - Gone is the end.
// A row is whatever has the fields of index's snapshot row. Each function
// returns whether it has changed anything.
namespace cairn {

template <typename Row>
void MakeListed(Row& row) {
  row.state = SnapshotState::kListed;
  row.trash_time = absl::Time();
  row.trash_until = absl::Time();
}

// One that is in trash already stays there as it is, and notes the number.
template <typename Row>
bool ForgetAt(uint64_t sequence, absl::Time time, absl::Duration trash_time,
              Row& row) {
  if (row.state == SnapshotState::kGone || row.is_protected ||
      sequence <= row.state_sequence) {
    return false;
  }
  row.state_sequence = sequence;
  if (row.state == SnapshotState::kTrash) return true;
  row.state = SnapshotState::kTrash;
  row.trash_time = time;
  row.trash_until = time + trash_time;
  return true;
}

template <typename Row>
bool UndeleteAt(uint64_t sequence, Row& row) {
  if (row.state == SnapshotState::kGone || sequence <= row.state_sequence) {
    return false;
  }
  row.state_sequence = sequence;
  MakeListed(row);
  return true;
}

template <typename Row>
bool ProtectAt(uint64_t sequence, bool is_protected, Row& row) {
  if (row.state == SnapshotState::kGone || sequence <= row.protected_sequence) {
    return false;
  }
  row.protected_sequence = sequence;
  row.is_protected = is_protected;
  // What a higher number has forgotten was protected by then.
  if (is_protected || sequence > row.state_sequence) MakeListed(row);
  row.state_sequence = std::max(row.state_sequence, sequence);
  return true;
}

}  // namespace cairn
