#include "common/wire/lease.h"

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/testing/status_matchers.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

using ::testing::HasSubstr;
constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

Lease Example() {
  Lease lease;
  lease.id.bytes[0] = 1;
  lease.datastore = "default";
  lease.claims = {
      {.resource = "datastores/default/groups/vm/100",
       .mode = LeaseMode::kExclusive},
      {.resource = "datastores/default", .mode = LeaseMode::kShared}};
  lease.holder = "ingest-1 for root@unix";
  lease.purpose = LeasePurpose::kSync;
  lease.start_epoch = 5;
  lease.start_time = absl::FromUnixSeconds(1795293585);
  lease.ttl = absl::Minutes(1);
  lease.age = absl::Seconds(90);
  lease.remaining = absl::Milliseconds(15);
  return lease;
}

TEST(LeaseWireTest, RoundTrips) {
  const Lease lease = Example();
  ASSERT_OK_AND_ASSIGN(const Lease back, FromProto(ToProto(lease)));
  EXPECT_EQ(back.id, lease.id);
  EXPECT_EQ(back.datastore, lease.datastore);
  EXPECT_EQ(back.claims, lease.claims);
  EXPECT_EQ(back.holder, lease.holder);
  EXPECT_EQ(back.purpose, lease.purpose);
  EXPECT_EQ(back.start_epoch, lease.start_epoch);
  EXPECT_EQ(back.start_time, lease.start_time);
  EXPECT_EQ(back.ttl, lease.ttl);
  EXPECT_EQ(back.age, lease.age);
  EXPECT_EQ(back.remaining, lease.remaining);
}

TEST(LeaseWireTest, EveryPurposeRoundTrips) {
  for (int number = 1; number <= 9; ++number) {
    const auto purpose = static_cast<LeasePurpose>(number);
    EXPECT_THAT(LeasePurposeFromProto("purpose", ToProto(purpose)),
                IsOkAndHolds(purpose));
  }
}

struct Hostile {
  std::string expected;  // part of the error's text
  std::function<void(model::v1::Lease&)> change;
};

TEST(LeaseWireTest, RefusesFieldsOutOfBoundsByName) {
  const std::vector<Hostile> cases = {
      {"id", [](auto& l) { l.set_id("1"); }},
      {"datastore", [](auto& l) { l.set_datastore("default"); }},
      {"claims has 0", [](auto& l) { l.clear_claims(); }},
      {"claims has 17",
       [](auto& l) {
         while (l.claims_size() < 17) l.add_claims();
       }},
      {"claims[1]: resource",
       [](auto& l) { l.mutable_claims(1)->set_resource(""); }},
      {"claims[1]: resource",
       [](auto& l) {
         l.mutable_claims(1)->set_resource(std::string(1025, 'r'));
       }},
      {"claims[0]: mode", [](auto& l) { l.mutable_claims(0)->clear_mode(); }},
      {"holder", [](auto& l) { l.set_holder(std::string(257, 'h')); }},
      {"purpose is 0", [](auto& l) { l.clear_purpose(); }},
      {"purpose is 44",
       [](auto& l) {
         l.set_purpose(static_cast<model::v1::LeasePurpose>(44));
       }},
      {"start_time", [](auto& l) { l.mutable_start_time()->set_nanos(-1); }},
      {"ttl", [](auto& l) { l.mutable_ttl()->set_seconds(-1); }},
      {"age", [](auto& l) { l.mutable_age()->set_seconds(-1); }},
      {"remaining", [](auto& l) { l.mutable_remaining()->set_nanos(-1); }},
  };
  for (const Hostile& hostile : cases) {
    model::v1::Lease proto = ToProto(Example());
    hostile.change(proto);
    EXPECT_THAT(FromProto(proto),
                StatusIs(kInvalid, HasSubstr(hostile.expected)));
  }
}

}  // namespace
}  // namespace cairn
