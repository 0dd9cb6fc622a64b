#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cairn/model/v1/model.pb.h"
#include "client/backup/backup_request.h"
#include "client/remote/catalog_remote.h"
#include "client/remote/retry_budget.h"

namespace cairn::client {

// What must hold of a request that writes images as changes of a base, before
// and after its session is opened. The server has the last word.

// InvalidArgument: a base without changes or changes without a base, a list
// for what is no image of a file, a base of another group.
absl::Status CheckChanges(const BackupRequest& request);

// The sizes, in bytes, of the archives of the base that the request changes,
// by name; none without a base. FailedPrecondition (REUSE_REFUSED): the base
// or an image in it is not there. Else the server's errors.
absl::StatusOr<std::map<std::string, uint64_t>> FindBaseSizes(
    const BackupRequest& request, CatalogRemote& catalog, RetryBudget& budget);

// FailedPrecondition (REUSE_REFUSED): the request changes another snapshot
// than the one that `session` may take from.
absl::Status CheckSessionHasBase(const model::v1::Session& session,
                                 const BackupRequest& request);

}  // namespace cairn::client
