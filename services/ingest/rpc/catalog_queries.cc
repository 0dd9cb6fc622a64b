#include "services/ingest/rpc/catalog_queries.h"

#include <algorithm>
#include <optional>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "common/status/status_macros.h"
#include "common/wire/scalars.h"
#include "common/wire/snapshot.h"

namespace cairn::ingest {
namespace {

// No more levels exist.
uint32_t ReadDepth(uint32_t max_depth) {
  return std::min<uint32_t>(max_depth, kMaxNamespaceDepth);
}

absl::StatusOr<std::optional<BackupType>> ReadType(std::string_view type) {
  if (type.empty()) return std::nullopt;
  ASSIGN_OR_RETURN(const BackupType parsed, ParseBackupType(type));
  return parsed;
}

template <typename Request, typename Change>
absl::Status ReadNames(const Request& request, Change& change) {
  ASSIGN_OR_RETURN(change.datastore,
                   DatastoreNameFromProto("datastore", request.datastore()));
  ASSIGN_OR_RETURN(
      change.names,
      SnapshotNamesFromProto("names", request.names(), kMaxSnapshotsPerChange));
  return absl::OkStatus();
}

absl::Status UnknownPath(std::string_view path, std::string_view allowed) {
  return absl::InvalidArgumentError(
      absl::StrCat("update_mask names \"", path, "\", allowed are ", allowed));
}

absl::Status EmptyMask(std::string_view allowed) {
  return absl::InvalidArgumentError(
      absl::StrCat("update_mask is empty, allowed are ", allowed));
}

}  // namespace

absl::StatusOr<CreateDatastoreChange> ReadChange(
    const v1::CreateDatastoreRequest& request) {
  CreateDatastoreChange change{.datastore = request.datastore_id(),
                               .comment = request.comment()};
  ASSIGN_OR_RETURN(change.uuid,
                   UuidFromText("request_id", request.request_id()));
  RETURN_IF_ERROR(
      CheckTextLength("comment", request.comment(), kMaxCommentBytes));
  return change;
}

absl::StatusOr<CreateNamespaceChange> ReadChange(
    const v1::CreateNamespaceRequest& request) {
  CreateNamespaceChange change{.comment = request.comment()};
  ASSIGN_OR_RETURN(change.name,
                   NameFromProto<NamespaceName>("name", request.name()));
  RETURN_IF_ERROR(
      CheckTextLength("comment", request.comment(), kMaxCommentBytes));
  return change;
}

absl::StatusOr<DeleteNamespaceChange> ReadChange(
    const v1::DeleteNamespaceRequest& request) {
  DeleteNamespaceChange change;
  ASSIGN_OR_RETURN(change.name,
                   NameFromProto<NamespaceName>("name", request.name()));
  return change;
}

absl::StatusOr<UpdateGroupChange> ReadChange(
    const v1::UpdateGroupRequest& request) {
  UpdateGroupChange change;
  ASSIGN_OR_RETURN(change.name, NameFromProto<GroupName>(
                                    "group.name", request.group().name()));
  constexpr std::string_view kAllowed = "notes and owner";
  for (const std::string& path : request.update_mask().paths()) {
    if (path == "notes") {
      change.notes = request.group().notes();
    } else if (path == "owner") {
      change.owner = request.group().owner();
    } else {
      return UnknownPath(path, kAllowed);
    }
  }
  if (!change.notes.has_value() && !change.owner.has_value()) {
    return EmptyMask(kAllowed);
  }
  return change;
}

absl::StatusOr<UpdateSnapshotChange> ReadChange(
    const v1::UpdateSnapshotRequest& request) {
  UpdateSnapshotChange change;
  ASSIGN_OR_RETURN(
      change.name,
      NameFromProto<SnapshotName>("snapshot.name", request.snapshot().name()));
  constexpr std::string_view kAllowed = "notes and protected";
  for (const std::string& path : request.update_mask().paths()) {
    if (path == "notes") {
      change.notes = request.snapshot().notes();
    } else if (path == "protected") {
      change.is_protected = request.snapshot().protected_();
    } else {
      return UnknownPath(path, kAllowed);
    }
  }
  if (!change.notes.has_value() && !change.is_protected.has_value()) {
    return EmptyMask(kAllowed);
  }
  return change;
}

absl::StatusOr<CatalogFrontend::ForgetRequest> ReadChange(
    const v1::ForgetSnapshotsRequest& request) {
  CatalogFrontend::ForgetRequest forget;
  RETURN_IF_ERROR(ReadNames(request, forget));
  if (request.has_trash_time()) {
    ASSIGN_OR_RETURN(forget.trash_time,
                     DurationFromProto("trash_time", request.trash_time()));
  }
  return forget;
}

absl::StatusOr<UndeleteSnapshotsChange> ReadChange(
    const v1::UndeleteSnapshotsRequest& request) {
  UndeleteSnapshotsChange change;
  RETURN_IF_ERROR(ReadNames(request, change));
  return change;
}

absl::StatusOr<NamespaceQuery> ReadQuery(
    const v1::ListNamespacesRequest& request) {
  NamespaceQuery query{.max_depth = ReadDepth(request.max_depth())};
  ASSIGN_OR_RETURN(query.parent,
                   NameFromProto<NamespaceName>("parent", request.parent()));
  return query;
}

absl::StatusOr<GroupQuery> ReadQuery(const v1::ListGroupsRequest& request) {
  GroupQuery query{.max_depth = ReadDepth(request.max_depth())};
  ASSIGN_OR_RETURN(query.parent,
                   NameFromProto<NamespaceName>("parent", request.parent()));
  ASSIGN_OR_RETURN(query.type, ReadType(request.type()));
  return query;
}

absl::StatusOr<SnapshotQuery> ReadQuery(
    const v1::ListSnapshotsRequest& request) {
  SnapshotQuery query{.max_depth = ReadDepth(request.max_depth()),
                      .protected_only = request.filter().protected_only(),
                      .trash = request.filter().trash()};
  // A name is of a group, or of what may hold groups.
  if (absl::StatusOr<GroupName> group = GroupName::Parse(request.parent());
      group.ok()) {
    query.parent = group->parent;
    query.group = *std::move(group);
  } else {
    ASSIGN_OR_RETURN(query.parent,
                     NameFromProto<NamespaceName>("parent", request.parent()));
  }
  const v1::SnapshotFilter& filter = request.filter();
  ASSIGN_OR_RETURN(query.type, ReadType(filter.type()));
  // Bounds may lie where no snapshot can: they are no snapshot times.
  if (filter.has_not_before()) {
    ASSIGN_OR_RETURN(const absl::Time time,
                     TimeFromProto("filter.not_before", filter.not_before()));
    query.not_before = absl::ToUnixSeconds(time + absl::Nanoseconds(999999999));
  }
  if (filter.has_before()) {
    ASSIGN_OR_RETURN(const absl::Time time,
                     TimeFromProto("filter.before", filter.before()));
    query.before = absl::ToUnixSeconds(time + absl::Nanoseconds(999999999));
  }
  return query;
}

}  // namespace cairn::ingest
