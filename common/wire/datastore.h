#pragma once

#include "absl/status/statusor.h"
#include "cairn/model/v1/model.pb.h"
#include "common/model/datastore.h"

// FromProto: InvalidArgument names the field that is out of bounds.
namespace cairn {

model::v1::DatastoreRef ToProto(const DatastoreRef& ref);
absl::StatusOr<DatastoreRef> FromProto(const model::v1::DatastoreRef& proto);

model::v1::SessionRef ToProto(const SessionRef& ref);
absl::StatusOr<SessionRef> FromProto(const model::v1::SessionRef& proto);

model::v1::Datastore ToProto(const Datastore& datastore);
absl::StatusOr<Datastore> FromProto(const model::v1::Datastore& proto);

}  // namespace cairn
