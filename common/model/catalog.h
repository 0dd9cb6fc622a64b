#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "common/model/archive.h"
#include "common/model/datastore.h"
#include "common/model/digest.h"
#include "common/model/names.h"
#include "common/model/uuid.h"

// What the index knows, as the services pass it to each other. Times are
// wall clock unless said otherwise.
namespace cairn {

inline constexpr size_t kMaxNotesBytes = 64 * 1024;
inline constexpr size_t kMaxCommentBytes = 1024;
inline constexpr size_t kMaxPrincipalBytes = 256;
inline constexpr size_t kMaxArchivesPerSnapshot = 256;
inline constexpr size_t kMaxSnapshotsPerChange = 1000;
inline constexpr absl::Duration kMaxTrashTime = absl::Hours(24 * 3650);
inline constexpr uint32_t kDefaultPageSize = 100;
inline constexpr uint32_t kMaxPageSize = 1000;

struct Namespace {
  NamespaceName name;
  std::string comment;
  absl::Time create_time;
};

struct Group {
  GroupName name;
  std::string owner;
  std::string notes;
  absl::Time create_time;
  std::optional<int64_t> last_snapshot_time;  // Unix seconds, of listed ones
  uint64_t snapshot_count = 0;                // listed ones
};

// On disk: never reuse a number. kGone is seen inside index alone: the row of
// a snapshot whose time in trash is over, until a sweep has removed it.
enum class SnapshotState : uint8_t { kListed = 1, kTrash = 2, kGone = 3 };
enum class VerifyState : uint8_t { kNever = 0, kOk = 1, kFailed = 2 };

// Bytes of an archive that cannot be restored.
struct DamagedRange {
  std::string archive;
  uint64_t offset = 0;
  uint64_t length = 0;
  friend bool operator==(const DamagedRange&, const DamagedRange&) = default;
};
inline constexpr size_t kMaxDamagedRanges = 100;  // that are remembered

// What the last verify of a snapshot has found.
struct Verification {
  VerifyState state = VerifyState::kNever;
  absl::Time time;  // when it ended
  Uuid task;
  std::vector<DamagedRange> damage;  // the first kMaxDamagedRanges
  uint64_t damaged_bytes = 0;        // of all of them
};

struct Snapshot {
  SnapshotName name;
  SnapshotState state = SnapshotState::kListed;
  std::vector<Archive> archives;  // sorted by name
  std::string notes;
  bool is_protected = false;
  std::string owner;  // of the group; filled when read
  Verification verification;
  uint64_t sequence = 0;
  Uuid session;
  absl::Time publish_time;
  uint64_t stored_bytes = 0;  // encoded bytes its session stored anew
  bool recovered = false;     // listed by a rebuild from packs
  // In trash: when it was forgotten, and until when at least it is undoable.
  std::optional<absl::Time> trash_time;
  std::optional<absl::Time> trash_until;
  uint64_t size_bytes() const;
};

// One page of a list.
template <typename T>
struct ListPage {
  std::vector<T> items;
  std::string next_page_token;  // empty: that was all
};

struct PageRequest {
  uint32_t page_size = 0;  // 0: kDefaultPageSize; coerced to kMaxPageSize
  std::string page_token;
};

struct NamespaceQuery {
  NamespaceName parent;
  uint32_t max_depth = 0;  // 0: all levels below
};
struct GroupQuery {
  NamespaceName parent;
  uint32_t max_depth = 0;  // 0: this namespace only
  std::optional<BackupType> type;
};
struct SnapshotQuery {
  NamespaceName parent;
  std::optional<GroupName> group;  // set: only this group; parent is its own
  uint32_t max_depth = 0;          // as GroupQuery
  std::optional<BackupType> type;
  std::optional<int64_t> not_before;  // Unix seconds, inclusive
  std::optional<int64_t> before;      // exclusive
  bool protected_only = false;
  bool newest_first = false;
  bool trash = false;  // those in trash, and not those that are listed
};

// A change of the catalog that leaves an event record.
struct CreateDatastoreChange {
  std::string datastore;
  Uuid uuid;  // chosen by the caller: makes the change idempotent
  std::string comment;
};
struct CreateNamespaceChange {
  NamespaceName name;
  std::string comment;
};
struct DeleteNamespaceChange {
  NamespaceName name;
};
struct UpdateGroupChange {
  GroupName name;
  std::optional<std::string> owner;
  std::optional<std::string> notes;
};
struct UpdateSnapshotChange {
  SnapshotName name;
  std::optional<std::string> notes;
  std::optional<bool> is_protected;
};
// A manifest that is stored but whose publish was refused: a rebuild must
// not list it.
struct RefusedPublishChange {
  SnapshotName name;
  Uuid session;
  Digest manifest;
};
// Listed -> trash, all of one datastore. Refused if one is protected; those
// that are not listed are passed over.
struct ForgetSnapshotsChange {
  std::string datastore;
  std::vector<SnapshotName> names;  // 1..kMaxSnapshotsPerChange
  absl::Duration trash_time;        // zero..kMaxTrashTime
};
// Trash -> listed. Refused if one is gone.
struct UndeleteSnapshotsChange {
  std::string datastore;
  std::vector<SnapshotName> names;  // 1..kMaxSnapshotsPerChange
};
// What was in trash is gone: made by a sweep of index itself, never prepared
// by a caller.
struct SnapshotsGoneChange {
  std::string datastore;
  std::vector<SnapshotName> names;  // 1..kMaxSnapshotsPerChange
  uint64_t token = 0;               // of the sweep
};
using CatalogChange =
    std::variant<CreateDatastoreChange, CreateNamespaceChange,
                 DeleteNamespaceChange, UpdateGroupChange, UpdateSnapshotChange,
                 RefusedPublishChange, ForgetSnapshotsChange,
                 UndeleteSnapshotsChange, SnapshotsGoneChange>;

}  // namespace cairn
