#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/status/statusor.h"
#include "client/remote/catalog_remote.h"
#include "common/model/names.h"

namespace cairn::client {

// A GROUP argument: "host/web1" in `scope`, or a whole resource name.
absl::StatusOr<GroupName> ParseGroupArgument(std::string_view text,
                                             const NamespaceName& scope);

// A SNAPSHOT argument: "host/web1/2026-11-21T20:39:45Z" or "host/web1/latest"
// in `scope`, or a whole resource name.
struct SnapshotArgument {
  GroupName group;
  std::optional<int64_t> time;  // unset: the newest
};
absl::StatusOr<SnapshotArgument> ParseSnapshotArgument(
    std::string_view text, const NamespaceName& scope);

// The snapshot that is meant; asks the server for the newest.
// NotFound: the group has no snapshot.
absl::StatusOr<SnapshotName> ResolveSnapshot(const SnapshotArgument& argument,
                                             CatalogRemote& catalog);

}  // namespace cairn::client
