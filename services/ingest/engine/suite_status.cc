#include "services/ingest/engine/suite_status.h"

#include <algorithm>
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

void SuiteObserver::CountCatalog(const Call& call, uint64_t& snapshots_left,
                                 DatastoreStatus& status,
                                 ServiceStatus& index) {
  SnapshotQuery query;
  query.parent.datastore = status.name;
  query.max_depth = kMaxNamespaceDepth;
  PageRequest page;
  while (snapshots_left > 0) {
    page.page_size =
        static_cast<uint32_t>(std::min<uint64_t>(snapshots_left, kMaxPageSize));
    const absl::StatusOr<ListPage<Snapshot>> found =
        peers_.catalog->ListSnapshots(ForPeer(call, *clock_), query, page);
    if (!found.ok()) return NoteProblem(index, found.status());
    status.snapshot_count += found->items.size();
    for (const Snapshot& snapshot : found->items) {
      status.logical_bytes += snapshot.size_bytes();
    }
    snapshots_left -= std::min<uint64_t>(snapshots_left, found->items.size());
    page.page_token = found->next_page_token;
    if (page.page_token.empty()) break;
  }
  page = {.page_size = kMaxPageSize};
  while (status.open_sessions < kMaxCountedSessions) {
    const absl::StatusOr<ListPage<Session>> found =
        peers_.sessions->ListSessions(ForPeer(call, *clock_), status.name,
                                      /*open_only=*/true, page);
    if (!found.ok()) return NoteProblem(index, found.status());
    status.open_sessions += found->items.size();
    page.page_token = found->next_page_token;
    if (page.page_token.empty()) break;
  }
}

DatastoreStatus SuiteObserver::ObserveDatastore(const Call& call,
                                                const Datastore& datastore,
                                                uint64_t& snapshots_left,
                                                SuiteStatus& suite) {
  DatastoreStatus status{.name = datastore.name};
  CountCatalog(call, snapshots_left, status, suite.services[kIndex]);

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
  uint64_t snapshots_left = kMaxCountedSnapshots;
  for (const Datastore& found : datastores) {
    suite.datastores.push_back(
        ObserveDatastore(call, found, snapshots_left, suite));
  }
  return suite;
}

}  // namespace cairn::ingest
