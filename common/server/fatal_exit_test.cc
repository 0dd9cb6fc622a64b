#include "common/server/fatal_exit.h"

#include "absl/status/status.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

TEST(FatalExitDeathTest, TellsTheErrorAndEndsTheProcess) {
  EXPECT_EXIT(FatalExit().Report(absl::DataLossError("fsync of pack 7")),
              ::testing::ExitedWithCode(74), "DATA_LOSS: fsync of pack 7");
}

}  // namespace
}  // namespace cairn
