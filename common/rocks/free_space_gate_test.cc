#include "common/rocks/free_space_gate.h"

#include "common/status/reason.h"
#include "common/testing/faulty_file_system.h"
#include "common/testing/in_memory_file_system.h"
#include "common/testing/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class FreeSpaceGateTest : public ::testing::Test {
 protected:
  InMemoryFileSystem base_;
  FaultyFileSystem files_{&base_};
  FreeSpaceGate gate_{&files_, "/", 1000};
};

TEST_F(FreeSpaceGateTest, ClosesBelowTheReserveAndOpensAgain) {
  files_.SetFreeBytes(1010);
  EXPECT_OK(gate_.Pass(10));
  files_.SetFreeBytes(999);
  const absl::Status refused = gate_.Pass(1);
  EXPECT_THAT(refused,
              StatusIs(absl::StatusCode::kResourceExhausted,
                       AllOf(HasSubstr("1000 bytes"), HasSubstr("try again"))));
  EXPECT_THAT(refused, HasReasonCode(reason::kStorageFull));
  files_.SetFreeBytes(5000);
  EXPECT_OK(gate_.Pass(10));
}

TEST_F(FreeSpaceGateTest, CountsWhatPassedSinceItAsked) {
  files_.SetFreeBytes(2000);
  for (int i = 0; i < 10; ++i) EXPECT_OK(gate_.Pass(100));
  EXPECT_EQ(files_.calls(FileOperation::kFreeBytes), 1u);
  files_.SetFreeBytes(1050);
  // By its own count nothing is left, so it asks.
  EXPECT_OK(gate_.Pass(50));
  EXPECT_THAT(gate_.Pass(51), HasReasonCode(reason::kStorageFull));
}

TEST_F(FreeSpaceGateTest, AsksNowAndThenEvenWithPlentyLeft) {
  files_.SetFreeBytes(uint64_t{1} << 40);
  for (int i = 0; i < 1000; ++i) EXPECT_OK(gate_.Pass(1));
  const uint64_t asked = files_.calls(FileOperation::kFreeBytes);
  EXPECT_GE(asked, 10u);
  EXPECT_LE(asked, 100u);
  // Somebody else fills the disk: few more pass.
  files_.SetFreeBytes(0);
  int passed = 0;
  while (gate_.Pass(1).ok()) ++passed;
  EXPECT_LT(passed, 100);
}

TEST_F(FreeSpaceGateTest, AnAbsurdSizeDoesNotWrapAround) {
  files_.SetFreeBytes(5000);
  EXPECT_OK(gate_.Pass(1));
  EXPECT_FALSE(gate_.Pass(~uint64_t{0}).ok());
  EXPECT_FALSE(gate_.Pass(~uint64_t{0} - 1000).ok());
}

TEST_F(FreeSpaceGateTest, StaysClosedForGood) {
  gate_.CloseForGood();
  EXPECT_THAT(gate_.Pass(1), StatusIs(absl::StatusCode::kResourceExhausted,
                                      HasSubstr("restart")));
}

TEST_F(FreeSpaceGateTest, PassesErrorsOn) {
  files_.FailCall(FileOperation::kFreeBytes, 1, absl::InternalError("x"));
  EXPECT_THAT(gate_.Pass(1), StatusIs(absl::StatusCode::kInternal));
  EXPECT_OK(gate_.Pass(1));
}

}  // namespace
}  // namespace cairn
