#include "services/ingest/engine/catalog_frontend.h"

#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "common/model/resource_scope.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"
#include "services/ingest/domain/owner_rule.h"

namespace cairn::ingest {
namespace {

// Pages of kMaxPageSize items that are walked to find one item by name.
constexpr int kMaxWalkedPages = 100;

// The first item for which `matches` is true. `list` gives a page.
template <typename T, typename List, typename Matches>
absl::StatusOr<T> FindByWalk(std::string_view what, List list,
                             Matches matches) {
  PageRequest page{.page_size = kMaxPageSize};
  for (int i = 0; i < kMaxWalkedPages; ++i) {
    ASSIGN_OR_RETURN(ListPage<T> found, list(page));
    for (T& item : found.items) {
      if (matches(item)) return std::move(item);
    }
    if (found.next_page_token.empty()) break;
    page.page_token = std::move(found.next_page_token);
  }
  return absl::NotFoundError(absl::StrCat(what, " does not exist"));
}

// Not an administrator, a service or this process itself.
bool IsClient(const Caller& caller) {
  return caller.role == CallerRole::kBackup &&
         caller.kind != CallerKind::kLocal;
}

absl::Status CheckText(std::string_view what, std::string_view text,
                       size_t max_bytes) {
  if (text.size() <= max_bytes) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      what, " has ", text.size(), " bytes, allowed are ", max_bytes));
}

}  // namespace

absl::StatusOr<ListPage<Datastore>> CatalogFrontend::ListDatastores(
    const Call& call, const PageRequest& page) {
  ASSIGN_OR_RETURN(
      ListPage<Datastore> datastores,
      peers_.catalog->ListDatastores(ForPeer(call, *clock_), page));
  if (call.caller.scope.empty()) return datastores;
  // The one whose resources the caller may name.
  std::erase_if(datastores.items, [&call](const Datastore& datastore) {
    return DatastoreOf(call.caller.scope) !=
           absl::StrCat("datastores/", datastore.name);
  });
  return datastores;
}

absl::StatusOr<Datastore> CatalogFrontend::CreateDatastore(
    const Call& call, const CreateDatastoreChange& change) {
  RETURN_IF_ERROR(ValidateDatastoreId(change.datastore));
  RETURN_IF_ERROR(CheckText("comment", change.comment, kMaxCommentBytes));
  if (change.uuid.is_zero()) {
    return absl::InvalidArgumentError("request_id is not set");
  }
  return changes_->Create(call, change);
}

absl::StatusOr<ListPage<Namespace>> CatalogFrontend::ListNamespaces(
    const Call& call, const NamespaceQuery& query, const PageRequest& page) {
  return peers_.catalog->ListNamespaces(ForPeer(call, *clock_), query, page);
}

absl::StatusOr<Namespace> CatalogFrontend::FindNamespace(
    const Call& call, const NamespaceName& name) {
  const NamespaceQuery query{.parent = {name.datastore, name.path.Parent()},
                             .max_depth = 1};
  return FindByWalk<Namespace>(
      name.ToString(),
      [&](const PageRequest& page) {
        return peers_.catalog->ListNamespaces(ForPeer(call, *clock_), query,
                                              page);
      },
      [&](const Namespace& item) { return item.name == name; });
}

absl::StatusOr<Namespace> CatalogFrontend::CreateNamespace(
    const Call& call, const CreateNamespaceChange& change) {
  RETURN_IF_ERROR(CheckText("comment", change.comment, kMaxCommentBytes));
  if (change.name.path.is_root()) {
    return absl::AlreadyExistsError(
        absl::StrCat(change.name.ToString(), " is the root namespace"));
  }
  RETURN_IF_ERROR(changes_->Apply(call, change.name.datastore, change));
  return FindNamespace(call, change.name);
}

absl::Status CatalogFrontend::DeleteNamespace(
    const Call& call, const DeleteNamespaceChange& change) {
  return changes_->Apply(call, change.name.datastore, change);
}

absl::StatusOr<ListPage<Group>> CatalogFrontend::ListGroups(
    const Call& call, const GroupQuery& query, const PageRequest& page) {
  ASSIGN_OR_RETURN(
      ListPage<Group> groups,
      peers_.catalog->ListGroups(ForPeer(call, *clock_), query, page));
  std::erase_if(groups.items, [&call](const Group& group) {
    return !MayAccess(call.caller, group.owner);
  });
  return groups;
}

absl::StatusOr<Group> CatalogFrontend::FindGroup(const Call& call,
                                                 const GroupName& name) {
  const GroupQuery query{.parent = name.parent, .type = name.type};
  return FindByWalk<Group>(
      name.ToString(),
      [&](const PageRequest& page) {
        return peers_.catalog->ListGroups(ForPeer(call, *clock_), query, page);
      },
      [&](const Group& item) { return item.name == name; });
}

absl::StatusOr<Group> CatalogFrontend::UpdateGroup(
    const Call& call, const UpdateGroupChange& change) {
  if (change.notes.has_value()) {
    RETURN_IF_ERROR(CheckText("notes", *change.notes, kMaxNotesBytes));
  }
  if (change.owner.has_value()) {
    RETURN_IF_ERROR(CheckText("owner", *change.owner, kMaxPrincipalBytes));
    if (change.owner->empty()) {
      return absl::InvalidArgumentError("owner is empty");
    }
  }
  ASSIGN_OR_RETURN(const Group group, FindGroup(call, change.name));
  RETURN_IF_ERROR(CheckOwner(call.caller, change.name.ToString(), group.owner));
  if (change.owner.has_value() && IsClient(call.caller)) {
    return WithReason(absl::PermissionDeniedError(absl::StrCat(
                          "only an administrator changes the owner of ",
                          change.name.ToString())),
                      reason::kNotOwner);
  }
  RETURN_IF_ERROR(changes_->Apply(call, change.name.parent.datastore, change));
  return FindGroup(call, change.name);
}

absl::StatusOr<ListPage<Snapshot>> CatalogFrontend::ListSnapshots(
    const Call& call, const SnapshotQuery& query, const PageRequest& page) {
  ASSIGN_OR_RETURN(
      ListPage<Snapshot> snapshots,
      peers_.catalog->ListSnapshots(ForPeer(call, *clock_), query, page));
  std::erase_if(snapshots.items, [&call](const Snapshot& snapshot) {
    return !MayAccess(call.caller, snapshot.owner);
  });
  return snapshots;
}

absl::StatusOr<Snapshot> CatalogFrontend::GetSnapshot(
    const Call& call, const SnapshotName& name) {
  ASSIGN_OR_RETURN(Snapshot snapshot,
                   peers_.catalog->GetSnapshot(ForPeer(call, *clock_), name));
  RETURN_IF_ERROR(
      CheckOwner(call.caller, name.group.ToString(), snapshot.owner));
  return snapshot;
}

absl::StatusOr<Snapshot> CatalogFrontend::UpdateSnapshot(
    const Call& call, const UpdateSnapshotChange& change) {
  if (change.notes.has_value()) {
    RETURN_IF_ERROR(CheckText("notes", *change.notes, kMaxNotesBytes));
  }
  RETURN_IF_ERROR(GetSnapshot(call, change.name).status());
  // Protection holds against a client that was taken over, too.
  if (!change.is_protected.value_or(true) && IsClient(call.caller)) {
    return WithReason(absl::PermissionDeniedError(absl::StrCat(
                          "only an administrator takes the protection off ",
                          change.name.ToString())),
                      reason::kNotOwner);
  }
  RETURN_IF_ERROR(
      changes_->Apply(call, change.name.group.parent.datastore, change));
  return GetSnapshot(call, change.name);
}

absl::Status CatalogFrontend::CheckOwners(
    const Call& call, const std::vector<SnapshotName>& names) {
  // Whoever else may call this may change every group.
  if (!IsClient(call.caller)) return absl::OkStatus();
  absl::flat_hash_set<std::string> own;
  for (const SnapshotName& name : names) {
    std::string group = name.group.ToString();
    if (own.contains(group)) continue;
    const absl::StatusOr<Snapshot> snapshot =
        peers_.catalog->GetSnapshot(ForPeer(call, *clock_), name);
    // There is nothing to own, and index sees to it.
    if (absl::IsNotFound(snapshot.status())) continue;
    RETURN_IF_ERROR(snapshot.status());
    RETURN_IF_ERROR(CheckOwner(call.caller, group, snapshot->owner));
    own.insert(std::move(group));
  }
  return absl::OkStatus();
}

absl::StatusOr<absl::Time> CatalogFrontend::ForgetSnapshots(
    const Call& call, const ForgetRequest& request) {
  const ForgetSnapshotsChange change{
      .datastore = request.datastore,
      .names = request.names,
      .trash_time = request.trash_time.value_or(options_.trash_time)};
  RETURN_IF_ERROR(CheckOwners(call, change.names));
  if (change.trash_time < options_.trash_time && IsClient(call.caller)) {
    return WithReason(
        absl::PermissionDeniedError(absl::StrCat(
            "trash_time is ", absl::FormatDuration(change.trash_time),
            ", only an administrator asks for less than ",
            absl::FormatDuration(options_.trash_time))),
        reason::kNotOwner);
  }
  // Before index reads its clock for it. What was in trash already keeps its
  // own time.
  const absl::Time now = clock_->Now();
  RETURN_IF_ERROR(changes_->Apply(call, change.datastore, change));
  return now + change.trash_time;
}

absl::Status CatalogFrontend::UndeleteSnapshots(
    const Call& call, const UndeleteSnapshotsChange& change) {
  RETURN_IF_ERROR(CheckOwners(call, change.names));
  return changes_->Apply(call, change.datastore, change);
}

absl::StatusOr<ListPage<Lease>> CatalogFrontend::ListLeases(
    const Call& call, const std::string& datastore, const PageRequest& page) {
  // Maintenance does not know which datastores exist.
  RETURN_IF_ERROR(
      peers_.catalog->GetDatastore(ForPeer(call, *clock_), datastore).status());
  return peers_.leases->List(ForPeer(call, *clock_), datastore, page);
}

}  // namespace cairn::ingest
