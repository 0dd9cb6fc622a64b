#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/model/record.h"
#include "services/chunk_storage/domain/place.h"

// Rows of the place table, the largest of the store: about 55 bytes each.
//
//   key     4 datastore number, big endian · 1 kind · 1 domain form (0: the
//           plaintext domain, 1: 16 domain bytes follow) · 32 digest
//   value   varints: pack, offset / 64, ordinal, stored length, plain length
//           · 1 encoding, its highest bit set if the place is bad
//
// Keys sort as RecordKey does, by datastore first.
namespace cairn::chunk_storage {

// The part of a key that names the datastore, for scans.
std::string DatastorePrefix(uint32_t datastore);
std::string EncodePlaceKey(uint32_t datastore, const RecordKey& key);
// DataLoss: not such a key.
absl::StatusOr<RecordKey> DecodePlaceKey(std::string_view bytes);

std::string EncodePlace(const Place& place);
// DataLoss: not such a value.
absl::StatusOr<Place> DecodePlace(std::string_view bytes);

}  // namespace cairn::chunk_storage
