#include "common/wire/record_parts.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/model/catalog.h"
#include "common/status/status_macros.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"

namespace cairn {
namespace {

constexpr uint32_t kMaxRootLevel = 7;

absl::Status OutOfBounds(std::string_view field, uint64_t found) {
  return absl::DataLossError(
      absl::StrCat(field, " is ", found, ", which is out of bounds"));
}

}  // namespace

absl::Status CheckFormatVersion(uint32_t version) {
  if (version == kRecordFormatVersion) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat("format version is ", version,
                                          ", this release reads ",
                                          kRecordFormatVersion));
}

absl::StatusOr<Digest> DecodeDigest(std::string_view field,
                                    std::string_view bytes) {
  const absl::StatusOr<Digest> digest = Digest::FromBytes(bytes);
  if (!digest.ok()) {
    return OutOfBounds(absl::StrCat("length of ", field), bytes.size());
  }
  return *digest;
}

absl::StatusOr<Uuid> DecodeUuid(std::string_view field,
                                std::string_view bytes) {
  const absl::StatusOr<Uuid> uuid = Uuid::FromBytes(bytes);
  if (!uuid.ok() || uuid->is_zero()) {
    return absl::DataLossError(absl::StrCat(
        field, " is ", bytes.size(), " bytes long or zero, which is no UUID"));
  }
  return *uuid;
}

int64_t EncodeTime(absl::Time time) { return absl::ToUnixNanos(time); }

absl::Time DecodeTime(int64_t nanos) { return absl::FromUnixNanos(nanos); }

record::v1::ChunkerSpec EncodeChunker(const ChunkerSpec& spec) {
  record::v1::ChunkerSpec proto;
  proto.set_name(spec.name);
  proto.set_min_bytes(spec.min_bytes);
  proto.set_average_bytes(spec.average_bytes);
  proto.set_max_bytes(spec.max_bytes);
  return proto;
}

ChunkerSpec DecodeChunker(const record::v1::ChunkerSpec& proto) {
  return {.name = proto.name(),
          .min_bytes = proto.min_bytes(),
          .average_bytes = proto.average_bytes(),
          .max_bytes = proto.max_bytes()};
}

record::v1::PageRoot EncodeRoot(const PageRoot& root) {
  record::v1::PageRoot proto;
  proto.set_page(std::string(root.page.view()));
  proto.set_level(root.level);
  proto.set_size_bytes(root.size_bytes);
  proto.set_chunk_count(root.chunk_count);
  proto.set_hole_bytes(root.hole_bytes);
  return proto;
}

absl::StatusOr<PageRoot> DecodeRoot(const record::v1::PageRoot& proto) {
  PageRoot root;
  ASSIGN_OR_RETURN(root.page, DecodeDigest("root page", proto.page()));
  if (proto.level() > kMaxRootLevel) {
    return OutOfBounds("root level", proto.level());
  }
  root.level = proto.level();
  root.size_bytes = proto.size_bytes();
  root.chunk_count = proto.chunk_count();
  root.hole_bytes = proto.hole_bytes();
  if (root.hole_bytes > root.size_bytes) {
    return OutOfBounds("root hole_bytes", root.hole_bytes);
  }
  return root;
}

absl::StatusOr<ArchiveKind> DecodeKind(uint32_t kind) {
  if (kind < static_cast<uint32_t>(ArchiveKind::kStream) ||
      kind > static_cast<uint32_t>(ArchiveKind::kBlob)) {
    return OutOfBounds("archive kind", kind);
  }
  return static_cast<ArchiveKind>(kind);
}

record::v1::Archive EncodeArchive(const Archive& archive) {
  record::v1::Archive proto;
  proto.set_name(archive.name);
  proto.set_kind(static_cast<uint32_t>(archive.kind));
  *proto.mutable_chunker() = EncodeChunker(archive.chunker);
  *proto.mutable_root() = EncodeRoot(archive.root);
  return proto;
}

absl::StatusOr<std::vector<Archive>> DecodeArchives(
    const google::protobuf::RepeatedPtrField<record::v1::Archive>& protos) {
  const size_t count = static_cast<size_t>(protos.size());
  if (count == 0 || count > kMaxArchivesPerSnapshot) {
    return OutOfBounds("count of archives", count);
  }
  std::vector<Archive> archives;
  archives.reserve(count);
  for (const record::v1::Archive& proto : protos) {
    Archive archive;
    archive.name = proto.name();
    if (!ValidateArchiveId(archive.name).ok() ||
        (!archives.empty() && archives.back().name >= archive.name)) {
      return absl::DataLossError(absl::StrCat(
          "archive ", archives.size(), " has a name out of order or rules"));
    }
    ASSIGN_OR_RETURN(archive.kind, DecodeKind(proto.kind()));
    archive.chunker = DecodeChunker(proto.chunker());
    ASSIGN_OR_RETURN(archive.root, DecodeRoot(proto.root()));
    archives.push_back(std::move(archive));
  }
  return archives;
}

record::v1::GroupKey EncodeGroupName(const GroupName& name) {
  record::v1::GroupKey proto;
  proto.set_datastore(name.parent.datastore);
  proto.set_namespace_path(name.parent.path.ToString());
  proto.set_type(static_cast<uint32_t>(name.type));
  proto.set_id(name.id);
  return proto;
}

absl::StatusOr<GroupName> DecodeGroupName(const record::v1::GroupKey& proto) {
  if (proto.type() < static_cast<uint32_t>(BackupType::kVm) ||
      proto.type() > static_cast<uint32_t>(BackupType::kHost)) {
    return OutOfBounds("backup type", proto.type());
  }
  absl::StatusOr<NamespacePath> path =
      NamespacePath::Parse(proto.namespace_path());
  if (!path.ok()) return absl::DataLossError(path.status().message());
  GroupName name{
      .parent = {.datastore = proto.datastore(), .path = *std::move(path)},
      .type = static_cast<BackupType>(proto.type()),
      .id = proto.id()};
  const absl::StatusOr<GroupName> valid = GroupName::Parse(name.ToString());
  if (!valid.ok()) return absl::DataLossError(valid.status().message());
  return name;
}

std::string SerializeDeterministically(
    const google::protobuf::MessageLite& message) {
  std::string bytes;
  {
    // What the streams hold reaches `bytes` when they are destroyed.
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    message.SerializeToCodedStream(&coded);
  }
  return bytes;
}

}  // namespace cairn
