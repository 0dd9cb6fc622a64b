#include "common/server/readiness_monitor.h"

#include "common/testing/fake_clock.h"
#include "common/testing/test_executor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

using ::testing::HasSubstr;

class ReadinessMonitorTest : public ::testing::Test {
 protected:
  ReadinessMonitorTest() : executor_(&clock_) {
    monitor_.AddService("index");
    monitor_.AddService("ingest");
    monitor_.AddProbe("ingest", "chunk_storage", [this] { return status_; });
  }

  FakeClock clock_;
  TestExecutor executor_;
  HealthBoard board_;
  MetricRegistry metrics_;
  absl::Status status_;
  ReadinessMonitor monitor_{&board_, &metrics_, &executor_};
};

TEST_F(ReadinessMonitorTest, IsAliveButNotReadyBeforeStart) {
  EXPECT_EQ(board_.Get("liveness"), true);
  EXPECT_EQ(board_.Get("readiness"), false);
  EXPECT_EQ(board_.Get(""), false);
  EXPECT_EQ(board_.Get("index"), false);
  EXPECT_EQ(board_.Get("unknown"), std::nullopt);
}

TEST_F(ReadinessMonitorTest, IsReadyWhileEveryDependencyAnswers) {
  monitor_.Start();
  EXPECT_EQ(board_.Get("readiness"), true);
  status_ = absl::UnavailableError("down");
  executor_.AdvanceAndRun(ReadinessMonitor::kInterval);
  EXPECT_EQ(board_.Get("readiness"), false);
  EXPECT_EQ(board_.Get(""), false);
  EXPECT_EQ(board_.Get("ingest"), false);
  EXPECT_EQ(board_.Get("index"), true);
  EXPECT_EQ(board_.Get("liveness"), true);
  EXPECT_THAT(metrics_.Text(), HasSubstr("cairn_dependency_ready{dependency="
                                         "\"chunk_storage\"} 0"));
  status_ = absl::OkStatus();
  executor_.AdvanceAndRun(ReadinessMonitor::kInterval);
  EXPECT_EQ(board_.Get("readiness"), true);
  EXPECT_THAT(metrics_.Text(), HasSubstr("cairn_dependency_ready{dependency="
                                         "\"chunk_storage\"} 1"));
}

TEST_F(ReadinessMonitorTest, IsNeverReadyAgainOnceItDrains) {
  monitor_.Start();
  monitor_.Drain();
  EXPECT_EQ(board_.Get("readiness"), false);
  EXPECT_EQ(board_.Get("index"), false);
  executor_.AdvanceAndRun(ReadinessMonitor::kInterval);
  EXPECT_EQ(board_.Get("readiness"), false);
}

TEST_F(ReadinessMonitorTest, AsksNobodyAfterStop) {
  monitor_.Start();
  EXPECT_EQ(executor_.timers(), 1u);
  monitor_.Stop();
  EXPECT_EQ(executor_.timers(), 0u);
  EXPECT_EQ(board_.Get("readiness"), false);
}

}  // namespace
}  // namespace cairn
