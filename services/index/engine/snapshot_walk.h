#pragma once

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "common/model/datastore.h"
#include "common/model/names.h"
#include "services/index/client/sweep_client.h"
#include "services/index/domain/rows.h"
#include "services/index/storage/index_store.h"

// Walks over rows of a view. An error of `visit` ends them. DataLoss: a row
// or key that does not decode.
namespace cairn::index {

using SnapshotVisit =
    absl::FunctionRef<absl::Status(const SnapshotName&, const SnapshotRow&)>;
using SessionVisit =
    absl::FunctionRef<absl::Status(const Uuid&, const SessionRow&)>;

// Every snapshot that has a row, whatever its state, in order of names.
absl::Status VisitSnapshots(const IndexView& view, const Datastore& datastore,
                            SnapshotVisit visit);

// Those of `scope`, listed or, if it says so, in trash; in order of names, or
// in that of its list of names. InvalidArgument: it names something of another
// datastore, or too much.
absl::Status VisitScope(const IndexView& view, const Datastore& datastore,
                        const SnapshotScope& scope, SnapshotVisit visit);

absl::Status VisitSessions(const IndexView& view, const Uuid& datastore,
                           SessionVisit visit);

}  // namespace cairn::index
