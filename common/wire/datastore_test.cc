#include "common/wire/datastore.h"

#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/testing/status_matchers.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

using ::testing::HasSubstr;
constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

Datastore Example() {
  Datastore datastore;
  datastore.name = "default";
  datastore.ref.uuid.bytes[0] = 7;
  datastore.ref.generation = 3;
  datastore.comment = "the first";
  datastore.create_time = absl::FromUnixNanos(1795293585000000001);
  return datastore;
}

TEST(DatastoreWireTest, RoundTrips) {
  const Datastore datastore = Example();
  ASSERT_OK_AND_ASSIGN(const Datastore back, FromProto(ToProto(datastore)));
  EXPECT_EQ(back.name, datastore.name);
  EXPECT_EQ(back.ref, datastore.ref);
  EXPECT_EQ(back.comment, datastore.comment);
  EXPECT_EQ(back.create_time, datastore.create_time);
}

TEST(DatastoreWireTest, SessionRefRoundTrips) {
  SessionRef ref{.datastore = Example().ref, .session = {}, .epoch = 9};
  ref.session.bytes[15] = 1;
  EXPECT_THAT(FromProto(ToProto(ref)), IsOkAndHolds(ref));
}

TEST(DatastoreWireTest, RefusesFieldsOutOfBoundsByName) {
  model::v1::Datastore proto = ToProto(Example());
  proto.set_comment(std::string(1025, 'x'));
  EXPECT_THAT(FromProto(proto), StatusIs(kInvalid, HasSubstr("comment")));

  proto = ToProto(Example());
  proto.mutable_ref()->set_generation(0);
  EXPECT_THAT(FromProto(proto),
              StatusIs(kInvalid, HasSubstr("ref: generation")));

  proto = ToProto(Example());
  proto.set_name("datastores/a");
  EXPECT_THAT(FromProto(proto), StatusIs(kInvalid, HasSubstr("name")));
}

TEST(DatastoreWireTest, RefusesSessionRefsThatNameNothing) {
  model::v1::SessionRef proto;
  EXPECT_THAT(FromProto(proto),
              StatusIs(kInvalid, HasSubstr("datastore: uuid")));
  *proto.mutable_datastore() = ToProto(Example().ref);
  EXPECT_THAT(FromProto(proto), StatusIs(kInvalid, HasSubstr("session")));
  proto.set_session(std::string(16, 's'));
  EXPECT_THAT(FromProto(proto), StatusIs(kInvalid, HasSubstr("epoch")));
  proto.set_epoch(1);
  EXPECT_OK(FromProto(proto));
}

}  // namespace
}  // namespace cairn
