#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "common/model/names.h"
#include "common/model/uuid.h"

namespace cairn::index {

// Which part of a tree of namespaces a list shows.
struct TreeQuery {
  Uuid datastore;
  NamespacePath parent;
  // Levels below `parent`; groups and snapshots of `parent` are at level 0.
  uint32_t max_depth = 0;
  std::optional<BackupType> type;  // of groups and snapshots
};

// A walk takes the key it stands on, or goes on from a later one.
struct WalkStep {
  bool take = false;
  std::string go_to;  // unless taken; greater than the key
};

// For a namespace below query.parent. A max_depth of 0 means all levels.
WalkStep JudgeNamespace(const TreeQuery& query, const NamespacePath& path);

// For a group, or snapshot of a group, in or below query.parent.
WalkStep JudgeGroup(const TreeQuery& query, const NamespacePath& path,
                    BackupType type);

}  // namespace cairn::index
