#include "common/concurrency/token_bucket.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <random>
#include <utility>
#include <vector>

#include "common/testing/fake_clock.h"
#include "common/testing/seed.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

constexpr absl::Duration kNone = absl::ZeroDuration();

TEST(TokenBucketTest, BytesWaitForTheirOwnTime) {
  FakeClock clock;
  TokenBucket bucket({.bytes_per_second = 1000, .burst = kNone}, &clock);
  EXPECT_EQ(bucket.Take(500), absl::Milliseconds(500));
  clock.Advance(absl::Milliseconds(500));
  EXPECT_EQ(bucket.Take(1000), absl::Seconds(1));
  // Empty messages cost nothing, but wait their turn.
  EXPECT_EQ(bucket.Take(0), absl::Seconds(1));
  clock.Advance(absl::Seconds(1));
  EXPECT_EQ(bucket.Take(0), kNone);
}

TEST(TokenBucketTest, EachWaitsForThoseBefore) {
  FakeClock clock;
  TokenBucket bucket({.bytes_per_second = 1000, .burst = kNone}, &clock);
  for (int i = 1; i <= 5; ++i) {
    EXPECT_EQ(bucket.Take(100), i * absl::Milliseconds(100));
  }
}

TEST(TokenBucketTest, WhatIsGivenBackKeepsNobodyWaiting) {
  FakeClock clock;
  TokenBucket bucket({.bytes_per_second = 1000, .burst = kNone}, &clock);
  for (int i = 0; i < 1000; ++i) {
    EXPECT_EQ(bucket.Take(5000), absl::Seconds(5));
    bucket.GiveBack(5000);
  }
  EXPECT_EQ(bucket.Take(100), absl::Milliseconds(100));
  // Late, and more than there is: no more than a burst comes of it.
  clock.Advance(absl::Seconds(1));
  bucket.GiveBack(1'000'000);
  EXPECT_EQ(bucket.Take(100), absl::Milliseconds(100));
}

TEST(TokenBucketTest, APauseIsWorthOneBurst) {
  FakeClock clock;
  TokenBucket bucket({.bytes_per_second = 1000, .burst = absl::Seconds(2)},
                     &clock);
  // At the start there is none: a run of many short ones is not faster.
  EXPECT_EQ(bucket.Take(1000), absl::Seconds(1));
  clock.Advance(absl::Hours(1));
  EXPECT_EQ(bucket.Take(2000), kNone);
  EXPECT_EQ(bucket.Take(500), absl::Milliseconds(500));
}

TEST(TokenBucketTest, ExtremesNeitherOverflowNorStop) {
  FakeClock clock;
  constexpr uint64_t kMost = std::numeric_limits<uint64_t>::max();
  TokenBucket slow({.bytes_per_second = 0}, &clock);
  EXPECT_EQ(slow.bytes_per_second(), 1u);
  EXPECT_GE(slow.Take(kMost), absl::Hours(24 * 365));
  EXPECT_GE(slow.Take(kMost), absl::Hours(24 * 365));
  TokenBucket fast({.bytes_per_second = kMost}, &clock);
  EXPECT_LT(fast.Take(uint64_t{1} << 20), absl::Milliseconds(1));
}

// Whatever comes when: nothing passes early, and the rate is used up.
TEST(TokenBucketTest, NoSpanPassesMoreThanItsRate) {
  std::mt19937_64 random(TestSeed());
  for (int round = 0; round < 50; ++round) {
    FakeClock clock;
    const uint64_t rate = 1 + random() % 100'000;
    const absl::Duration burst = absl::Milliseconds(random() % 3000);
    TokenBucket bucket({.bytes_per_second = rate, .burst = burst}, &clock);
    std::vector<std::pair<absl::Duration, uint64_t>> passed;
    uint64_t largest = 0;
    for (int i = 0; i < 100; ++i) {
      const uint64_t bytes = random() % 20'000;
      largest = std::max(largest, bytes);
      const absl::Duration wait = bucket.Take(bytes);
      passed.emplace_back(clock.Monotonic() + wait, bytes);
      if (random() % 2 == 0) clock.Advance(wait);
      if (random() % 4 == 0) clock.Advance(absl::Milliseconds(random() % 5000));
    }
    for (size_t from = 0; from < passed.size(); from += 7) {
      uint64_t bytes = 0;
      for (size_t to = from; to < passed.size(); ++to) {
        ASSERT_GE(passed[to].first, passed[from].first);
        bytes += passed[to].second;
        const double seconds =
            absl::ToDoubleSeconds(passed[to].first - passed[from].first);
        ASSERT_LE(bytes, rate * (seconds + absl::ToDoubleSeconds(burst)) +
                             largest + 1);
      }
    }
  }
}

TEST(TokenBucketTest, WhoAlwaysHasMoreGetsTheWholeRate) {
  FakeClock clock;
  const absl::Duration start = clock.Monotonic();
  TokenBucket bucket({.bytes_per_second = 1 << 20}, &clock);
  std::mt19937_64 random(TestSeed());
  uint64_t bytes = 0;
  while (bytes < (64 << 20)) {
    const uint64_t taken = 1 + random() % (1 << 20);
    // Woken up to 50 ms late, which the burst makes up for.
    clock.Advance(bucket.Take(taken) + absl::Milliseconds(random() % 50));
    bytes += taken;
  }
  const double seconds = absl::ToDoubleSeconds(clock.Monotonic() - start);
  EXPECT_NEAR(bytes / seconds, 1 << 20, 5000);
}

}  // namespace
}  // namespace cairn
