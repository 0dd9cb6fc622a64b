#include "services/index/engine/catalog.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/digest/sha256.h"
#include "common/status/status_macros.h"
#include "services/index/domain/catalog_keys.h"
#include "services/index/domain/list_rules.h"
#include "services/index/engine/catalog_lookup.h"
#include "services/index/engine/list_walk.h"
#include "services/index/engine/snapshot_lists.h"
#include "services/index/storage/row_codec.h"

namespace cairn::index {
namespace {

// A query as page tokens are bound to it: everything but the page.
Digest QueryDigest(std::string_view kind, const Uuid& datastore,
                   std::string_view parent, uint32_t max_depth,
                   std::optional<BackupType> type) {
  return Sha256(absl::StrCat(kind, "\n", datastore.view(), "\n", parent, "\n",
                             max_depth, "\n",
                             type.has_value() ? BackupTypeName(*type) : ""));
}

absl::Status NotAKey(Table table, const KvCursor& cursor) {
  return DamagedRow(table, cursor.key(),
                    absl::DataLossError("the key names nothing"));
}

}  // namespace

absl::StatusOr<ListPage<Datastore>> Catalog::ListDatastores(
    const PageRequest& request) const {
  const Digest query = Sha256("datastores");
  std::string position;
  if (!request.page_token.empty()) {
    ASSIGN_OR_RETURN(position, DecodePageToken(query, request.page_token));
  }
  ListPage<Datastore> page;
  const DatastoreState* next = datastores_->FirstFrom(position);
  while (next != nullptr && page.items.size() < PageSizeOf(request)) {
    page.items.push_back(next->info);
    next = datastores_->FirstFrom(next->info.name + '\0');
  }
  if (next != nullptr) {
    page.next_page_token = EncodePageToken(query, next->info.name);
  }
  return page;
}

absl::StatusOr<ListPage<Namespace>> Catalog::ListNamespaces(
    const NamespaceQuery& query, const PageRequest& page) const {
  ASSIGN_OR_RETURN(const DatastoreState* const state,
                   datastores_->FindByName(query.parent.datastore));
  const Uuid& uuid = state->info.ref.uuid;
  const IndexView view = store_->NewView(uuid);
  RETURN_IF_ERROR(CheckNamespaceExists(view, query.parent));
  const TreeQuery tree{.datastore = uuid,
                       .parent = query.parent.path,
                       .max_depth = query.max_depth,
                       .type = std::nullopt};
  const std::string parent_key = NamespaceKey(uuid, query.parent.path);
  // The parent itself is not listed.
  const WalkRange range{.table = Table::kNamespaces,
                        .lower = parent_key + '\0',
                        .upper = PrefixEnd(parent_key)};
  const auto visit =
      [&](const KvCursor& cursor) -> absl::StatusOr<Visited<Namespace>> {
    std::optional<NamespacePath> path = ParseNamespaceKey(cursor.key());
    if (!path.has_value()) return NotAKey(Table::kNamespaces, cursor);
    WalkStep step = JudgeNamespace(tree, *path);
    if (!step.take) {
      return Visited<Namespace>{.item = std::nullopt,
                                .go_to = std::move(step.go_to)};
    }
    ASSIGN_OR_RETURN(const NamespaceRow row,
                     DecodeAt(Table::kNamespaces, cursor, DecodeNamespace));
    return Visited<Namespace>{
        .item = Namespace{.name = {.datastore = query.parent.datastore,
                                   .path = *std::move(path)},
                          .comment = row.comment,
                          .create_time = row.create_time},
        .go_to = {}};
  };
  return WalkPage<Namespace>(
      view, range,
      QueryDigest("namespaces", uuid, query.parent.path.ToString(),
                  query.max_depth, std::nullopt),
      page, visit);
}

absl::StatusOr<ListPage<Group>> Catalog::ListGroups(
    const GroupQuery& query, const PageRequest& page) const {
  ASSIGN_OR_RETURN(const DatastoreState* const state,
                   datastores_->FindByName(query.parent.datastore));
  const Uuid& uuid = state->info.ref.uuid;
  const IndexView view = store_->NewView(uuid);
  RETURN_IF_ERROR(CheckNamespaceExists(view, query.parent));
  const TreeQuery tree{.datastore = uuid,
                       .parent = query.parent.path,
                       .max_depth = query.max_depth,
                       .type = query.type};
  const std::string parent_key = NamespaceKey(uuid, query.parent.path);
  const WalkRange range{.table = Table::kGroups,
                        .lower = parent_key,
                        .upper = PrefixEnd(parent_key)};
  const auto visit =
      [&](const KvCursor& cursor) -> absl::StatusOr<Visited<Group>> {
    const std::optional<ParsedGroupKey> key = ParseGroupKey(cursor.key());
    if (!key.has_value()) return NotAKey(Table::kGroups, cursor);
    WalkStep step = JudgeGroup(tree, key->path, key->type);
    if (!step.take) {
      return Visited<Group>{.item = std::nullopt,
                            .go_to = std::move(step.go_to)};
    }
    ASSIGN_OR_RETURN(const GroupRow row,
                     DecodeAt(Table::kGroups, cursor, DecodeGroup));
    Group group;
    group.name = ToGroupName(query.parent.datastore, *key);
    group.owner = row.owner;
    group.notes = row.notes;
    group.create_time = row.create_time;
    group.snapshot_count = row.listed_count;
    if (row.newest_listed_time != 0) {
      group.last_snapshot_time = row.newest_listed_time;
    }
    return Visited<Group>{.item = std::move(group), .go_to = {}};
  };
  return WalkPage<Group>(
      view, range,
      QueryDigest("groups", uuid, query.parent.path.ToString(), query.max_depth,
                  query.type),
      page, visit);
}

absl::StatusOr<ListPage<Snapshot>> Catalog::ListSnapshots(
    const SnapshotQuery& query, const PageRequest& page) const {
  const NamespaceName& parent =
      query.group.has_value() ? query.group->parent : query.parent;
  ASSIGN_OR_RETURN(const DatastoreState* const state,
                   datastores_->FindByName(parent.datastore));
  const IndexView view = store_->NewView(state->info.ref.uuid);
  RETURN_IF_ERROR(CheckNamespaceExists(view, parent));
  return SnapshotLister(view, state->info, query).List(page);
}

absl::StatusOr<Datastore> Catalog::GetDatastore(const std::string& name) const {
  ASSIGN_OR_RETURN(const DatastoreState* const state,
                   datastores_->FindByName(name));
  return state->info;
}

absl::StatusOr<CatalogStatistics> Catalog::GetStatistics(
    const std::string& datastore) const {
  ASSIGN_OR_RETURN(const DatastoreState* const state,
                   datastores_->FindByName(datastore));
  absl::ReaderMutexLock lock(&state->gate);
  return CatalogStatistics{.snapshot_count = state->numbers.snapshot_count,
                           .logical_bytes = state->numbers.logical_bytes,
                           .open_sessions = state->open_sessions.size(),
                           .uncancelled_sessions = state->uncancelled.size(),
                           .max_sessions = max_sessions_,
                           .trash_count = state->numbers.trash_count,
                           .trash_bytes = state->numbers.trash_bytes};
}

absl::StatusOr<Snapshot> Catalog::GetSnapshot(const SnapshotName& name) const {
  ASSIGN_OR_RETURN(const DatastoreState* const state,
                   datastores_->FindByName(name.group.parent.datastore));
  const IndexView view = store_->NewView(state->info.ref.uuid);
  return LoadWholeSnapshot(view, name);
}

}  // namespace cairn::index
