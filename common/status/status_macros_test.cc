#include "common/status/status_macros.h"

#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/testing/status_matchers.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

absl::Status Twice(const absl::Status& first, const absl::Status& second) {
  RETURN_IF_ERROR(first);
  RETURN_IF_ERROR(second);
  return absl::OkStatus();
}

absl::StatusOr<int> Add(absl::StatusOr<std::unique_ptr<int>> left,
                        absl::StatusOr<int> right) {
  ASSIGN_OR_RETURN(const std::unique_ptr<int> a, std::move(left));
  int b = 0;
  ASSIGN_OR_RETURN(b, right);
  return *a + b;
}

TEST(ReturnIfErrorTest, ReturnsTheFirstError) {
  EXPECT_THAT(Twice(absl::OkStatus(), absl::OkStatus()), IsOk());
  EXPECT_THAT(Twice(absl::AbortedError("a"), absl::InternalError("b")),
              StatusIs(absl::StatusCode::kAborted, "a"));
  EXPECT_THAT(Twice(absl::OkStatus(), absl::InternalError("b")),
              StatusIs(absl::StatusCode::kInternal, "b"));
}

TEST(AssignOrReturnTest, AssignsOrReturns) {
  EXPECT_THAT(Add(std::make_unique<int>(2), 3), IsOkAndHolds(5));
  EXPECT_THAT(Add(absl::AbortedError("a"), 3),
              StatusIs(absl::StatusCode::kAborted));
  EXPECT_THAT(Add(std::make_unique<int>(2), absl::DataLossError("b")),
              StatusIs(absl::StatusCode::kDataLoss));
}

}  // namespace
}  // namespace cairn
