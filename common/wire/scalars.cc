#include "common/wire/scalars.h"

#include <algorithm>

#include "common/model/names.h"
#include "common/status/status_macros.h"

namespace cairn {
namespace {

// 0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z, as Timestamp allows.
constexpr int64_t kMinTimestampSeconds = -62135596800;
constexpr int64_t kMaxTimestampSeconds = 253402300799;
// About 10000 years, as Duration allows.
constexpr int64_t kMaxDurationSeconds = 315576000000;
constexpr int32_t kMaxNanos = 999999999;

absl::Status WrongLength(std::string_view field, size_t found,
                         std::string_view allowed) {
  return absl::InvalidArgumentError(
      absl::StrCat(field, " is ", found, " bytes long, allowed are ", allowed));
}

absl::Status OutOfBounds(std::string_view field, int64_t seconds, int32_t nanos,
                         std::string_view allowed) {
  return absl::InvalidArgumentError(absl::StrCat(
      field, " is ", seconds, " s and ", nanos, " ns, allowed is ", allowed));
}

absl::StatusOr<Uuid> NotZero(std::string_view field, const Uuid& uuid) {
  if (uuid.is_zero()) {
    return absl::InvalidArgumentError(absl::StrCat(field, " is all zero"));
  }
  return uuid;
}

}  // namespace

absl::StatusOr<Digest> DigestFromProto(std::string_view field,
                                       std::string_view bytes) {
  absl::StatusOr<Digest> digest = Digest::FromBytes(bytes);
  if (!digest.ok()) return WrongLength(field, bytes.size(), "32");
  return digest;
}

absl::StatusOr<Uuid> UuidFromProto(std::string_view field,
                                   std::string_view bytes) {
  const absl::StatusOr<Uuid> uuid = Uuid::FromBytes(bytes);
  if (!uuid.ok()) return WrongLength(field, bytes.size(), "16");
  return NotZero(field, *uuid);
}

absl::StatusOr<Uuid> UuidFromText(std::string_view field,
                                  std::string_view text) {
  const absl::StatusOr<Uuid> uuid = Uuid::Parse(text);
  if (!uuid.ok()) return WithContext(uuid.status(), field);
  return NotZero(field, *uuid);
}

absl::StatusOr<Domain> DomainFromProto(std::string_view field,
                                       std::string_view bytes) {
  Domain domain;
  if (bytes.empty()) return domain;
  if (bytes.size() != domain.bytes.size()) {
    return WrongLength(field, bytes.size(), "0 and 16");
  }
  std::copy(bytes.begin(), bytes.end(), domain.bytes.begin());
  if (domain.is_plaintext()) {
    return absl::InvalidArgumentError(absl::StrCat(
        field, " is all zero, the plaintext domain is written as no bytes"));
  }
  return domain;
}

std::string DomainToProto(const Domain& domain) {
  return domain.is_plaintext() ? std::string() : std::string(domain.view());
}

absl::Status CheckTextLength(std::string_view field, std::string_view text,
                             size_t max_bytes) {
  if (text.size() <= max_bytes) return absl::OkStatus();
  return WrongLength(field, text.size(), absl::StrCat("at most ", max_bytes));
}

google::protobuf::Timestamp TimeToProto(absl::Time time) {
  const absl::Time clamped =
      std::clamp(time, absl::FromUnixSeconds(kMinTimestampSeconds),
                 absl::FromUnixSeconds(kMaxTimestampSeconds));
  google::protobuf::Timestamp proto;
  const int64_t seconds = absl::ToUnixSeconds(clamped);
  proto.set_seconds(seconds);
  proto.set_nanos(static_cast<int32_t>(
      absl::ToInt64Nanoseconds(clamped - absl::FromUnixSeconds(seconds))));
  return proto;
}

absl::StatusOr<absl::Time> TimeFromProto(
    std::string_view field, const google::protobuf::Timestamp& time) {
  if (time.seconds() < kMinTimestampSeconds ||
      time.seconds() > kMaxTimestampSeconds || time.nanos() < 0 ||
      time.nanos() > kMaxNanos) {
    return OutOfBounds(field, time.seconds(), time.nanos(),
                       "a time in the years 1 to 9999");
  }
  return absl::FromUnixSeconds(time.seconds()) +
         absl::Nanoseconds(time.nanos());
}

google::protobuf::Timestamp SnapshotTimeToProto(int64_t unix_seconds) {
  google::protobuf::Timestamp proto;
  proto.set_seconds(unix_seconds);
  return proto;
}

absl::StatusOr<int64_t> SnapshotTimeFromProto(
    std::string_view field, const google::protobuf::Timestamp& time) {
  if (time.seconds() < 1 || time.seconds() > kMaxSnapshotTime ||
      time.nanos() != 0) {
    return OutOfBounds(field, time.seconds(), time.nanos(),
                       "a whole second from 1970-01-01T00:00:01Z to year 9999");
  }
  return time.seconds();
}

google::protobuf::Duration DurationToProto(absl::Duration duration) {
  const absl::Duration clamped = std::clamp(duration, absl::ZeroDuration(),
                                            absl::Seconds(kMaxDurationSeconds));
  google::protobuf::Duration proto;
  absl::Duration rest;
  proto.set_seconds(absl::IDivDuration(clamped, absl::Seconds(1), &rest));
  proto.set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(rest)));
  return proto;
}

absl::StatusOr<absl::Duration> DurationFromProto(
    std::string_view field, const google::protobuf::Duration& duration) {
  if (duration.seconds() < 0 || duration.seconds() > kMaxDurationSeconds ||
      duration.nanos() < 0 || duration.nanos() > kMaxNanos) {
    return OutOfBounds(field, duration.seconds(), duration.nanos(),
                       "0 to 10000 years");
  }
  return absl::Seconds(duration.seconds()) +
         absl::Nanoseconds(duration.nanos());
}

std::string DatastoreNameToProto(std::string_view datastore) {
  return NamespaceName{.datastore = std::string(datastore), .path = {}}
      .ToString();
}

absl::StatusOr<std::string> DatastoreNameFromProto(std::string_view field,
                                                   std::string_view text) {
  ASSIGN_OR_RETURN(NamespaceName name,
                   NameFromProto<NamespaceName>(field, text));
  if (!name.path.is_root()) {
    return absl::InvalidArgumentError(
        absl::StrCat(field, " is the namespace ", name.ToString(),
                     ", must be of the form datastores/{d}"));
  }
  return std::move(name.datastore);
}

}  // namespace cairn
