#include "services/index/domain/catalog_keys.h"

#include "absl/strings/str_cat.h"

namespace cairn::index {
namespace {

constexpr size_t kUuidBytes = 16;
constexpr size_t kTimeBytes = 8;
constexpr char kInNamespace = '\x00';
constexpr char kNextComponent = '\x01';

std::string EncodeTime(int64_t time) {
  std::string bytes(kTimeBytes, '\0');
  uint64_t rest = static_cast<uint64_t>(time);
  for (size_t i = kTimeBytes; i-- > 0; rest >>= 8) {
    bytes[i] = static_cast<char>(rest & 0xff);
  }
  return bytes;
}

uint64_t DecodeTime(std::string_view bytes) {
  uint64_t time = 0;
  for (const char c : bytes) time = time << 8 | static_cast<uint8_t>(c);
  return time;
}

// Takes the text before `separator`, and both, off `rest`.
std::optional<std::string_view> TakeUntil(char separator,
                                          std::string_view& rest) {
  const size_t end = rest.find(separator);
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view text = rest.substr(0, end);
  rest.remove_prefix(end + 1);
  return text;
}

bool TakeUuid(std::string_view& rest) {
  if (rest.size() < kUuidBytes) return false;
  rest.remove_prefix(kUuidBytes);
  return true;
}

// Parses through the names of common/model, whose rules hold for keys too.
// The datastore is left out of keys, so any valid one stands in for it.
constexpr std::string_view kAnyDatastore = "any";

std::optional<NamespacePath> TakeComponents(std::string_view& rest) {
  NamespaceName name{.datastore = std::string(kAnyDatastore), .path = {}};
  // One component more than allowed is enough to be refused below.
  while (!rest.empty() && rest.front() != kInNamespace &&
         name.path.components.size() <= kMaxNamespaceDepth) {
    const auto component = TakeUntil(kNextComponent, rest);
    if (!component.has_value()) return std::nullopt;
    name.path.components.emplace_back(*component);
  }
  absl::StatusOr<NamespaceName> valid = NamespaceName::Parse(name.ToString());
  if (!valid.ok() || valid->path != name.path) return std::nullopt;
  return std::move(valid->path);
}

}  // namespace

std::string DatastorePrefix(const Uuid& datastore) {
  return std::string(datastore.view());
}

std::string NamespaceKey(const Uuid& datastore, const NamespacePath& path) {
  std::string key(datastore.view());
  for (const std::string& component : path.components) {
    absl::StrAppend(&key, component);
    key.push_back(kNextComponent);
  }
  return key;
}

std::string GroupsPrefix(const Uuid& datastore, const NamespacePath& path) {
  std::string key = NamespaceKey(datastore, path);
  key.push_back(kInNamespace);
  return key;
}

std::string GroupsPrefix(const Uuid& datastore, const NamespacePath& path,
                         BackupType type) {
  std::string key = GroupsPrefix(datastore, path);
  absl::StrAppend(&key, BackupTypeName(type));
  key.push_back(kInNamespace);
  return key;
}

std::string GroupKey(const Uuid& datastore, const GroupName& group) {
  std::string key = GroupsPrefix(datastore, group.parent.path, group.type);
  absl::StrAppend(&key, group.id);
  key.push_back(kInNamespace);
  return key;
}

std::string SnapshotKey(const Uuid& datastore, const SnapshotName& snapshot) {
  return SnapshotKeyAt(GroupKey(datastore, snapshot.group), snapshot.time);
}

std::string SnapshotKeyAt(std::string_view group_key, int64_t time) {
  return absl::StrCat(group_key, EncodeTime(time));
}

std::string SessionKey(const Uuid& datastore, const Uuid& session) {
  return absl::StrCat(datastore.view(), session.view());
}

std::string CheckpointPrefix(const Uuid& datastore, const Uuid& session) {
  return SessionKey(datastore, session);
}

std::string CheckpointKey(const Uuid& datastore, const Uuid& session,
                          std::string_view archive) {
  return absl::StrCat(datastore.view(), session.view(), archive);
}

std::string PageKey(const Uuid& datastore, const Digest& page) {
  return absl::StrCat(datastore.view(), page.view());
}

std::optional<NamespacePath> ParseNamespaceKey(std::string_view key) {
  if (!TakeUuid(key)) return std::nullopt;
  std::optional<NamespacePath> path = TakeComponents(key);
  if (!path.has_value() || path->is_root() || !key.empty()) {
    return std::nullopt;
  }
  return path;
}

std::optional<ParsedGroupKey> ParseGroupKey(std::string_view key) {
  if (!TakeUuid(key)) return std::nullopt;
  std::optional<NamespacePath> path = TakeComponents(key);
  if (!path.has_value()) return std::nullopt;
  if (key.empty() || key.front() != kInNamespace) return std::nullopt;
  key.remove_prefix(1);
  const auto type_text = TakeUntil(kInNamespace, key);
  const auto id = TakeUntil(kInNamespace, key);
  if (!type_text.has_value() || !id.has_value() || !key.empty()) {
    return std::nullopt;
  }
  const absl::StatusOr<BackupType> type = ParseBackupType(*type_text);
  if (!type.ok()) return std::nullopt;
  ParsedGroupKey parsed{
      .path = *std::move(path), .type = *type, .id = std::string(*id)};
  if (!GroupName::Parse(ToGroupName(kAnyDatastore, parsed).ToString()).ok()) {
    return std::nullopt;
  }
  return parsed;
}

std::optional<ParsedSnapshotKey> ParseSnapshotKey(std::string_view key) {
  if (key.size() < kTimeBytes) return std::nullopt;
  const uint64_t time = DecodeTime(key.substr(key.size() - kTimeBytes));
  if (time == 0 || time > static_cast<uint64_t>(kMaxSnapshotTime)) {
    return std::nullopt;
  }
  std::optional<ParsedGroupKey> group = ParseGroupKey(GroupKeyOf(key));
  if (!group.has_value()) return std::nullopt;
  return ParsedSnapshotKey{.group = *std::move(group),
                           .time = static_cast<int64_t>(time)};
}

std::string_view GroupKeyOf(std::string_view snapshot_key) {
  return snapshot_key.substr(0, snapshot_key.size() - kTimeBytes);
}

std::optional<Uuid> ParseSessionKey(std::string_view key) {
  if (key.size() != 2 * kUuidBytes) return std::nullopt;
  const absl::StatusOr<Uuid> session = Uuid::FromBytes(key.substr(kUuidBytes));
  if (!session.ok()) return std::nullopt;
  return *session;
}

std::optional<std::string> ParseCheckpointKey(std::string_view key) {
  if (key.size() <= 2 * kUuidBytes) return std::nullopt;
  const std::string_view archive = key.substr(2 * kUuidBytes);
  if (!ValidateArchiveId(archive).ok()) return std::nullopt;
  return std::string(archive);
}

GroupName ToGroupName(std::string_view datastore, const ParsedGroupKey& key) {
  return {.parent = {.datastore = std::string(datastore), .path = key.path},
          .type = key.type,
          .id = key.id};
}

}  // namespace cairn::index
