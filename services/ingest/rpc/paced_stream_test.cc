#include "services/ingest/rpc/paced_stream.h"

#include <string>

#include "absl/time/time.h"
#include "cairn/ingest/v1/backup_service.pb.h"
#include "common/concurrency/cancellation.h"
#include "common/metrics/metric_registry.h"
#include "common/testing/fake_clock.h"
#include "common/testing/test_executor.h"
#include "gtest/gtest.h"

namespace cairn::ingest {
namespace {

using Request = v1::WriteStreamRequest;
using Response = v1::WriteStreamResponse;

// A peer that has as much as it is asked for, and takes what it is given.
class EagerPeer final : public ServerStream<Request, Response> {
 public:
  bool Read(Request* message) override {
    if (stopped) return false;
    message->mutable_data()->set_data(std::string(1000, 'x'));
    bytes += message->ByteSizeLong();
    return true;
  }
  void StopReading() override { stopped = true; }
  bool Write(Response message) override {
    bytes += message.ByteSizeLong();
    return true;
  }

  uint64_t bytes = 0;
  bool stopped = false;
};

class PacedStreamTest : public testing::Test {
 protected:
  double Elapsed() const {
    return absl::ToDoubleSeconds(clock_.Monotonic() - start_);
  }
  static Response Watermark() {
    Response response;
    response.mutable_watermark()->set_durable_bytes(uint64_t{1} << 40);
    response.mutable_watermark()->set_accepted_bytes(uint64_t{1} << 40);
    return response;
  }

  FakeClock clock_;
  const absl::Duration start_ = clock_.Monotonic();
  TestExecutor executor_{&clock_};
  MetricRegistry registry_;
  Bandwidth bandwidth_{
      1000,
      {.clock = &clock_,
       .executor = &executor_,
       .throttled_seconds = &registry_.AddCounter("test_seconds", "-")}};
  CancellationToken token_;
  const Call call_ = {.cancellation = &token_};
  EagerPeer peer_;
};

TEST_F(PacedStreamTest, WhatComesInWaitsAndWhatGoesOutDoesNot) {
  PacedReads<Request, Response> paced(call_, &peer_, &bandwidth_);
  Request request;
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(paced.Read(&request));
  EXPECT_NEAR(Elapsed(), peer_.bytes / 1000.0, 0.2);
  const double before = Elapsed();
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(paced.Write(Watermark()));
  EXPECT_EQ(Elapsed(), before);
  paced.StopReading();
  EXPECT_FALSE(paced.Read(&request));
}

TEST_F(PacedStreamTest, WhatGoesOutOfAReadWaits) {
  PacedWrites<Response> paced(call_, &peer_, &bandwidth_);
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(paced.Write(Watermark()));
  EXPECT_GT(peer_.bytes, 10'000u);
  EXPECT_NEAR(Elapsed(), peer_.bytes / 1000.0, 0.2);
}

TEST_F(PacedStreamTest, ADeadCallEndsBoth) {
  PacedReads<Request, Response> reads(call_, &peer_, &bandwidth_);
  PacedWrites<Response> writes(call_, &peer_, &bandwidth_);
  token_.Cancel();
  Request request;
  EXPECT_FALSE(reads.Read(&request));
  EXPECT_FALSE(writes.Write(Watermark()));
  EXPECT_EQ(Elapsed(), 0);
}

}  // namespace
}  // namespace cairn::ingest
