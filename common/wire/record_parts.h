#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "cairn/record/v1/record.pb.h"
#include "common/model/archive.h"
#include "common/model/digest.h"
#include "common/model/names.h"
#include "common/model/uuid.h"

// Parts that several persisted messages share. Decoding: DataLoss.
namespace cairn {

inline constexpr uint32_t kRecordFormatVersion = 1;

absl::Status CheckFormatVersion(uint32_t version);

absl::StatusOr<Digest> DecodeDigest(std::string_view field,
                                    std::string_view bytes);
absl::StatusOr<Uuid> DecodeUuid(std::string_view field, std::string_view bytes);

// Unix nanoseconds. A time outside 1678..2262 becomes the nearest inside.
int64_t EncodeTime(absl::Time time);
absl::Time DecodeTime(int64_t nanos);

record::v1::ChunkerSpec EncodeChunker(const ChunkerSpec& spec);
ChunkerSpec DecodeChunker(const record::v1::ChunkerSpec& proto);

record::v1::PageRoot EncodeRoot(const PageRoot& root);
absl::StatusOr<PageRoot> DecodeRoot(const record::v1::PageRoot& proto);

absl::StatusOr<ArchiveKind> DecodeKind(uint32_t kind);

record::v1::Archive EncodeArchive(const Archive& archive);
// 1..kMaxArchivesPerSnapshot, ascending by name.
absl::StatusOr<std::vector<Archive>> DecodeArchives(
    const google::protobuf::RepeatedPtrField<record::v1::Archive>& protos);

record::v1::GroupKey EncodeGroupName(const GroupName& name);
absl::StatusOr<GroupName> DecodeGroupName(const record::v1::GroupKey& proto);

// Equal messages give equal bytes.
std::string SerializeDeterministically(
    const google::protobuf::MessageLite& message);

}  // namespace cairn
