#include "common/wire/lease.h"

#include "common/status/reason.h"
#include "common/status/status_macros.h"
#include "common/wire/scalars.h"

namespace cairn {
namespace {

// No resource name is longer.
constexpr size_t kMaxResourceBytes = 1024;

}  // namespace

model::v1::LeasePurpose ToProto(LeasePurpose purpose) {
  switch (purpose) {
    case LeasePurpose::kBackup:
      return model::v1::LEASE_PURPOSE_BACKUP;
    case LeasePurpose::kRestore:
      return model::v1::LEASE_PURPOSE_RESTORE;
    case LeasePurpose::kSweep:
      return model::v1::LEASE_PURPOSE_SWEEP;
    case LeasePurpose::kVerify:
      return model::v1::LEASE_PURPOSE_VERIFY;
    case LeasePurpose::kMaintenanceMode:
      return model::v1::LEASE_PURPOSE_MAINTENANCE_MODE;
    case LeasePurpose::kSync:
      return model::v1::LEASE_PURPOSE_SYNC;
    case LeasePurpose::kUndelete:
      return model::v1::LEASE_PURPOSE_UNDELETE;
    case LeasePurpose::kRepair:
      return model::v1::LEASE_PURPOSE_REPAIR;
    case LeasePurpose::kRebuild:
      return model::v1::LEASE_PURPOSE_REBUILD;
  }
  return model::v1::LEASE_PURPOSE_UNSPECIFIED;
}

absl::StatusOr<LeasePurpose> LeasePurposeFromProto(
    std::string_view field, model::v1::LeasePurpose purpose) {
  switch (purpose) {
    case model::v1::LEASE_PURPOSE_BACKUP:
      return LeasePurpose::kBackup;
    case model::v1::LEASE_PURPOSE_RESTORE:
      return LeasePurpose::kRestore;
    case model::v1::LEASE_PURPOSE_SWEEP:
      return LeasePurpose::kSweep;
    case model::v1::LEASE_PURPOSE_VERIFY:
      return LeasePurpose::kVerify;
    case model::v1::LEASE_PURPOSE_MAINTENANCE_MODE:
      return LeasePurpose::kMaintenanceMode;
    case model::v1::LEASE_PURPOSE_SYNC:
      return LeasePurpose::kSync;
    case model::v1::LEASE_PURPOSE_UNDELETE:
      return LeasePurpose::kUndelete;
    case model::v1::LEASE_PURPOSE_REPAIR:
      return LeasePurpose::kRepair;
    case model::v1::LEASE_PURPOSE_REBUILD:
      return LeasePurpose::kRebuild;
    default:
      return absl::InvalidArgumentError(
          absl::StrCat(field, " is ", static_cast<int>(purpose),
                       ", which is no purpose of a lease"));
  }
}

model::v1::LeaseClaim ToProto(const LeaseClaim& claim) {
  model::v1::LeaseClaim proto;
  proto.set_resource(claim.resource);
  proto.set_mode(claim.mode == LeaseMode::kExclusive
                     ? model::v1::LEASE_MODE_EXCLUSIVE
                     : model::v1::LEASE_MODE_SHARED);
  return proto;
}

absl::StatusOr<LeaseClaim> FromProto(const model::v1::LeaseClaim& proto) {
  LeaseClaim claim;
  if (proto.resource().empty()) {
    return absl::InvalidArgumentError("resource is empty");
  }
  RETURN_IF_ERROR(
      CheckTextLength("resource", proto.resource(), kMaxResourceBytes));
  claim.resource = proto.resource();
  switch (proto.mode()) {
    case model::v1::LEASE_MODE_SHARED:
      claim.mode = LeaseMode::kShared;
      return claim;
    case model::v1::LEASE_MODE_EXCLUSIVE:
      claim.mode = LeaseMode::kExclusive;
      return claim;
    default:
      return absl::InvalidArgumentError(
          absl::StrCat("mode is ", static_cast<int>(proto.mode()),
                       ", which is no mode of a lease"));
  }
}

model::v1::Lease ToProto(const Lease& lease) {
  model::v1::Lease proto;
  proto.set_id(lease.id.ToString());
  proto.set_datastore(DatastoreNameToProto(lease.datastore));
  for (const LeaseClaim& claim : lease.claims) {
    *proto.add_claims() = ToProto(claim);
  }
  proto.set_holder(lease.holder);
  proto.set_purpose(ToProto(lease.purpose));
  proto.set_start_epoch(lease.start_epoch);
  *proto.mutable_start_time() = TimeToProto(lease.start_time);
  *proto.mutable_ttl() = DurationToProto(lease.ttl);
  *proto.mutable_age() = DurationToProto(lease.age);
  *proto.mutable_remaining() = DurationToProto(lease.remaining);
  return proto;
}

absl::StatusOr<Lease> FromProto(const model::v1::Lease& proto) {
  Lease lease;
  ASSIGN_OR_RETURN(lease.id, UuidFromText("id", proto.id()));
  ASSIGN_OR_RETURN(lease.datastore,
                   DatastoreNameFromProto("datastore", proto.datastore()));
  const size_t count = static_cast<size_t>(proto.claims_size());
  if (count == 0 || count > kMaxLeaseClaims) {
    return absl::InvalidArgumentError(absl::StrCat(
        "claims has ", count, " items, allowed are 1..", kMaxLeaseClaims));
  }
  for (const model::v1::LeaseClaim& item : proto.claims()) {
    absl::StatusOr<LeaseClaim> claim = FromProto(item);
    if (!claim.ok()) {
      return WithContext(
          claim.status(),
          IndexedField("claims", static_cast<int>(lease.claims.size())));
    }
    lease.claims.push_back(*std::move(claim));
  }
  RETURN_IF_ERROR(CheckTextLength("holder", proto.holder(), kMaxHolderBytes));
  lease.holder = proto.holder();
  ASSIGN_OR_RETURN(lease.purpose,
                   LeasePurposeFromProto("purpose", proto.purpose()));
  lease.start_epoch = proto.start_epoch();
  ASSIGN_OR_RETURN(lease.start_time,
                   TimeFromProto("start_time", proto.start_time()));
  ASSIGN_OR_RETURN(lease.ttl, DurationFromProto("ttl", proto.ttl()));
  ASSIGN_OR_RETURN(lease.age, DurationFromProto("age", proto.age()));
  ASSIGN_OR_RETURN(lease.remaining,
                   DurationFromProto("remaining", proto.remaining()));
  return lease;
}

}  // namespace cairn
