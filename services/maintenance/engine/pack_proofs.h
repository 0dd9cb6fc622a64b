#pragma once

#include <optional>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/model/call.h"
#include "common/model/datastore.h"
#include "common/model/uuid.h"
#include "services/chunk_storage/client/sweep_client.h"
#include "services/maintenance/domain/verify_plan.h"
#include "services/maintenance/engine/sweep_session.h"

namespace cairn::maintenance {

// All packs of a datastore, in order of number, with what `set` says of them.
// Each page is asked for with the next call of `next_call`, whose error ends
// it.
absl::Status VisitPacks(StoreSweepClient* store, const DatastoreRef& datastore,
                        const std::optional<Uuid>& set,
                        absl::FunctionRef<absl::StatusOr<Call>()> next_call,
                        absl::FunctionRef<void(const PackInfo&)> visit);

// `light`: that it was seen to be there counts as a proof.
PackProof ProofOf(const PackInfo& pack, bool light);

// When the packs of a datastore were last proved, each with what it holds.
absl::StatusOr<VerifyDebt> ReadVerifyDebt(const Call& call,
                                          const RunPeers& peers,
                                          const std::string& datastore);

}  // namespace cairn::maintenance
