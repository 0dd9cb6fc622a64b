#pragma once

#include "absl/status/status.h"
#include "common/model/session.h"

namespace cairn::ingest {

// OK while the session is open. Otherwise what it can do no more: Aborted
// (SESSION_FENCED), FailedPrecondition (SESSION_ENDED).
absl::Status CheckOpen(const Session& session);

// Whether a service has decided, so that asking again cannot succeed.
bool IsDefinitive(const absl::Status& error);

// Whether the answer to a PreparePublish means that the session can never be
// published. Not so where the client can complete an archive or name the
// right ones.
bool EndsSession(const absl::Status& error);

}  // namespace cairn::ingest
