#include "services/index/engine/snapshot_walk.h"

#include <optional>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "common/status/status_macros.h"
#include "services/index/domain/catalog_keys.h"
#include "services/index/domain/list_rules.h"
#include "services/index/storage/row_codec.h"

namespace cairn::index {
namespace {

// Rows that are in the keys from `lower` to `upper`, and in `tree` if there
// is one.
absl::Status VisitRange(const IndexView& view, const Datastore& datastore,
                        const std::string& lower, const std::string& upper,
                        const TreeQuery* tree, SnapshotVisit visit) {
  auto cursor = view.Scan(Table::kSnapshots, lower, upper);
  while (cursor->Valid()) {
    const std::optional<ParsedSnapshotKey> key =
        ParseSnapshotKey(cursor->key());
    if (!key.has_value()) {
      return DamagedRow(Table::kSnapshots, cursor->key(),
                        absl::DataLossError("the key names nothing"));
    }
    if (tree != nullptr) {
      const WalkStep step = JudgeGroup(*tree, key->group.path, key->group.type);
      if (!step.take) {
        RETURN_IF_ERROR(cursor->status());
        if (!upper.empty() && step.go_to >= upper) return absl::OkStatus();
        cursor = view.Scan(Table::kSnapshots, step.go_to, upper);
        continue;
      }
    }
    ASSIGN_OR_RETURN(const SnapshotRow row,
                     DecodeAt(Table::kSnapshots, *cursor, DecodeSnapshot));
    RETURN_IF_ERROR(visit(
        {.group = ToGroupName(datastore.name, key->group), .time = key->time},
        row));
    cursor->Next();
  }
  return cursor->status();
}

bool IsIn(const SnapshotScope& scope, const SnapshotRow& row) {
  const bool is_there = row.state == SnapshotState::kListed ||
                        (scope.trash && row.state == SnapshotState::kTrash);
  return is_there && (!scope.published_before.has_value() ||
                      row.publish_time < *scope.published_before);
}

absl::Status CheckDatastore(const Datastore& datastore, std::string_view name,
                            const std::string& found) {
  if (found == datastore.name) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(name, " is not of the datastore ", datastore.name));
}

absl::Status VisitNames(const IndexView& view, const Datastore& datastore,
                        const SnapshotScope& scope, SnapshotVisit visit) {
  if (scope.names.size() > kMaxScopeNames) {
    return absl::InvalidArgumentError(
        absl::StrCat("names has ", scope.names.size(),
                     " items, allowed are at most ", kMaxScopeNames));
  }
  for (const SnapshotName& name : scope.names) {
    RETURN_IF_ERROR(CheckDatastore(datastore, name.ToString(),
                                   name.group.parent.datastore));
    ASSIGN_OR_RETURN(const std::optional<SnapshotRow> row,
                     view.GetSnapshot(name));
    if (row.has_value() && IsIn(scope, *row))
      RETURN_IF_ERROR(visit(name, *row));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status VisitSnapshots(const IndexView& view, const Datastore& datastore,
                            SnapshotVisit visit) {
  const std::string prefix = DatastorePrefix(datastore.ref.uuid);
  return VisitRange(view, datastore, prefix, PrefixEnd(prefix), nullptr, visit);
}

absl::Status VisitScope(const IndexView& view, const Datastore& datastore,
                        const SnapshotScope& scope, SnapshotVisit visit) {
  if (!scope.names.empty()) return VisitNames(view, datastore, scope, visit);
  const NamespaceName& parent =
      scope.group.has_value() ? scope.group->parent : scope.parent;
  RETURN_IF_ERROR(
      CheckDatastore(datastore, parent.ToString(), parent.datastore));
  const Uuid& uuid = datastore.ref.uuid;
  const TreeQuery tree = {
      .datastore = uuid,
      .parent = parent.path,
      .max_depth = scope.group.has_value() ? 0 : scope.max_depth,
      .type = std::nullopt};
  const std::string lower = scope.group.has_value()
                                ? GroupKey(uuid, *scope.group)
                                : NamespaceKey(uuid, parent.path);
  return VisitRange(view, datastore, lower, PrefixEnd(lower), &tree,
                    [&](const SnapshotName& name, const SnapshotRow& row) {
                      if (!IsIn(scope, row)) return absl::OkStatus();
                      return visit(name, row);
                    });
}

absl::Status VisitSessions(const IndexView& view, const Uuid& datastore,
                           SessionVisit visit) {
  const std::string prefix = DatastorePrefix(datastore);
  const auto cursor = view.Scan(Table::kSessions, prefix, PrefixEnd(prefix));
  for (; cursor->Valid(); cursor->Next()) {
    const std::optional<Uuid> id = ParseSessionKey(cursor->key());
    if (!id.has_value()) {
      return DamagedRow(Table::kSessions, cursor->key(),
                        absl::DataLossError("not the key of a session"));
    }
    ASSIGN_OR_RETURN(const SessionRow row,
                     DecodeAt(Table::kSessions, *cursor, DecodeSession));
    RETURN_IF_ERROR(visit(*id, row));
  }
  return cursor->status();
}

}  // namespace cairn::index
