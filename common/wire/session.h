#pragma once

#include "absl/status/statusor.h"
#include "cairn/model/v1/model.pb.h"
#include "common/model/session.h"

// FromProto: InvalidArgument names the field that is out of bounds.
namespace cairn {

model::v1::SessionState ToProto(SessionState state);

// What a client may see of a checkpoint: not the builder's state.
model::v1::ArchiveProgress ToProto(const ArchiveCheckpoint& checkpoint);
absl::StatusOr<ArchiveCheckpoint> FromProto(
    const model::v1::ArchiveProgress& proto);

// What a client may see of a session: not its lease, label and builder
// states, which FromProto leaves empty.
model::v1::Session ToProto(const Session& session);
absl::StatusOr<Session> FromProto(const model::v1::Session& proto);

}  // namespace cairn
