#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/model/archive.h"
#include "common/model/catalog.h"
#include "common/model/datastore.h"
#include "common/model/names.h"
#include "common/model/uuid.h"

// What index hands out to be stored in metadata packs, so that the packs
// alone rebuild the catalog: cairn.record.v1 Manifest and Event. Equal values
// give equal bytes, and so equal record keys.
namespace cairn::index {

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

std::string EncodeManifest(const Manifest& manifest);
// `bytes` may be anything. DataLoss: not a manifest of this format version,
// or a field out of bounds.
absl::StatusOr<Manifest> DecodeManifest(std::string_view bytes);

struct EventHeader {
  DatastoreRef datastore;
  uint64_t sequence = 0;
  absl::Time time;
  std::string principal;
};

std::string EncodeEvent(const EventHeader& header, const CatalogChange& change);

}  // namespace cairn::index
