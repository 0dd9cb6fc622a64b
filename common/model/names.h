#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "common/model/uuid.h"

// Resource names: how everything that a client can name is written.
//
//   datastores/{d}
//   datastores/{d}/namespaces/{n1}/namespaces/{n2}        up to 7 levels
//   {datastore or namespace}/groups/{vm|ct|host}/{id}
//   {group}/snapshots/{2026-11-21T20:39:45Z}
//   {snapshot}/archives/{archive}
//   datastores/{d}/sessions/{uuid}
//
// The root namespace is written by leaving the namespaces out. {d} is 3..32
// characters; a namespace component and a group id are 1..64, an archive
// name 1..128; all match [A-Za-z0-9_][A-Za-z0-9._-]*. The components of a
// namespace joined by "/" are at most 256 characters. Parsing is strict: a
// name has exactly one written form. (Rules of PBS, reference names.)
namespace cairn {

inline constexpr int kMaxNamespaceDepth = 7;

// InvalidArgument, naming `what`, what was found and what is allowed.
absl::Status ValidateDatastoreId(std::string_view id);
absl::Status ValidateComponent(std::string_view what, std::string_view text,
                               size_t max_length);
absl::Status ValidateArchiveId(std::string_view id);

// A namespace inside a datastore. No components: the root namespace.
struct NamespacePath {
  std::vector<std::string> components;

  // Parses "a/b/c" as people write it; "" is the root.
  static absl::StatusOr<NamespacePath> Parse(std::string_view text);
  bool is_root() const { return components.empty(); }
  NamespacePath Parent() const;  // the root's parent is the root
  bool IsSameOrBelow(const NamespacePath& ancestor) const;
  std::string ToString() const;  // "a/b/c"; "" is the root
  friend auto operator<=>(const NamespacePath&, const NamespacePath&) = default;
};

enum class BackupType : uint8_t { kVm = 1, kCt = 2, kHost = 3 };
std::string_view BackupTypeName(BackupType type);  // "vm", "ct", "host"
absl::StatusOr<BackupType> ParseBackupType(std::string_view text);

struct NamespaceName {
  std::string datastore;
  NamespacePath path;
  // Accepts "datastores/d" (the root namespace) too.
  static absl::StatusOr<NamespaceName> Parse(std::string_view name);
  std::string ToString() const;
  friend auto operator<=>(const NamespaceName&, const NamespaceName&) = default;
};

struct GroupName {
  NamespaceName parent;
  BackupType type = BackupType::kHost;
  std::string id;
  static absl::StatusOr<GroupName> Parse(std::string_view name);
  std::string ToString() const;
  std::string ShortName() const;  // "host/web1"
  friend auto operator<=>(const GroupName&, const GroupName&) = default;
};

// Snapshot times are whole UTC seconds, 1970-01-01T00:00:01Z up to year 9999.
inline constexpr int64_t kMaxSnapshotTime = 253402300799;
std::string FormatSnapshotTime(int64_t unix_seconds);
absl::StatusOr<int64_t> ParseSnapshotTime(std::string_view text);

struct SnapshotName {
  GroupName group;
  int64_t time = 0;  // Unix seconds
  static absl::StatusOr<SnapshotName> Parse(std::string_view name);
  std::string ToString() const;
  std::string ShortName() const;  // "host/web1/2026-11-21T20:39:45Z"
  friend auto operator<=>(const SnapshotName&, const SnapshotName&) = default;
};

struct ArchiveName {
  SnapshotName snapshot;
  std::string archive;
  static absl::StatusOr<ArchiveName> Parse(std::string_view name);
  std::string ToString() const;
  friend auto operator<=>(const ArchiveName&, const ArchiveName&) = default;
};

struct SessionName {
  std::string datastore;
  Uuid session;
  static absl::StatusOr<SessionName> Parse(std::string_view name);
  std::string ToString() const;
  friend auto operator<=>(const SessionName&, const SessionName&) = default;
};

}  // namespace cairn
