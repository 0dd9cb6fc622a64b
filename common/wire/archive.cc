#include "common/wire/archive.h"

#include "common/model/names.h"
#include "common/page/page.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"
#include "common/wire/scalars.h"

namespace cairn {
namespace {

constexpr size_t kMaxChunkerNameBytes = 32;

absl::Status CheckRoot(const model::v1::PageRoot& proto) {
  if (proto.level() > kMaxPageLevel) {
    return absl::InvalidArgumentError(absl::StrCat(
        "level is ", proto.level(), ", allowed are 0..", kMaxPageLevel));
  }
  if (proto.size_bytes() > kMaxArchiveBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("size_bytes is ", proto.size_bytes(),
                     ", allowed is at most ", kMaxArchiveBytes));
  }
  if (proto.hole_bytes() > proto.size_bytes()) {
    return absl::InvalidArgumentError(
        absl::StrCat("hole_bytes is ", proto.hole_bytes(),
                     ", allowed is at most size_bytes, ", proto.size_bytes()));
  }
  // A chunk has at least one byte that is no hole.
  if (proto.chunk_count() > proto.size_bytes() - proto.hole_bytes()) {
    return absl::InvalidArgumentError(
        absl::StrCat("chunk_count is ", proto.chunk_count(),
                     ", allowed is at most one a byte, ",
                     proto.size_bytes() - proto.hole_bytes()));
  }
  return absl::OkStatus();
}

}  // namespace

model::v1::ArchiveKind ToProto(ArchiveKind kind) {
  switch (kind) {
    case ArchiveKind::kStream:
      return model::v1::ARCHIVE_KIND_STREAM;
    case ArchiveKind::kImage:
      return model::v1::ARCHIVE_KIND_IMAGE;
    case ArchiveKind::kBlob:
      return model::v1::ARCHIVE_KIND_BLOB;
  }
  return model::v1::ARCHIVE_KIND_UNSPECIFIED;
}

absl::StatusOr<ArchiveKind> ArchiveKindFromProto(std::string_view field,
                                                 model::v1::ArchiveKind kind) {
  switch (kind) {
    case model::v1::ARCHIVE_KIND_STREAM:
      return ArchiveKind::kStream;
    case model::v1::ARCHIVE_KIND_IMAGE:
      return ArchiveKind::kImage;
    case model::v1::ARCHIVE_KIND_BLOB:
      return ArchiveKind::kBlob;
    default:
      return absl::InvalidArgumentError(
          absl::StrCat(field, " is ", static_cast<int>(kind),
                       ", which is no kind of archive"));
  }
}

model::v1::ChunkerSpec ToProto(const ChunkerSpec& spec) {
  model::v1::ChunkerSpec proto;
  proto.set_name(spec.name);
  proto.set_min_bytes(spec.min_bytes);
  proto.set_average_bytes(spec.average_bytes);
  proto.set_max_bytes(spec.max_bytes);
  return proto;
}

absl::StatusOr<ChunkerSpec> FromProto(const model::v1::ChunkerSpec& proto) {
  if (proto.name().empty()) {
    return absl::InvalidArgumentError("name of the chunker is empty");
  }
  RETURN_IF_ERROR(CheckTextLength("name", proto.name(), kMaxChunkerNameBytes));
  if (proto.min_bytes() == 0 || proto.min_bytes() > proto.average_bytes() ||
      proto.average_bytes() > proto.max_bytes() ||
      proto.max_bytes() > kMaxRecordPlainBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("sizes min_bytes ", proto.min_bytes(), ", average_bytes ",
                     proto.average_bytes(), ", max_bytes ", proto.max_bytes(),
                     " are not ascending within 1..", kMaxRecordPlainBytes));
  }
  return ChunkerSpec{.name = proto.name(),
                     .min_bytes = proto.min_bytes(),
                     .average_bytes = proto.average_bytes(),
                     .max_bytes = proto.max_bytes()};
}

model::v1::PageRoot ToProto(const PageRoot& root) {
  model::v1::PageRoot proto;
  proto.set_page(std::string(root.page.view()));
  proto.set_level(root.level);
  proto.set_size_bytes(root.size_bytes);
  proto.set_chunk_count(root.chunk_count);
  proto.set_hole_bytes(root.hole_bytes);
  return proto;
}

absl::StatusOr<PageRoot> FromProto(const model::v1::PageRoot& proto) {
  RETURN_IF_ERROR(CheckRoot(proto));
  PageRoot root;
  ASSIGN_OR_RETURN(root.page, DigestFromProto("page", proto.page()));
  root.level = proto.level();
  root.size_bytes = proto.size_bytes();
  root.chunk_count = proto.chunk_count();
  root.hole_bytes = proto.hole_bytes();
  return root;
}

model::v1::Archive ToProto(const Archive& archive) {
  model::v1::Archive proto;
  proto.set_name(archive.name);
  proto.set_kind(ToProto(archive.kind));
  *proto.mutable_chunker() = ToProto(archive.chunker);
  *proto.mutable_root() = ToProto(archive.root);
  return proto;
}

absl::StatusOr<Archive> FromProto(const model::v1::Archive& proto) {
  Archive archive;
  RETURN_IF_ERROR(WithContext(ValidateArchiveId(proto.name()), "name"));
  archive.name = proto.name();
  ASSIGN_OR_RETURN(archive.kind, ArchiveKindFromProto("kind", proto.kind()));
  absl::StatusOr<ChunkerSpec> chunker = FromProto(proto.chunker());
  if (!chunker.ok()) return WithContext(chunker.status(), "chunker");
  archive.chunker = *std::move(chunker);
  const absl::StatusOr<PageRoot> root = FromProto(proto.root());
  if (!root.ok()) return WithContext(root.status(), "root");
  archive.root = *root;
  return archive;
}

model::v1::ChunkEntry ToProto(const PlacedEntry& placed) {
  model::v1::ChunkEntry proto;
  const ChunkEntry& entry = placed.entry;
  proto.set_offset(placed.offset);
  proto.set_hole(entry.is_hole);
  proto.set_length(entry.length);
  proto.set_repeat(entry.repeat);
  if (!entry.is_hole) {
    proto.set_domain(DomainToProto(entry.domain));
    proto.set_digest(std::string(entry.digest.view()));
  }
  return proto;
}

absl::StatusOr<PlacedEntry> FromProto(const model::v1::ChunkEntry& proto) {
  PlacedEntry placed;
  ChunkEntry& entry = placed.entry;
  placed.offset = proto.offset();
  entry.is_hole = proto.hole();
  entry.length = proto.length();
  entry.repeat = proto.repeat();
  if (entry.is_hole) {
    if (!proto.domain().empty() || !proto.digest().empty()) {
      return absl::InvalidArgumentError(
          "entry is a hole and has a digest or domain, which must be empty");
    }
  } else {
    ASSIGN_OR_RETURN(entry.domain, DomainFromProto("domain", proto.domain()));
    ASSIGN_OR_RETURN(entry.digest, DigestFromProto("digest", proto.digest()));
  }
  RETURN_IF_ERROR(ValidateEntry(entry));
  if (placed.offset > kMaxArchiveBytes - entry.total_length()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "offset is ", placed.offset, ", an entry of ", entry.total_length(),
        " bytes there ends beyond ", kMaxArchiveBytes));
  }
  return placed;
}

}  // namespace cairn
