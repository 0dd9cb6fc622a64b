#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/model/digest.h"
#include "common/model/names.h"
#include "common/model/uuid.h"

// Keys of index's tables. They sort as names do, component by component, so
// that one scan walks a tree of namespaces in order: each namespace before
// those below it, its own groups before theirs, types by name, groups by id,
// snapshots by time.
//
//   datastores   name
//   namespaces   uuid 16, then for each component: its text, 0x01
//   groups       key of its namespace, 0x00, type, 0x00, id, 0x00
//   snapshots    key of its group, Unix seconds as 8 bytes big endian
//   sessions     uuid 16, session 16
//   checkpoints  uuid 16, session 16, archive name
//   pages        uuid 16, page id 32
//   state        uuid 16
//
// The root namespace has an empty list of components. Components, types and
// ids hold no byte below '-', so the separators sort before all that they
// separate, and a namespace's key is a prefix of all keys in and below it.
namespace cairn::index {

std::string DatastorePrefix(const Uuid& datastore);

std::string NamespaceKey(const Uuid& datastore, const NamespacePath& path);
// Where the keys of the groups of `path` itself start; of one type.
std::string GroupsPrefix(const Uuid& datastore, const NamespacePath& path);
std::string GroupsPrefix(const Uuid& datastore, const NamespacePath& path,
                         BackupType type);
// The datastore and its UUID agree: the caller has looked it up.
std::string GroupKey(const Uuid& datastore, const GroupName& group);
std::string SnapshotKey(const Uuid& datastore, const SnapshotName& snapshot);
// `time` >= 0.
std::string SnapshotKeyAt(std::string_view group_key, int64_t time);

std::string SessionKey(const Uuid& datastore, const Uuid& session);
// Of all checkpoints of the session.
std::string CheckpointPrefix(const Uuid& datastore, const Uuid& session);
std::string CheckpointKey(const Uuid& datastore, const Uuid& session,
                          std::string_view archive);
std::string PageKey(const Uuid& datastore, const Digest& page);

// What a key says. Nothing: it is not such a key, or its name breaks a rule
// of common/model/names.h. The datastore's name is not in the keys.
struct ParsedGroupKey {
  NamespacePath path;
  BackupType type = BackupType::kHost;
  std::string id;
};
struct ParsedSnapshotKey {
  ParsedGroupKey group;
  int64_t time = 0;
};
std::optional<NamespacePath> ParseNamespaceKey(std::string_view key);
std::optional<ParsedGroupKey> ParseGroupKey(std::string_view key);
std::optional<ParsedSnapshotKey> ParseSnapshotKey(std::string_view key);
// The group's part of a snapshot's key; `key` is one that parses.
std::string_view GroupKeyOf(std::string_view snapshot_key);
// The session of a key of `sessions`.
std::optional<Uuid> ParseSessionKey(std::string_view key);
// The archive's name of a key of `checkpoints`.
std::optional<std::string> ParseCheckpointKey(std::string_view key);

GroupName ToGroupName(std::string_view datastore, const ParsedGroupKey& key);

}  // namespace cairn::index
