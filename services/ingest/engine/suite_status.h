#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/model/call.h"
#include "common/model/datastore.h"
#include "common/time/clock.h"
#include "services/ingest/engine/peers.h"

namespace cairn::ingest {

// What is counted of one datastore. A part whose service does not answer is
// left at zero; ServiceStatus says so.
struct DatastoreStatus {
  std::string name;  // the {d}
  uint64_t epoch = 0;
  uint64_t sweep_token = 0;
  uint64_t snapshot_count = 0;
  uint64_t logical_bytes = 0;
  uint64_t stored_bytes = 0;
  uint64_t record_count = 0;
  uint64_t damaged_record_count = 0;
  uint64_t pack_count = 0;
  uint64_t free_bytes = 0;
  uint64_t open_sessions = 0;
  uint64_t live_leases = 0;
  uint64_t trash_count = 0;
  uint64_t trash_bytes = 0;
};

struct ServiceStatus {
  std::string name;
  bool ready = false;
  std::string problem;       // why not, for people
  uint64_t incarnation = 0;  // 0: not known
};

struct SuiteStatus {
  std::vector<ServiceStatus> services;
  std::vector<DatastoreStatus> datastores;
};

// The suite as this process sees it. Thread-safe.
class SuiteObserver {
 public:
  static constexpr uint32_t kMaxDatastores = 100;

  // All outlive the observer.
  SuiteObserver(const Peers& peers, const Clock* clock)
      : peers_(peers), clock_(clock) {}

  // Of one datastore, or of the first kMaxDatastores if `datastore` is
  // empty. OK also while services are away. NotFound: no such datastore.
  absl::StatusOr<SuiteStatus> Observe(const Call& call,
                                      const std::string& datastore);

 private:
  DatastoreStatus ObserveDatastore(const Call& call, const Datastore& datastore,
                                   SuiteStatus& suite);

  const Peers peers_;
  const Clock* const clock_;
};

}  // namespace cairn::ingest
