#include "services/ingest/engine/suite_status.h"

#include <utility>

#include "common/status/reason.h"
#include "common/status/status_macros.h"

namespace cairn::ingest {
namespace {

// Places in SuiteStatus::services.
enum ServiceIndex : size_t { kIndex = 0, kChunkStorage = 1, kMaintenance = 2 };

void NoteProblem(ServiceStatus& service, const absl::Status& error) {
  service.ready = false;
  service.problem = error.ToString();
}

}  // namespace

DatastoreStatus SuiteObserver::ObserveDatastore(const Call& call,
                                                const Datastore& datastore,
                                                SuiteStatus& suite) {
  DatastoreStatus status{.name = datastore.name};
  const absl::StatusOr<CatalogStatistics> counted =
      peers_.catalog->GetStatistics(ForPeer(call, *clock_), datastore.name);
  if (counted.ok()) {
    status.snapshot_count = counted->snapshot_count;
    status.logical_bytes = counted->logical_bytes;
    status.open_sessions = counted->open_sessions;
    status.trash_count = counted->trash_count;
    status.trash_bytes = counted->trash_bytes;
  } else {
    NoteProblem(suite.services[kIndex], counted.status());
  }

  const absl::StatusOr<StoreStatistics> store =
      peers_.chunks->Statistics(ForPeer(call, *clock_), datastore.ref);
  ServiceStatus& chunk_storage = suite.services[kChunkStorage];
  if (store.ok()) {
    chunk_storage.incarnation = store->incarnation;
    status.stored_bytes = store->pack_bytes;
    status.record_count = store->record_count;
    status.damaged_record_count = store->damaged_count;
    status.pack_count = store->pack_count;
    status.free_bytes = store->free_bytes;
  } else if (!HasReason(store.status(), reason::kDatastoreUnknown)) {
    // A datastore that was never written is not known there yet.
    NoteProblem(chunk_storage, store.status());
  }

  const absl::StatusOr<EpochState> epoch =
      peers_.leases->GetEpoch(ForPeer(call, *clock_), datastore.name);
  if (epoch.ok()) {
    status.epoch = epoch->epoch;
    status.sweep_token = epoch->token;
    status.live_leases = epoch->live_leases;
  } else if (!absl::IsNotFound(epoch.status())) {
    NoteProblem(suite.services[kMaintenance], epoch.status());
  }
  return status;
}

absl::StatusOr<SuiteStatus> SuiteObserver::Observe(
    const Call& call, const std::string& datastore) {
  SuiteStatus suite;
  suite.services = {{.name = "index", .ready = true},
                    {.name = "chunk_storage", .ready = true},
                    {.name = "maintenance", .ready = true}};
  std::vector<Datastore> datastores;
  absl::Status listed;
  if (datastore.empty()) {
    absl::StatusOr<ListPage<Datastore>> page = peers_.catalog->ListDatastores(
        ForPeer(call, *clock_), {.page_size = kMaxDatastores});
    listed = page.status();
    if (page.ok()) datastores = std::move(page->items);
  } else {
    absl::StatusOr<Datastore> found =
        peers_.catalog->GetDatastore(ForPeer(call, *clock_), datastore);
    if (absl::IsNotFound(found.status())) return found.status();
    listed = found.status();
    if (found.ok()) datastores.push_back(*std::move(found));
  }
  if (!listed.ok()) NoteProblem(suite.services[kIndex], listed);
  for (const Datastore& found : datastores) {
    suite.datastores.push_back(ObserveDatastore(call, found, suite));
  }
  return suite;
}

}  // namespace cairn::ingest
