#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/kv/memory_kv_store.h"
#include "common/metrics/metric_registry.h"
#include "common/model/call.h"
#include "common/testing/fake_clock.h"
#include "common/testing/test_executor.h"
#include "services/maintenance/client/lease_client.h"
#include "services/maintenance/engine/fake_chunk_store.h"
#include "services/maintenance/engine/fake_index.h"
#include "services/maintenance/engine/lease_coordinator.h"
#include "services/maintenance/metrics.h"
#include "services/maintenance/storage/lease_store.h"

namespace cairn::maintenance {

// The coordinator with everything around it in memory, and a datastore
// "main". For one thread only.
class FakeSuite {
 public:
  static constexpr char kDatastore[] = "datastores/main";
  static constexpr char kSweep[] = "datastores/main/sweep";

  explicit FakeSuite(LeaseCoordinator::Options options = {})
      : options_(options),
        executor(&clock),
        kv(LeaseStore::TableNames().size()),
        metrics(&registry) {
    ref.uuid.bytes[0] = 0xDA;
    ref.generation = 1;
    index.AddDatastore("main", ref);
  }

  // A new coordinator over what is durable; the old one, if any, is gone.
  absl::Status Start() {
    coordinator.reset();
    auto opened = LeaseCoordinator::Open(options_, {.clock = &clock,
                                                    .executor = &executor,
                                                    .kv = &kv,
                                                    .catalog = &index,
                                                    .fence = &index,
                                                    .chunks = &chunks,
                                                    .metrics = &metrics});
    if (opened.ok()) coordinator = *std::move(opened);
    return opened.status();
  }

  static Uuid Id(uint64_t n) {
    Uuid id;
    id.bytes[0] = 0x1D;
    for (int i = 0; i < 8; ++i) {
      id.bytes[15 - i] = static_cast<uint8_t>(n >> (8 * i));
    }
    return id;
  }
  static std::string Group(int n) {
    return absl::StrCat(kDatastore, "/groups/host/web", n);
  }
  static std::string SnapshotOf(int n) {
    return absl::StrCat(Group(n), "/snapshots/2026-11-21T20:39:45Z");
  }
  static LeaseClaim Shared(std::string resource) {
    return {std::move(resource), LeaseMode::kShared};
  }
  static LeaseClaim Exclusive(std::string resource) {
    return {std::move(resource), LeaseMode::kExclusive};
  }

  LeaseRequest Request(uint64_t id, std::vector<LeaseClaim> claims,
                       LeasePurpose purpose = LeasePurpose::kBackup,
                       std::string holder = "A") const {
    LeaseRequest request;
    request.id = Id(id);
    request.datastore = "main";
    request.ref = ref;
    request.claims = std::move(claims);
    request.holder = std::move(holder);
    request.purpose = purpose;
    request.ttl = absl::Seconds(60);
    return request;
  }
  absl::StatusOr<Lease> Acquire(uint64_t id, std::vector<LeaseClaim> claims,
                                LeasePurpose purpose = LeasePurpose::kBackup,
                                std::string holder = "A") {
    return coordinator->Acquire(
        call, Request(id, std::move(claims), purpose, std::move(holder)));
  }
  absl::StatusOr<Lease> Renew(uint64_t id) {
    return coordinator->Renew(call, "main", Id(id));
  }
  absl::Status Release(uint64_t id) {
    return coordinator->Release(call, "main", Id(id));
  }
  absl::StatusOr<EpochState> Advance() {
    return coordinator->AdvanceEpoch(call, "main");
  }
  absl::StatusOr<EpochState> State() {
    return coordinator->GetEpoch(call, "main");
  }
  SessionRef SessionOf(const Lease& lease) const {
    return {ref, lease.id, lease.start_epoch};
  }

 private:
  const LeaseCoordinator::Options options_;

 public:
  Call call;
  DatastoreRef ref;
  FakeClock clock;
  TestExecutor executor;
  MemoryKvStore kv;
  FakeIndex index;
  FakeChunkStore chunks;
  MetricRegistry registry;
  MaintenanceMetrics metrics;
  std::unique_ptr<LeaseCoordinator> coordinator;
};

}  // namespace cairn::maintenance
