#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/model/digest.h"
#include "common/model/record.h"
#include "common/model/uuid.h"
#include "common/status/reason.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/timestamp.pb.h"

// Single fields of messages. What comes from a message is hostile: every
// ...FromProto refuses what is out of bounds with InvalidArgument that names
// `field`.
namespace cairn {

// 32 bytes.
absl::StatusOr<Digest> DigestFromProto(std::string_view field,
                                       std::string_view bytes);
// 16 bytes, not all zero.
absl::StatusOr<Uuid> UuidFromProto(std::string_view field,
                                   std::string_view bytes);
// 36 characters, not all zero.
absl::StatusOr<Uuid> UuidFromText(std::string_view field,
                                  std::string_view text);
// Empty for the plaintext domain, else 16 bytes that are not all zero: one
// domain has one form.
absl::StatusOr<Domain> DomainFromProto(std::string_view field,
                                       std::string_view bytes);
std::string DomainToProto(const Domain& domain);

absl::Status CheckTextLength(std::string_view field, std::string_view text,
                             size_t max_bytes);

// Years 1 to 9999, in nanoseconds; what lies outside becomes the nearest
// that lies inside.
google::protobuf::Timestamp TimeToProto(absl::Time time);
absl::StatusOr<absl::Time> TimeFromProto(
    std::string_view field, const google::protobuf::Timestamp& time);

// Whole Unix seconds, 1..kMaxSnapshotTime.
google::protobuf::Timestamp SnapshotTimeToProto(int64_t unix_seconds);
absl::StatusOr<int64_t> SnapshotTimeFromProto(
    std::string_view field, const google::protobuf::Timestamp& time);

// 0 to 10000 years, in nanoseconds; what lies outside becomes the nearest
// that lies inside.
google::protobuf::Duration DurationToProto(absl::Duration duration);
absl::StatusOr<absl::Duration> DurationFromProto(
    std::string_view field, const google::protobuf::Duration& duration);

// A resource name: T is one of common/model/names.h.
template <typename T>
absl::StatusOr<T> NameFromProto(std::string_view field, std::string_view text) {
  absl::StatusOr<T> name = T::Parse(text);
  if (!name.ok()) return WithContext(name.status(), field);
  return name;
}

// "datastores/{d}" and its {d}.
std::string DatastoreNameToProto(std::string_view datastore);
absl::StatusOr<std::string> DatastoreNameFromProto(std::string_view field,
                                                   std::string_view text);

// A field of a repeated field, as errors name it: "archives[3]".
inline std::string IndexedField(std::string_view field, int index) {
  return absl::StrCat(field, "[", index, "]");
}

}  // namespace cairn
