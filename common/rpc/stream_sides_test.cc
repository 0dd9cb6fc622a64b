#include "common/rpc/stream_sides.h"

#include <atomic>
#include <string>

#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "common/concurrency/thread_pool_executor.h"
#include "common/testing/status_matchers.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

// A transport that only counts what is started.
struct Reads {
  std::string* into = nullptr;
  int started = 0;

  ReadSide<std::string>::StartRead Starter() {
    return [this](std::string* message) {
      into = message;
      ++started;
    };
  }
  void Arrive(ReadSide<std::string>& side, const std::string& text) {
    *into = text;
    side.OnReadDone(true);
  }
};

TEST(ReadSideTest, ReadsAheadNoFurtherThanAllowed) {
  Reads reads;
  ReadSide<std::string> side(2, reads.Starter());
  side.Start();
  reads.Arrive(side, "a");
  EXPECT_EQ(reads.started, 2);
  reads.Arrive(side, "b");
  EXPECT_EQ(reads.started, 2);
  std::string message;
  ASSERT_TRUE(side.Read(&message));
  EXPECT_EQ(message, "a");
  EXPECT_EQ(reads.started, 3);
}

TEST(ReadSideTest, HandsOverWhatCameBeforeTheEnd) {
  Reads reads;
  ReadSide<std::string> side(2, reads.Starter());
  side.Start();
  reads.Arrive(side, "a");
  side.OnReadDone(false);
  std::string message;
  EXPECT_TRUE(side.Read(&message));
  EXPECT_FALSE(side.Read(&message));
  EXPECT_FALSE(side.Read(&message));
  EXPECT_EQ(reads.started, 2);
}

TEST(ReadSideTest, StartsNoReadOnceStopped) {
  Reads reads;
  ReadSide<std::string> side(2, reads.Starter());
  side.Start();
  side.Stop();
  reads.Arrive(side, "a");
  std::string message;
  EXPECT_FALSE(side.Read(&message));
  EXPECT_EQ(reads.started, 1);
}

TEST(ReadSideTest, SettlesWhenTheLastOfSeveralStartsIsOver) {
  ASSERT_OK_AND_ASSIGN(const auto pool,
                       ThreadPoolExecutor::Create({.threads = 2}));
  absl::Notification third_begun;
  absl::Notification may_end;
  absl::Notification third_over;
  std::atomic<int> started = 0;
  ReadSide<std::string>* side = nullptr;
  ReadSide<std::string> reads(4, [&](std::string*) {
    switch (++started) {
      case 2:
        // This read ends on another thread before its start has come back.
        ASSERT_OK(pool->Schedule([&] {
          side->OnReadDone(true);
          third_over.Notify();
        }));
        third_begun.WaitForNotification();
        break;
      case 3:
        third_begun.Notify();
        may_end.WaitForNotification();
        break;
    }
  });
  side = &reads;
  reads.Start();
  reads.OnReadDone(true);  // comes back while the third start is going on
  // The wait below must last until then.
  std::atomic<bool> released = false;
  pool->ScheduleAfter(absl::Milliseconds(50), [&] {
    released = true;
    may_end.Notify();
  });
  reads.StopAndSettle();
  EXPECT_TRUE(released);
  may_end.WaitForNotification();
  third_over.WaitForNotification();
}

TEST(ReadSideTest, StopWakesAReaderThatWaits) {
  Reads reads;
  ReadSide<std::string> side(1, reads.Starter());
  side.Start();
  ASSERT_OK_AND_ASSIGN(const auto pool,
                       ThreadPoolExecutor::Create({.threads = 1}));
  absl::Notification done;
  bool result = true;
  ASSERT_OK(pool->Schedule([&] {
    std::string message;
    result = side.Read(&message);
    done.Notify();
  }));
  side.Stop();
  done.WaitForNotification();
  EXPECT_FALSE(result);
}

TEST(WriteSideTest, HasOneWriteInFlight) {
  int started = 0;
  WriteSide<std::string> side(absl::Milliseconds(1),
                              [&](const std::string*) { ++started; });
  EXPECT_TRUE(side.Write("a"));
  EXPECT_FALSE(side.Settle(absl::ZeroDuration()));
  side.OnWriteDone(true);
  EXPECT_TRUE(side.Settle(absl::ZeroDuration()));
  EXPECT_TRUE(side.Write("b"));
  EXPECT_EQ(started, 2);
}

TEST(WriteSideTest, GivesUpOnAPeerThatTakesNothing) {
  WriteSide<std::string> side(absl::Milliseconds(1), [](const std::string*) {});
  EXPECT_TRUE(side.Write("a"));
  EXPECT_FALSE(side.Write("b"));
  EXPECT_TRUE(side.stalled());
  side.OnWriteDone(true);
  EXPECT_FALSE(side.Write("c"));
}

TEST(WriteSideTest, AFailedWriteEndsTheStream) {
  WriteSide<std::string> side(absl::Hours(1), [](const std::string*) {});
  EXPECT_TRUE(side.Write("a"));
  side.OnWriteDone(false);
  EXPECT_FALSE(side.Write("b"));
  EXPECT_FALSE(side.stalled());
}

}  // namespace
}  // namespace cairn
