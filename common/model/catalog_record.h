#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/model/archive.h"
#include "common/model/catalog.h"
#include "common/model/datastore.h"
#include "common/model/names.h"
#include "common/model/uuid.h"

// What metadata packs say about the catalog, so that they alone rebuild it.
namespace cairn {

// A snapshot as it was published.
struct Manifest {
  DatastoreRef datastore;
  uint64_t sequence = 0;
  SnapshotName snapshot;
  std::vector<Archive> archives;  // 1..256, sorted by name
  std::string owner;
  std::string notes;
  Uuid session;
  uint64_t epoch = 0;
  absl::Time publish_time;
  uint64_t stored_bytes = 0;
};

struct EventHeader {
  DatastoreRef datastore;
  uint64_t sequence = 0;
  absl::Time time;
  std::string principal;  // who asked
};

// One change of the catalog. Only the names of groups and of a new datastore
// carry the datastore's name; a namespace's has an empty one.
struct Event {
  EventHeader header;
  CatalogChange change;
};

}  // namespace cairn
