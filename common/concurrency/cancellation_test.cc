#include "common/concurrency/cancellation.h"

#include <memory>
#include <thread>
#include <vector>

#include "absl/synchronization/notification.h"
#include "common/testing/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

using ::testing::ElementsAre;

TEST(CancellationTokenTest, IsCancelledOnce) {
  CancellationToken token;
  EXPECT_FALSE(token.cancelled());
  EXPECT_OK(token.Check());
  token.Cancel();
  token.Cancel();
  EXPECT_TRUE(token.cancelled());
  EXPECT_THAT(token.Check(), StatusIs(absl::StatusCode::kCancelled));
}

TEST(CancellationTokenTest, CallbacksRunOnceInOrder) {
  CancellationToken token;
  std::vector<int> ran;
  token.AddCallback([&ran] { ran.push_back(1); });
  const auto removed = token.AddCallback([&ran] { ran.push_back(2); });
  token.AddCallback([&ran] { ran.push_back(3); });
  token.RemoveCallback(removed);
  EXPECT_TRUE(ran.empty());
  token.Cancel();
  token.Cancel();
  EXPECT_THAT(ran, ElementsAre(1, 3));
}

TEST(CancellationTokenTest, CallbackAddedLateRunsAtOnce) {
  CancellationToken token;
  token.Cancel();
  bool ran = false;
  const auto id = token.AddCallback([&ran] { ran = true; });
  EXPECT_TRUE(ran);
  token.RemoveCallback(id);
}

TEST(CancellationTokenTest, RemoveWaitsForARunningCallback) {
  CancellationToken token;
  absl::Notification started;
  absl::Notification go_on;
  // Freed after RemoveCallback: a use after it shows in sanitizers.
  auto ended = std::make_unique<bool>(false);
  const auto id = token.AddCallback([&, flag = ended.get()] {
    started.Notify();
    go_on.WaitForNotification();
    *flag = true;
  });
  std::thread canceller([&token] { token.Cancel(); });
  started.WaitForNotification();
  std::thread releaser([&go_on] { go_on.Notify(); });
  token.RemoveCallback(id);
  EXPECT_TRUE(*ended);
  ended.reset();
  canceller.join();
  releaser.join();
}

}  // namespace
}  // namespace cairn
