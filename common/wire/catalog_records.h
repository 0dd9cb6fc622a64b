#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/model/catalog.h"
#include "common/model/catalog_record.h"

// The payloads of manifest and event records: cairn.record.v1 Manifest and
// Event. Equal values give equal bytes, and so equal record keys.
namespace cairn {

std::string EncodeManifest(const Manifest& manifest);
// `bytes` may be anything. DataLoss: not a manifest of this format version,
// or a field out of bounds.
absl::StatusOr<Manifest> DecodeManifest(std::string_view bytes);

std::string EncodeEvent(const EventHeader& header, const CatalogChange& change);
// As DecodeManifest. DataLoss too: a change that this release does not know.
absl::StatusOr<Event> DecodeEvent(std::string_view bytes);

}  // namespace cairn
