#include "common/wire/datastore.h"

#include "common/model/catalog.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"
#include "common/wire/scalars.h"

namespace cairn {
namespace {

// Generations and epochs start at 1: a zero is a field that was not set.
absl::Status CheckSet(std::string_view field, uint64_t number) {
  if (number != 0) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(field, " is 0, must be at least 1"));
}

template <typename Proto>
auto Nested(std::string_view field, const Proto& proto)
    -> decltype(FromProto(proto)) {
  auto value = FromProto(proto);
  if (!value.ok()) return WithContext(value.status(), field);
  return value;
}

}  // namespace

model::v1::DatastoreRef ToProto(const DatastoreRef& ref) {
  model::v1::DatastoreRef proto;
  proto.set_uuid(std::string(ref.uuid.view()));
  proto.set_generation(ref.generation);
  return proto;
}

absl::StatusOr<DatastoreRef> FromProto(const model::v1::DatastoreRef& proto) {
  DatastoreRef ref;
  ASSIGN_OR_RETURN(ref.uuid, UuidFromProto("uuid", proto.uuid()));
  RETURN_IF_ERROR(CheckSet("generation", proto.generation()));
  ref.generation = proto.generation();
  return ref;
}

model::v1::SessionRef ToProto(const SessionRef& ref) {
  model::v1::SessionRef proto;
  *proto.mutable_datastore() = ToProto(ref.datastore);
  proto.set_session(std::string(ref.session.view()));
  proto.set_epoch(ref.epoch);
  return proto;
}

absl::StatusOr<SessionRef> FromProto(const model::v1::SessionRef& proto) {
  SessionRef ref;
  ASSIGN_OR_RETURN(ref.datastore, Nested("datastore", proto.datastore()));
  ASSIGN_OR_RETURN(ref.session, UuidFromProto("session", proto.session()));
  RETURN_IF_ERROR(CheckSet("epoch", proto.epoch()));
  ref.epoch = proto.epoch();
  return ref;
}

model::v1::Datastore ToProto(const Datastore& datastore) {
  model::v1::Datastore proto;
  proto.set_name(DatastoreNameToProto(datastore.name));
  *proto.mutable_ref() = ToProto(datastore.ref);
  proto.set_comment(datastore.comment);
  *proto.mutable_create_time() = TimeToProto(datastore.create_time);
  return proto;
}

absl::StatusOr<Datastore> FromProto(const model::v1::Datastore& proto) {
  Datastore datastore;
  ASSIGN_OR_RETURN(datastore.name,
                   DatastoreNameFromProto("name", proto.name()));
  ASSIGN_OR_RETURN(datastore.ref, Nested("ref", proto.ref()));
  RETURN_IF_ERROR(
      CheckTextLength("comment", proto.comment(), kMaxCommentBytes));
  datastore.comment = proto.comment();
  ASSIGN_OR_RETURN(datastore.create_time,
                   TimeFromProto("create_time", proto.create_time()));
  return datastore;
}

}  // namespace cairn
