#include "client/cli/snapshot_argument.h"

#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/cli/command.h"
#include "common/status/status_macros.h"

namespace cairn::client {
namespace {

constexpr std::string_view kWholeName = "datastores/";

absl::Status Refuse(std::string_view what, std::string_view text,
                    std::string_view allowed) {
  return absl::InvalidArgumentError(
      absl::StrCat(what, " \"", text, "\" is not of the form ", allowed));
}

}  // namespace

absl::StatusOr<GroupName> ParseGroupArgument(std::string_view text,
                                             const NamespaceName& scope) {
  if (absl::StartsWith(text, kWholeName)) return GroupName::Parse(text);
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos || slash + 1 == text.size() ||
      text.find('/', slash + 1) != std::string_view::npos) {
    return Refuse("group", text, "host/ID, vm/ID or ct/ID");
  }
  GroupName group;
  group.parent = scope;
  ASSIGN_OR_RETURN(group.type, ParseBackupType(text.substr(0, slash)));
  group.id = std::string(text.substr(slash + 1));
  RETURN_IF_ERROR(ValidateComponent("group id", group.id, 64));
  return group;
}

absl::StatusOr<SnapshotArgument> ParseSnapshotArgument(
    std::string_view text, const NamespaceName& scope) {
  constexpr std::string_view kAllowed =
      "GROUP/latest or GROUP/YYYY-MM-DDThh:mm:ssZ, e.g. host/web1/latest";
  const size_t slash = text.rfind('/');
  if (slash == std::string_view::npos) {
    return Refuse("snapshot", text, kAllowed);
  }
  const std::string_view last = text.substr(slash + 1);
  if (absl::StartsWith(text, kWholeName) && last != "latest") {
    ASSIGN_OR_RETURN(const SnapshotName name, SnapshotName::Parse(text));
    return SnapshotArgument{.group = name.group, .time = name.time};
  }
  SnapshotArgument argument;
  std::string_view group = text.substr(0, slash);
  // "{group}/snapshots/latest" too.
  if (absl::StartsWith(text, kWholeName) &&
      absl::EndsWith(group, "/snapshots")) {
    group.remove_suffix(std::string_view("/snapshots").size());
  }
  ASSIGN_OR_RETURN(argument.group, ParseGroupArgument(group, scope));
  if (last != "latest") {
    const absl::StatusOr<int64_t> time = ParseSnapshotTime(last);
    if (!time.ok()) return Refuse("snapshot", text, kAllowed);
    argument.time = *time;
  }
  return argument;
}

absl::StatusOr<SnapshotName> ResolveSnapshot(const SnapshotArgument& argument,
                                             CatalogRemote& catalog) {
  SnapshotName name = {.group = argument.group,
                       .time = argument.time.value_or(0)};
  if (argument.time.has_value()) return name;
  ingest::v1::ListSnapshotsRequest request;
  request.set_parent(argument.group.ToString());
  request.set_page_size(kPageSize);
  std::string newest;
  RETURN_IF_ERROR(ForEachPage(
      [&](const std::string& token) {
        request.set_page_token(token);
        return catalog.ListSnapshots(request);
      },
      [&](const ingest::v1::ListSnapshotsResponse& page) {
        for (const model::v1::Snapshot& snapshot : page.snapshots()) {
          if (snapshot.state() != model::v1::SNAPSHOT_STATE_TRASH) {
            newest = snapshot.name();
          }
        }
      }));
  if (newest.empty()) {
    return absl::NotFoundError(
        absl::StrCat("group ", argument.group.ToString(), " has no snapshot"));
  }
  return SnapshotName::Parse(newest);
}

}  // namespace cairn::client
