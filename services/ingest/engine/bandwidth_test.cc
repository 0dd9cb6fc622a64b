#include "services/ingest/engine/bandwidth.h"

#include <vector>

#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/concurrency/cancellation.h"
#include "common/concurrency/thread_pool_executor.h"
#include "common/testing/fake_clock.h"
#include "common/testing/status_matchers.h"
#include "common/testing/test_executor.h"
#include "common/time/clock.h"

namespace cairn::ingest {
namespace {

class BandwidthTest : public testing::Test {
 protected:
  Bandwidth::Dependencies Dependencies() {
    return {.clock = &clock_,
            .executor = &executor_,
            .throttled_seconds = &throttled_seconds_};
  }
  double Elapsed() const {
    return absl::ToDoubleSeconds(clock_.Monotonic() - start_);
  }

  MetricRegistry registry_;
  Counter& throttled_seconds_ = registry_.AddCounter("test_seconds", "-");
  FakeClock clock_;
  const absl::Duration start_ = clock_.Monotonic();
  TestExecutor executor_{&clock_};
};

TEST_F(BandwidthTest, WithoutALimitNobodyWaits) {
  Bandwidth bandwidth(0, Dependencies());
  EXPECT_OK(bandwidth.Pass(Call(), uint64_t{1} << 40));
  EXPECT_EQ(Elapsed(), 0);
  EXPECT_EQ(throttled_seconds_.Value(), 0);
  EXPECT_EQ(bandwidth.bytes_per_second(), 0u);
}

TEST_F(BandwidthTest, BytesPassAtTheirRate) {
  Bandwidth bandwidth(1 << 20, Dependencies());
  for (int i = 0; i < 32; ++i) EXPECT_OK(bandwidth.Pass(Call(), 1 << 20));
  EXPECT_NEAR(Elapsed(), 32, 0.2);
  EXPECT_NEAR(throttled_seconds_.Value(), Elapsed(), 0.01);
  EXPECT_EQ(bandwidth.bytes_per_second(), 1u << 20);
}

TEST_F(BandwidthTest, TheRateMayChange) {
  Bandwidth bandwidth(1 << 20, Dependencies());
  EXPECT_OK(bandwidth.Pass(Call(), 10 << 20));
  EXPECT_NEAR(Elapsed(), 10, 0.2);
  bandwidth.SetRate(10 << 20);
  EXPECT_EQ(bandwidth.bytes_per_second(), 10u << 20);
  EXPECT_OK(bandwidth.Pass(Call(), 10 << 20));
  EXPECT_NEAR(Elapsed(), 11, 0.4);
  bandwidth.SetRate(0);
  const double before = Elapsed();
  EXPECT_OK(bandwidth.Pass(Call(), uint64_t{1} << 40));
  EXPECT_EQ(Elapsed(), before);
  bandwidth.SetRate(1 << 20);
  EXPECT_OK(bandwidth.Pass(Call(), 10 << 20));
  EXPECT_NEAR(Elapsed(), before + 10, 0.2);
}

TEST_F(BandwidthTest, WhoIsGoneDoesNotWait) {
  Bandwidth bandwidth(1000, Dependencies());
  CancellationToken token;
  token.Cancel();
  const Call call = {.cancellation = &token};
  EXPECT_THAT(bandwidth.Pass(call, 1'000'000),
              StatusIs(absl::StatusCode::kCancelled));
  EXPECT_THAT(bandwidth.Pass(call, 0), StatusIs(absl::StatusCode::kCancelled));
  EXPECT_EQ(Elapsed(), 0);
}

TEST(BandwidthThreadsTest, AWaitEndsWithItsCall) {
  const auto executor = *ThreadPoolExecutor::Create({.threads = 1});
  MetricRegistry registry;
  SystemClock clock;
  Bandwidth bandwidth(
      1, {.clock = &clock,
          .executor = executor.get(),
          .throttled_seconds = &registry.AddCounter("test_seconds", "-")});
  CancellationToken token;
  absl::Status status;
  absl::BlockingCounter ended(1);
  ASSERT_OK(executor->Schedule([&] {
    // Years.
    status = bandwidth.Pass({.cancellation = &token}, 1'000'000'000);
    ended.DecrementCount();
  }));
  token.Cancel();
  ended.Wait();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kCancelled));
  // And nobody waits those years in its place.
  EXPECT_OK(bandwidth.Pass(Call(), 0));
}

TEST(BandwidthThreadsTest, StreamsThatAlwaysHaveMoreShareEvenly) {
  constexpr int kStreams = 4;
  constexpr int kMessages = 400;
  const auto executor = *ThreadPoolExecutor::Create({.threads = kStreams});
  MetricRegistry registry;
  SystemClock clock;
  Bandwidth bandwidth(64 << 20, {.clock = &clock,
                                 .executor = executor.get(),
                                 .throttled_seconds = &registry.AddCounter(
                                     "test_seconds", "-")});
  absl::Mutex mutex;
  std::vector<int> passed(kStreams);
  std::vector<int> when_first_ended;
  absl::BlockingCounter ended(kStreams);
  for (int stream = 0; stream < kStreams; ++stream) {
    ASSERT_OK(executor->Schedule([&, stream] {
      for (int i = 0; i < kMessages; ++i) {
        EXPECT_OK(bandwidth.Pass(Call(), 32 << 10));
        absl::MutexLock lock(&mutex);
        ++passed[stream];
      }
      {
        absl::MutexLock lock(&mutex);
        if (when_first_ended.empty()) when_first_ended = passed;
      }
      ended.DecrementCount();
    }));
  }
  ended.Wait();
  // Where threads share two processors this is less exact than the turns.
  for (const int count : when_first_ended) EXPECT_GT(count, kMessages / 2);
}

}  // namespace
}  // namespace cairn::ingest
