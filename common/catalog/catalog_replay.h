#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/time/time.h"
#include "common/model/catalog.h"
#include "common/model/catalog_record.h"
#include "common/model/digest.h"
#include "common/model/names.h"

namespace cairn {

struct ReplayedNamespace {
  std::string comment;
  absl::Time create_time;
  uint64_t sequence = 0;  // of the change that created it
};

// As index's row of a group, with the same meaning of each number.
struct ReplayedGroup {
  std::string owner;
  std::string notes;
  absl::Time create_time;
  int64_t newest_time = 0;  // of any snapshot published, Unix seconds
  uint64_t owner_sequence = 0;
  uint64_t notes_sequence = 0;
  uint64_t listed_count = 0;
  int64_t newest_listed_time = 0;  // 0: none
};

struct ReplayedSnapshot {
  SnapshotState state = SnapshotState::kListed;
  Digest digest;  // of the manifest's record
  Manifest manifest;
  std::string notes;
  bool is_protected = false;
  uint64_t notes_sequence = 0;  // 0: as published
  uint64_t protected_sequence = 0;
  uint64_t state_sequence = 0;  // of the last change of state
  absl::Time trash_time;        // in trash: since when it is forgotten
  absl::Time trash_until;       // and until when at least it is undoable
};

// A manifest that is not listed although nothing has cancelled it.
struct PassedOver {
  SnapshotName name;
  uint64_t sequence = 0;
  uint64_t generation = 0;
  // Why it is not complete; empty: one of the same name with a higher
  // sequence is listed.
  std::string why;
};

// One datastore as its records say. All names have its name in them.
struct ReplayedCatalog {
  // Of its creation, else of the record with the highest sequence that names
  // it. Empty: none does.
  std::string name;
  std::string comment;
  std::optional<absl::Time> create_time;  // none: its creation is lost
  uint64_t highest_sequence = 0;
  uint64_t highest_generation = 0;
  uint64_t highest_epoch = 0;  // of a session that published
  uint64_t namespace_delete_sequence = 0;
  std::map<NamespacePath, ReplayedNamespace> namespaces;  // not the root
  std::map<GroupName, ReplayedGroup> groups;
  std::map<SnapshotName, ReplayedSnapshot> snapshots;
  std::vector<PassedOver> passed_over;
  uint64_t cancelled = 0;  // manifests whose publish was refused
};

// Replays the manifests and events of one datastore, added in any order and
// each as often as it is found, into what index holds after it has committed
// all of them:
// - Fields go by the highest sequence that sets them.
// - A manifest that a refused publish names is not listed, nor one that is
//   not complete; of two with one name the higher sequence is.
// - A snapshot that is gone is not there; its group neither, unless another
//   snapshot is in it.
// - One that is protected is not forgotten, whatever names it.
// - A publish or a change that was prepared, and of which nobody knows
//   whether it was committed, counts as committed.
// - A namespace that holds something is not deleted, as index refuses that;
//   one that holds a snapshot and has no record is made up.
// Records with the same sequence (an index that was put back and handed out
// its numbers again) go by generation, then by digest.
//
// Holds what is added: some hundred bytes and its archives for each manifest.
// Not thread-safe.
class CatalogReplay {
 public:
  // `digest` is the record's. `incomplete`: why the manifest cannot be listed;
  // empty if it can.
  void Add(const Digest& digest, Manifest manifest, std::string incomplete);
  void Add(const Digest& digest, Event event);

  ReplayedCatalog Finish() &&;

 private:
  struct Item {
    DatastoreRef datastore;
    uint64_t sequence = 0;
    Digest digest;
    std::optional<Manifest> manifest;  // else `event`
    std::string incomplete;
    std::optional<Event> event;
  };

  void Sort();
  absl::flat_hash_set<Digest> Cancelled() const;
  void Identify(ReplayedCatalog& catalog) const;

  absl::flat_hash_set<Digest> seen_;
  std::vector<Item> items_;
};

}  // namespace cairn
