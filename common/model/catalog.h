#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "common/model/archive.h"
#include "common/model/datastore.h"
#include "common/model/names.h"

// What the index knows, as the services pass it to each other. Times are
// wall clock unless said otherwise.
namespace cairn {

inline constexpr size_t kMaxNotesBytes = 64 * 1024;
inline constexpr size_t kMaxCommentBytes = 1024;
inline constexpr size_t kMaxPrincipalBytes = 256;
inline constexpr size_t kMaxArchivesPerSnapshot = 256;
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

// On disk: never reuse a number.
enum class SnapshotState : uint8_t { kListed = 1, kTrash = 2 };
enum class VerifyState : uint8_t { kNever = 0, kOk = 1, kFailed = 2 };

struct Snapshot {
  SnapshotName name;
  SnapshotState state = SnapshotState::kListed;
  std::vector<Archive> archives;  // sorted by name
  std::string notes;
  bool is_protected = false;
  std::string owner;  // of the group; filled when read
  VerifyState verify_state = VerifyState::kNever;
  uint64_t sequence = 0;
  Uuid session;
  absl::Time publish_time;
  uint64_t stored_bytes = 0;  // encoded bytes its session stored anew
  bool recovered = false;     // listed by a rebuild from packs
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
using CatalogChange = std::variant<CreateDatastoreChange, CreateNamespaceChange,
                                   DeleteNamespaceChange, UpdateGroupChange,
                                   UpdateSnapshotChange, RefusedPublishChange>;

}  // namespace cairn
