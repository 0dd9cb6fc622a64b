#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "common/model/uuid.h"

namespace cairn {

enum class LeaseMode : uint8_t { kShared = 1, kExclusive = 2 };

// Why a lease is held. Backup, sync, undelete, repair and rebuild may write:
// their epochs hold back a sweep's cut.
enum class LeasePurpose : uint8_t {
  kBackup = 1,
  kRestore = 2,
  kSweep = 3,
  kVerify = 4,
  kMaintenanceMode = 5,
  kSync = 6,
  kUndelete = 7,
  kRepair = 8,
  kRebuild = 9,
};
std::string_view LeasePurposeName(LeasePurpose purpose);
bool MayWrite(LeasePurpose purpose);

// One resource wanted in one mode. `resource` is a resource name: a
// datastore, a group, a snapshot, or "datastores/{d}/sweep".
struct LeaseClaim {
  std::string resource;
  LeaseMode mode = LeaseMode::kShared;
  friend bool operator==(const LeaseClaim&, const LeaseClaim&) = default;
};

// A lease gives liveness, its epoch gives safety. All claims of one lease
// are granted, renewed, expire and are released together; any claim implies
// shared on its datastore.
struct Lease {
  Uuid id;
  std::string datastore;  // the {d}
  std::vector<LeaseClaim> claims;
  std::string holder;  // who, for people: "ingest-1 for root@unix"
  LeasePurpose purpose = LeasePurpose::kBackup;
  uint64_t start_epoch = 0;
  absl::Time start_time;  // wall clock of the coordinator, for people
  absl::Duration ttl;
  absl::Duration age;        // filled when listed
  absl::Duration remaining;  // until expiry; zero when expired
};

}  // namespace cairn
