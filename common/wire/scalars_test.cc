#include "common/wire/scalars.h"

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/model/names.h"
#include "common/testing/status_matchers.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

using ::testing::HasSubstr;
constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

google::protobuf::Timestamp Stamp(int64_t seconds, int32_t nanos) {
  google::protobuf::Timestamp proto;
  proto.set_seconds(seconds);
  proto.set_nanos(nanos);
  return proto;
}

TEST(ScalarsTest, DigestsOfOtherLengthsAreRefusedByFieldName) {
  EXPECT_OK(DigestFromProto("page", std::string(32, 'x')));
  for (const size_t length : {0, 31, 33, 1000}) {
    EXPECT_THAT(DigestFromProto("page", std::string(length, 'x')),
                StatusIs(kInvalid, HasSubstr("page is")));
  }
}

TEST(ScalarsTest, UuidsAreSixteenBytesThatAreNotAllZero) {
  EXPECT_OK(UuidFromProto("lease", std::string(16, 'x')));
  for (const std::string& bytes :
       {std::string(), std::string(15, 'x'), std::string(17, 'x'),
        std::string(16, '\0')}) {
    EXPECT_THAT(UuidFromProto("lease", bytes),
                StatusIs(kInvalid, HasSubstr("lease")));
  }
  EXPECT_THAT(UuidFromText("id", "00000000-0000-0000-0000-000000000000"),
              StatusIs(kInvalid, HasSubstr("id")));
  EXPECT_THAT(UuidFromText("id", "x"), StatusIs(kInvalid, HasSubstr("id")));
}

TEST(ScalarsTest, ThePlaintextDomainHasOneForm) {
  ASSERT_OK_AND_ASSIGN(const Domain plain, DomainFromProto("domain", ""));
  EXPECT_TRUE(plain.is_plaintext());
  EXPECT_EQ(DomainToProto(plain), "");
  ASSERT_OK_AND_ASSIGN(const Domain other,
                       DomainFromProto("domain", std::string(16, 'k')));
  EXPECT_EQ(DomainToProto(other), std::string(16, 'k'));
  EXPECT_THAT(DomainFromProto("domain", std::string(16, '\0')),
              StatusIs(kInvalid, HasSubstr("domain")));
  EXPECT_THAT(DomainFromProto("domain", "short"),
              StatusIs(kInvalid, HasSubstr("domain")));
}

TEST(ScalarsTest, TimesKeepTheirNanoseconds) {
  for (const absl::Time time :
       {absl::UnixEpoch(), absl::FromUnixNanos(1795293585123456789),
        absl::FromUnixNanos(-1), absl::FromUnixSeconds(-62135596800)}) {
    EXPECT_THAT(TimeFromProto("t", TimeToProto(time)), IsOkAndHolds(time));
  }
}

TEST(ScalarsTest, InfiniteTimesBecomeTheNearestOnesOfTheWire) {
  EXPECT_EQ(TimeToProto(absl::InfiniteFuture()).seconds(), 253402300799);
  EXPECT_EQ(TimeToProto(absl::InfinitePast()).seconds(), -62135596800);
}

TEST(ScalarsTest, TimesOutOfBoundsAreRefused) {
  for (const auto& proto : {Stamp(253402300800, 0), Stamp(-62135596801, 0),
                            Stamp(0, -1), Stamp(0, 1000000000)}) {
    EXPECT_THAT(TimeFromProto("open_time", proto),
                StatusIs(kInvalid, HasSubstr("open_time")));
  }
}

TEST(ScalarsTest, SnapshotTimesAreWholeSecondsAfterTheEpoch) {
  EXPECT_THAT(SnapshotTimeFromProto("t", SnapshotTimeToProto(1795293585)),
              IsOkAndHolds(1795293585));
  for (const auto& proto : {Stamp(0, 0), Stamp(-5, 0), Stamp(7, 1),
                            Stamp(7, -1), Stamp(kMaxSnapshotTime + 1, 0)}) {
    EXPECT_THAT(SnapshotTimeFromProto("before", proto),
                StatusIs(kInvalid, HasSubstr("before")));
  }
}

TEST(ScalarsTest, DurationsKeepTheirNanosecondsAndAreNotNegative) {
  for (const absl::Duration duration :
       {absl::ZeroDuration(), absl::Nanoseconds(1), absl::Hours(24 * 400),
        absl::Milliseconds(1500)}) {
    EXPECT_THAT(DurationFromProto("ttl", DurationToProto(duration)),
                IsOkAndHolds(duration));
  }
  EXPECT_EQ(DurationToProto(-absl::Seconds(5)).seconds(), 0);
  google::protobuf::Duration negative;
  negative.set_seconds(-1);
  EXPECT_THAT(DurationFromProto("ttl", negative),
              StatusIs(kInvalid, HasSubstr("ttl")));
}

TEST(ScalarsTest, DatastoreNamesHaveNoNamespace) {
  EXPECT_EQ(DatastoreNameToProto("default"), "datastores/default");
  EXPECT_THAT(DatastoreNameFromProto("name", "datastores/default"),
              IsOkAndHolds(std::string("default")));
  for (const char* text :
       {"", "default", "datastores/x y z", "datastores/default/namespaces/a"}) {
    EXPECT_THAT(DatastoreNameFromProto("name", text),
                StatusIs(kInvalid, HasSubstr("name")));
  }
}

TEST(ScalarsTest, TextsAboveTheirLimitAreRefused) {
  EXPECT_OK(CheckTextLength("notes", "1234", 4));
  EXPECT_THAT(CheckTextLength("notes", "12345", 4),
              StatusIs(kInvalid, HasSubstr("notes is 5 bytes long")));
}

}  // namespace
}  // namespace cairn
