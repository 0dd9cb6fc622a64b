#include "services/maintenance/domain/lease_rules.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"
#include "common/text/printable.h"

namespace cairn::maintenance {
namespace {

constexpr std::string_view kDatastorePrefix = "datastores/";
constexpr std::string_view kSweepSuffix = "/sweep";
// How much of a refused text an error repeats.
constexpr size_t kMaxQuotedLength = 160;

std::string Quote(std::string_view text) {
  return absl::StrCat("\"", absl::CHexEscape(text.substr(0, kMaxQuotedLength)),
                      text.size() > kMaxQuotedLength ? "..." : "", "\"");
}

absl::Status ValidateHolder(std::string_view holder) {
  if (holder.size() > kMaxHolderLength) {
    return absl::InvalidArgumentError(
        absl::StrCat("holder is ", holder.size(), " bytes long, at most ",
                     kMaxHolderLength, " are allowed"));
  }
  if (!IsPrintableUtf8(holder)) {
    return absl::InvalidArgumentError(
        absl::StrCat("holder ", Quote(holder), " is not printable UTF-8"));
  }
  return absl::OkStatus();
}

absl::Status ValidateClaims(const Lease& lease) {
  if (lease.claims.empty() || lease.claims.size() > kMaxClaims) {
    return absl::InvalidArgumentError(absl::StrCat(
        "lease ", lease.id.ToString(), " has ", lease.claims.size(),
        " claims, 1..", kMaxClaims, " are allowed"));
  }
  for (size_t i = 0; i < lease.claims.size(); ++i) {
    const LeaseClaim& claim = lease.claims[i];
    RETURN_IF_ERROR(
        WithContext(ClassifyResource(claim.resource, lease.datastore).status(),
                    absl::StrCat("claims[", i, "]")));
    if (claim.mode != LeaseMode::kShared &&
        claim.mode != LeaseMode::kExclusive) {
      return absl::InvalidArgumentError(absl::StrCat(
          "claims[", i, "]: mode is ", static_cast<int>(claim.mode),
          ", shared (1) and exclusive (2) are allowed"));
    }
    for (size_t j = 0; j < i; ++j) {
      if (lease.claims[j].resource == claim.resource) {
        return absl::InvalidArgumentError(
            absl::StrCat("claims[", i, "]: ", claim.resource,
                         " is claimed twice; claim it once, exclusive if "
                         "either is"));
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace

std::string DatastoreResource(std::string_view datastore) {
  return absl::StrCat(kDatastorePrefix, datastore);
}

std::string SweepResource(std::string_view datastore) {
  return absl::StrCat(kDatastorePrefix, datastore, kSweepSuffix);
}

absl::StatusOr<ResourceKind> ClassifyResource(std::string_view resource,
                                              std::string_view datastore) {
  if (resource == DatastoreResource(datastore)) {
    return ResourceKind::kDatastore;
  }
  if (resource == SweepResource(datastore)) return ResourceKind::kSweep;
  std::string found;
  ResourceKind kind = ResourceKind::kGroup;
  if (const auto group = GroupName::Parse(resource); group.ok()) {
    found = group->parent.datastore;
  } else if (const auto snapshot = SnapshotName::Parse(resource);
             snapshot.ok()) {
    found = snapshot->group.parent.datastore;
    kind = ResourceKind::kSnapshot;
  } else {
    return absl::InvalidArgumentError(
        absl::StrCat("resource ", Quote(resource),
                     " cannot be leased; a datastore, a group, a snapshot or ",
                     SweepResource(datastore), " can"));
  }
  if (found != datastore) {
    return absl::InvalidArgumentError(
        absl::StrCat("resource ", Quote(resource), " is not inside ",
                     DatastoreResource(datastore)));
  }
  return kind;
}

absl::Status ValidateLease(const Lease& lease) {
  if (lease.id.is_zero()) {
    return absl::InvalidArgumentError(
        "lease id is all zero; choose a random one");
  }
  RETURN_IF_ERROR(ValidateDatastoreId(lease.datastore));
  RETURN_IF_ERROR(ValidateClaims(lease));
  RETURN_IF_ERROR(ValidateHolder(lease.holder));
  if (LeasePurposeName(lease.purpose) == "unknown") {
    return absl::InvalidArgumentError(
        absl::StrCat("purpose is ", static_cast<int>(lease.purpose),
                     ", which is no purpose of a lease"));
  }
  if (lease.ttl < kMinLeaseTtl || lease.ttl > kMaxLeaseTtl) {
    return absl::InvalidArgumentError(
        absl::StrCat("ttl is ", absl::FormatDuration(lease.ttl), ", ",
                     absl::FormatDuration(kMinLeaseTtl), " to ",
                     absl::FormatDuration(kMaxLeaseTtl), " are allowed"));
  }
  return absl::OkStatus();
}

std::vector<LeaseClaim> EffectiveClaims(const Lease& lease) {
  std::vector<LeaseClaim> claims = lease.claims;
  const std::string datastore = DatastoreResource(lease.datastore);
  if (std::none_of(claims.begin(), claims.end(),
                   [&datastore](const LeaseClaim& claim) {
                     return claim.resource == datastore;
                   })) {
    claims.push_back({datastore, LeaseMode::kShared});
  }
  return claims;
}

bool TakesDatastore(const Lease& lease) {
  const std::string datastore = DatastoreResource(lease.datastore);
  return std::any_of(lease.claims.begin(), lease.claims.end(),
                     [&datastore](const LeaseClaim& claim) {
                       return claim.resource == datastore &&
                              claim.mode == LeaseMode::kExclusive;
                     });
}

std::vector<SnapshotName> ReadSnapshots(const Lease& lease) {
  std::vector<SnapshotName> snapshots;
  if (MayWrite(lease.purpose)) return snapshots;
  for (const LeaseClaim& claim : lease.claims) {
    if (auto name = SnapshotName::Parse(claim.resource); name.ok()) {
      snapshots.push_back(*std::move(name));
    }
  }
  return snapshots;
}

bool SameClaims(const Lease& a, const Lease& b) {
  return std::is_permutation(a.claims.begin(), a.claims.end(), b.claims.begin(),
                             b.claims.end());
}

}  // namespace cairn::maintenance
