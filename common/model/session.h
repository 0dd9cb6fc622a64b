#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/model/archive.h"
#include "common/model/catalog.h"
#include "common/model/datastore.h"
#include "common/model/names.h"

namespace cairn {

// On disk: never reuse a number. kFenced is derived, never stored.
enum class SessionState : uint8_t {
  kOpen = 1,
  kPublished = 2,
  kAborted = 3,
  kFenced = 4,
};

// How far one archive of a session is durable, and all that is needed to go
// on from there.
struct ArchiveCheckpoint {
  std::string name;
  ArchiveKind kind = ArchiveKind::kStream;
  ChunkerSpec chunker;
  uint64_t durable_bytes = 0;    // a chunk boundary
  std::string builder_state;     // PageTreeBuilder::SaveState; "" if complete
  std::optional<PageRoot> root;  // set when complete
  uint64_t stored_bytes = 0;     // encoded bytes stored anew so far
  // How many times the archive was saved, this one included. A stream that
  // has not seen the last one cannot save another.
  uint64_t revision = 0;
  bool complete() const { return root.has_value(); }
};

struct Session {
  SessionRef ref;
  SnapshotName snapshot;  // what it will publish
  SessionState state = SessionState::kOpen;
  std::optional<SnapshotName> base;
  std::string owner;
  std::string notes;
  std::string client_label;
  Uuid lease;
  absl::Time open_time;
  std::vector<ArchiveCheckpoint> archives;  // sorted by name
  uint64_t loss_mark = 0;  // of chunk_storage at the opening; 0: not known
  // Of the base, what the session may take over whole: all pages below their
  // roots, and the chunks they name, are kept while it is open. Empty if the
  // store may have lost something since the base was begun. Not in lists.
  std::vector<Archive> base_archives;  // sorted by name
};

}  // namespace cairn
