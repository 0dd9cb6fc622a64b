#include "common/testing/status_matchers.h"

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/status/reason.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pointee;
using ::testing::SizeIs;

TEST(StatusMatchersTest, MatchStatuses) {
  EXPECT_OK(absl::OkStatus());
  EXPECT_THAT(absl::AbortedError("x"), Not(IsOk()));
  EXPECT_THAT(absl::AbortedError("some text"),
              StatusIs(absl::StatusCode::kAborted, HasSubstr("text")));
  EXPECT_THAT(absl::AbortedError("some text"),
              Not(StatusIs(absl::StatusCode::kAborted, "text")));
  EXPECT_THAT(absl::AbortedError("some text"),
              Not(StatusIs(absl::StatusCode::kInternal)));
}

TEST(StatusMatchersTest, MatchStatusOr) {
  absl::StatusOr<std::string> value = "four";
  EXPECT_THAT(value, IsOk());
  EXPECT_THAT(value, IsOkAndHolds("four"));
  EXPECT_THAT(value, IsOkAndHolds(SizeIs(4)));
  EXPECT_THAT(value, Not(IsOkAndHolds("five")));
  value = absl::NotFoundError("none");
  EXPECT_THAT(value, StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(value, Not(IsOkAndHolds("four")));
}

TEST(StatusMatchersTest, MatchValuesThatOnlyMove) {
  ASSERT_OK_AND_ASSIGN(
      const std::unique_ptr<int> value,
      absl::StatusOr<std::unique_ptr<int>>(std::make_unique<int>(7)));
  EXPECT_THAT(value, Pointee(Eq(7)));
  EXPECT_THAT(absl::StatusOr<std::unique_ptr<int>>(std::make_unique<int>(7)),
              IsOkAndHolds(Pointee(7)));
}

TEST(StatusMatchersTest, MatchReasons) {
  const absl::Status status =
      WithReason(absl::AbortedError("x"), reason::kStaleToken);
  EXPECT_THAT(status, HasReasonCode(reason::kStaleToken));
  EXPECT_THAT(status, Not(HasReasonCode(reason::kDraining)));
  EXPECT_THAT(absl::StatusOr<int>(status), HasReasonCode(reason::kStaleToken));
}

}  // namespace
}  // namespace cairn
