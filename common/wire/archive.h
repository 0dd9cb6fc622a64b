#pragma once

#include "absl/status/statusor.h"
#include "cairn/model/v1/model.pb.h"
#include "common/model/archive.h"

// FromProto: InvalidArgument names the field that is out of bounds.
namespace cairn {

model::v1::ArchiveKind ToProto(ArchiveKind kind);
// `field` is named when it is unspecified or unknown.
absl::StatusOr<ArchiveKind> ArchiveKindFromProto(std::string_view field,
                                                 model::v1::ArchiveKind kind);

model::v1::ChunkerSpec ToProto(const ChunkerSpec& spec);
// Checks bounds (name 1..32 bytes, 0 < min <= average <= max <= 16 MiB) and
// not whether this release knows the chunker: a reader need not.
absl::StatusOr<ChunkerSpec> FromProto(const model::v1::ChunkerSpec& proto);

model::v1::PageRoot ToProto(const PageRoot& root);
absl::StatusOr<PageRoot> FromProto(const model::v1::PageRoot& proto);

model::v1::Archive ToProto(const Archive& archive);
absl::StatusOr<Archive> FromProto(const model::v1::Archive& proto);

model::v1::ChunkEntry ToProto(const PlacedEntry& entry);
absl::StatusOr<PlacedEntry> FromProto(const model::v1::ChunkEntry& proto);

}  // namespace cairn
