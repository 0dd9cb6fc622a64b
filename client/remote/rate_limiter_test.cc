#include "client/remote/rate_limiter.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "common/testing/fake_clock.h"
#include "common/testing/status_matchers.h"
#include "gtest/gtest.h"

namespace cairn::client {
namespace {

using ingest::v1::ReadArchiveResponse;
using ingest::v1::WriteStreamRequest;

constexpr uint64_t kRate = 1000;

// A stream that takes what it is given, or gives what it has, at once.
class FastWriteStream final : public WriteStream {
 public:
  explicit FastWriteStream(uint64_t* sent_bytes) : sent_bytes_(sent_bytes) {}
  absl::Status Write(WriteStreamRequest request) override {
    *sent_bytes_ += request.ByteSizeLong();
    return absl::OkStatus();
  }
  WriteState WaitUntil(absl::FunctionRef<bool(const WriteState&)>,
                       absl::Duration) override {
    return {.durable_bytes = *sent_bytes_};
  }

 private:
  uint64_t* const sent_bytes_;
};

class FastReadStream final : public ReadStream {
 public:
  explicit FastReadStream(int messages) : left_(messages) {}
  absl::StatusOr<std::optional<ReadArchiveResponse>> Next() override {
    if (left_ == 0) return std::nullopt;
    if (left_-- < 0) return absl::UnavailableError("gone");
    ReadArchiveResponse message;
    message.mutable_data()->set_data(std::string(100, 'x'));
    return message;
  }

 private:
  int left_;
};

class RateLimiterTest : public ::testing::Test {
 protected:
  WriteStreamRequest Data(size_t size) {
    WriteStreamRequest request;
    request.mutable_data()->set_data(std::string(size, 'x'));
    return request;
  }
  double Elapsed() const {
    return absl::ToDoubleSeconds(clock_.Monotonic() - start_);
  }

  FakeClock clock_;
  const absl::Duration start_ = clock_.Monotonic();
  RateLimiter limiter_{kRate, &clock_,
                       [this](absl::Duration wait) { clock_.Advance(wait); }};
};

TEST_F(RateLimiterTest, AllStreamsTogetherKeepToTheRate) {
  uint64_t first_bytes = 0;
  uint64_t second_bytes = 0;
  const std::unique_ptr<WriteStream> first = Limited<WriteStreamRequest>(
      std::make_unique<FastWriteStream>(&first_bytes), &limiter_);
  for (int i = 0; i < 10; ++i) EXPECT_OK(first->Write(Data(500)));
  // An archive after the other, and two at one time.
  const std::unique_ptr<WriteStream> second = Limited<WriteStreamRequest>(
      std::make_unique<FastWriteStream>(&second_bytes), &limiter_);
  for (int i = 0; i < 10; ++i) {
    EXPECT_OK(second->Write(Data(500)));
    EXPECT_OK(first->Write(Data(1)));
  }
  const double bytes = first_bytes + second_bytes;
  EXPECT_GT(bytes, 10'000);
  EXPECT_NEAR(Elapsed(), bytes / kRate, 0.2);
}

TEST_F(RateLimiterTest, WhatTheServerSaysDoesNotWait) {
  uint64_t sent_bytes = 0;
  const std::unique_ptr<WriteStream> stream = Limited<WriteStreamRequest>(
      std::make_unique<FastWriteStream>(&sent_bytes), &limiter_);
  EXPECT_OK(stream->Write(Data(500)));
  const double before = Elapsed();
  EXPECT_EQ(stream
                ->WaitUntil([](const WriteState&) { return true; },
                            absl::ZeroDuration())
                .durable_bytes,
            sent_bytes);
  EXPECT_EQ(Elapsed(), before);
}

TEST_F(RateLimiterTest, ReadsKeepToTheRate) {
  const std::unique_ptr<ReadStream> stream = Limited<ReadArchiveResponse>(
      std::make_unique<FastReadStream>(50), &limiter_);
  uint64_t bytes = 0;
  while (true) {
    ASSERT_OK_AND_ASSIGN(const std::optional<ReadArchiveResponse> message,
                         stream->Next());
    if (!message.has_value()) break;
    bytes += message->ByteSizeLong();
  }
  EXPECT_GT(bytes, 5000u);
  EXPECT_NEAR(Elapsed(), static_cast<double>(bytes) / kRate, 0.2);
  // An error is told at once.
  const double before = Elapsed();
  const std::unique_ptr<ReadStream> broken = Limited<ReadArchiveResponse>(
      std::make_unique<FastReadStream>(-1), &limiter_);
  EXPECT_THAT(broken->Next(), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_EQ(Elapsed(), before);
}

TEST_F(RateLimiterTest, WithoutALimitAStreamIsAsItWas) {
  uint64_t sent_bytes = 0;
  auto stream = std::make_unique<FastWriteStream>(&sent_bytes);
  const WriteStream* const same = stream.get();
  EXPECT_EQ(Limited<WriteStreamRequest>(std::move(stream), nullptr).get(),
            same);
}

}  // namespace
}  // namespace cairn::client
