#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/model/archive.h"
#include "common/model/catalog.h"
#include "common/model/datastore.h"
#include "common/model/digest.h"
#include "common/model/names.h"
#include "common/model/session.h"
#include "common/model/uuid.h"

// What index keeps, as values; their names and parents are in their keys.
namespace cairn::index {

struct NamespaceRow {
  std::string comment;
  absl::Time create_time;
  uint64_t sequence = 0;  // of the change that created it
};

// A group exists once a snapshot of it was published.
struct GroupRow {
  std::string owner;
  std::string notes;
  absl::Time create_time;
  int64_t newest_time = 0;  // of any snapshot ever published, Unix seconds
  // Of the last change of each field. Changes that are committed in another
  // order than they were numbered then end as a replay by sequence ends.
  uint64_t owner_sequence = 0;
  uint64_t notes_sequence = 0;
  uint64_t listed_count = 0;       // listed snapshots
  int64_t newest_listed_time = 0;  // of them; 0: none
};

struct SnapshotRow {
  SnapshotState state = SnapshotState::kListed;
  std::vector<Archive> archives;  // 1..256, sorted by name
  std::string notes;
  bool is_protected = false;
  Verification verification;
  uint64_t sequence = 0;  // of its publish
  Uuid session;
  absl::Time publish_time;
  uint64_t stored_bytes = 0;
  Digest manifest;
  uint64_t notes_sequence = 0;  // as in GroupRow; 0: as published
  uint64_t protected_sequence = 0;
  bool recovered = false;  // listed by a rebuild
  // That the store had when its session was opened; 0: not known.
  uint64_t loss_mark = 0;
  // In trash or gone: since when it is forgotten, and until when it is
  // undoable at least.
  absl::Time trash_time;
  absl::Time trash_until;
  uint64_t state_sequence = 0;  // of the last change of state; 0: as published
  uint64_t gone_token = 0;      // of the sweep that let it go
};

struct SessionRow {
  SessionState state = SessionState::kOpen;  // never kFenced
  uint64_t generation = 0;
  uint64_t epoch = 0;
  SnapshotName snapshot;             // what it publishes
  bool explicit_time = false;        // the client asked for this time
  std::optional<int64_t> base_time;  // of a snapshot of the same group
  std::string owner;
  std::string notes;
  std::string client_label;
  Uuid lease;
  absl::Time open_time;
  std::optional<absl::Time> end_time;  // set unless open
  // Of the publish that was prepared; 0: none. The manifest is dropped when
  // the session is published.
  uint64_t publish_sequence = 0;
  std::string manifest;  // whole payload of its record
  // Of the event that cancels the manifest, which is in the packs; 0: none.
  uint64_t cancel_sequence = 0;
  uint64_t loss_mark = 0;  // of the store at the opening; 0: not known
  // Of the base, whose pages the session may take over: roots of gc while it
  // is open and not fenced. Sorted by name.
  std::vector<Archive> base_archives;
};

// Numbers of a datastore. All but the counts only grow.
struct IndexState {
  uint64_t fence = 0;
  uint64_t highest_epoch = 0;
  uint64_t highest_token = 0;
  uint64_t sequence_limit = 1;  // no sequence at or above it was handed out
  uint64_t namespace_delete_sequence = 0;
  // Of listed snapshots, exact; changed in the batch that changes the list.
  uint64_t snapshot_count = 0;
  uint64_t logical_bytes = 0;
  bool counted = false;  // the counts are there: rows were once without
  uint64_t trash_count = 0;
  uint64_t trash_bytes = 0;
  uint64_t gone_count = 0;  // that still have a row
  // Of this service at the last sweep or forget; the epoch: never.
  absl::Time clock;
  friend bool operator==(const IndexState&, const IndexState&) = default;
};

}  // namespace cairn::index
