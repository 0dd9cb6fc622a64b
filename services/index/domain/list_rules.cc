#include "services/index/domain/list_rules.h"

#include <utility>

#include "services/index/domain/catalog_keys.h"

namespace cairn::index {
namespace {

// The smallest key after all that start with `prefix`, which ends in one of
// the low separators of catalog_keys.h.
std::string After(std::string prefix) {
  ++prefix.back();
  return prefix;
}

// Past everything in and below the ancestor of `path` that is `depth` levels
// below the parent.
std::string PastSubtree(const TreeQuery& query, NamespacePath path,
                        size_t depth) {
  path.components.resize(query.parent.components.size() + depth);
  return After(NamespaceKey(query.datastore, path));
}

size_t DepthOf(const TreeQuery& query, const NamespacePath& path) {
  return path.components.size() - query.parent.components.size();
}

}  // namespace

WalkStep JudgeNamespace(const TreeQuery& query, const NamespacePath& path) {
  if (query.max_depth == 0 || DepthOf(query, path) <= query.max_depth) {
    return {.take = true, .go_to = {}};
  }
  // Too deep: go on behind the deepest level that is shown.
  return {.take = false, .go_to = PastSubtree(query, path, query.max_depth)};
}

WalkStep JudgeGroup(const TreeQuery& query, const NamespacePath& path,
                    BackupType type) {
  if (DepthOf(query, path) > query.max_depth) {
    return {.take = false,
            .go_to = PastSubtree(query, path, size_t{query.max_depth} + 1)};
  }
  if (!query.type.has_value() || type == *query.type) {
    return {.take = true, .go_to = {}};
  }
  if (BackupTypeName(type) < BackupTypeName(*query.type)) {
    return {.take = false,
            .go_to = GroupsPrefix(query.datastore, path, *query.type)};
  }
  return {.take = false, .go_to = After(GroupsPrefix(query.datastore, path))};
}

}  // namespace cairn::index
