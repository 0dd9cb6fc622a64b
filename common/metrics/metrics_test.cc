#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/metrics/metric_registry.h"
#include "common/metrics/metrics_exposer.h"
#include "common/metrics/process_metrics.h"
#include "common/metrics/rpc_metrics.h"
#include "common/testing/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// The value of the series that `line` starts with, -1 if there is none.
double ValueOf(const MetricRegistry& registry, const std::string& series) {
  const std::string text = registry.Text();
  const size_t at = text.find("\n" + series + " ");
  if (at == std::string::npos) return -1;
  return std::stod(text.substr(at + series.size() + 2));
}

TEST(MetricRegistryTest, TheSameSeriesIsTheSameMetric) {
  MetricRegistry registry;
  Counter& first =
      registry.AddCounter("cairn_test_total", "Tests.", {{"a", "1"}});
  Counter& second =
      registry.AddCounter("cairn_test_total", "Tests.", {{"a", "1"}});
  Counter& other =
      registry.AddCounter("cairn_test_total", "Tests.", {{"a", "2"}});
  EXPECT_EQ(&first, &second);
  EXPECT_NE(&first, &other);
  first.Increment(3);
  EXPECT_EQ(ValueOf(registry, "cairn_test_total{a=\"1\"}"), 3);
  EXPECT_EQ(ValueOf(registry, "cairn_test_total{a=\"2\"}"), 0);
}

TEST(MetricRegistryTest, CallbacksAreAskedAtEachScrape) {
  MetricRegistry registry;
  double value = 1;
  registry.AddCallback("cairn_test_bytes", "Bytes.", {{"kind", "x"}}, false,
                       [&value] { return value; });
  EXPECT_EQ(ValueOf(registry, "cairn_test_bytes{kind=\"x\"}"), 1);
  value = 7;
  EXPECT_EQ(ValueOf(registry, "cairn_test_bytes{kind=\"x\"}"), 7);
}

TEST(MetricRegistryTest, HistogramsCountWhatIsBelowEachBound) {
  MetricRegistry registry;
  Histogram& histogram =
      registry.AddHistogram("cairn_test_seconds", "Time.", {}, {1, 2});
  histogram.Observe(1.5);
  EXPECT_EQ(ValueOf(registry, "cairn_test_seconds_bucket{le=\"1\"}"), 0);
  EXPECT_EQ(ValueOf(registry, "cairn_test_seconds_bucket{le=\"2\"}"), 1);
}

TEST(MetricRegistryDeathTest, AWrongNameEndsTheProgramWithItsName) {
  MetricRegistry registry;
  EXPECT_DEATH(registry.AddGauge("no name", "Help."), "metric no name");
}

TEST(RpcMetricsTest, AMethodHasAllItsSeriesFromTheStart) {
  MetricRegistry registry;
  RpcMetrics metrics(&registry);
  metrics.AddMethod("cairn.test.v1.Test/Get", RpcType::kUnary);
  metrics.AddMethod("cairn.test.v1.Test/Get", RpcType::kUnary);
  const std::string labels =
      "grpc_method=\"Get\",grpc_service=\"cairn.test.v1.Test\","
      "grpc_type=\"unary\"";
  EXPECT_EQ(ValueOf(registry,
                    absl::StrCat("grpc_server_started_total{", labels, "}")),
            0);
  EXPECT_EQ(
      ValueOf(registry, absl::StrCat("grpc_server_handled_total{grpc_code="
                                     "\"DataLoss\",",
                                     labels, "}")),
      0);
  RpcMethodMetrics* method = metrics.Find("cairn.test.v1.Test/Get");
  ASSERT_NE(method, nullptr);
  method->Started();
  method->Handled(absl::StatusCode::kDataLoss, absl::Milliseconds(3));
  EXPECT_EQ(
      ValueOf(registry, absl::StrCat("grpc_server_handled_total{grpc_code="
                                     "\"DataLoss\",",
                                     labels, "}")),
      1);
  EXPECT_EQ(
      ValueOf(registry,
              absl::StrCat("grpc_server_handling_seconds_count{", labels, "}")),
      1);
  EXPECT_EQ(metrics.Find("cairn.test.v1.Test/Put"), nullptr);
}

TEST(RpcMetricsTest, BothSidesCountMessagesUnderTheirOwnNames) {
  MetricRegistry registry;
  for (const auto& [side, prefix] :
       {std::pair(RpcSide::kServer, "grpc_server_"),
        std::pair(RpcSide::kClient, "grpc_client_")}) {
    RpcMethodTable table(side, &registry);
    table.AddMethod("cairn.test.v1.Test/Put", RpcType::kClientStream);
    RpcMethodMetrics* const method = table.Find("cairn.test.v1.Test/Put");
    ASSERT_NE(method, nullptr);
    const std::string labels =
        "{grpc_method=\"Put\",grpc_service=\"cairn.test.v1.Test\","
        "grpc_type=\"client_stream\"}";
    const std::string received =
        absl::StrCat(prefix, "msg_received_total", labels);
    EXPECT_EQ(ValueOf(registry, received), 0);
    method->Received();
    method->Received();
    method->Sent();
    EXPECT_EQ(ValueOf(registry, received), 2);
    EXPECT_EQ(ValueOf(registry, absl::StrCat(prefix, "msg_sent_total", labels)),
              1);
  }
}

TEST(ProcessMetricsTest, ReadsThisProcess) {
  MetricRegistry registry;
  AddProcessMetrics("index", "1.2.3", &registry);
  EXPECT_EQ(ValueOf(registry,
                    "cairn_build_info{service=\"index\","
                    "version=\"1.2.3\"}"),
            1);
  EXPECT_GT(ValueOf(registry, "process_resident_memory_bytes"), 1e6);
  EXPECT_GE(ValueOf(registry, "process_cpu_seconds_total"), 0);
  EXPECT_GE(ValueOf(registry, "process_open_fds"), 3);
  EXPECT_GE(ValueOf(registry, "process_max_fds"), 3);
  EXPECT_GE(ValueOf(registry, "process_threads"), 1);
  EXPECT_GT(ValueOf(registry, "process_start_time_seconds"), 1.5e9);
}

TEST(MetricsExposerTest, ListensWhereTheKernelChose) {
  MetricRegistry registry;
  ASSERT_OK_AND_ASSIGN(const auto exposer,
                       MetricsExposer::Open("127.0.0.1:0", registry));
  EXPECT_NE(exposer->port(), 0);
  EXPECT_THAT(MetricsExposer::Open(absl::StrCat("127.0.0.1:", exposer->port()),
                                   registry),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("127.0.0.1")));
}

TEST(MetricsExposerTest, RefusesWhatIsNoAddress) {
  MetricRegistry registry;
  for (const char* address :
       {"", "9090", ":9090", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:70000",
        "127.0.0.1:80,127.0.0.1:81", "127.0.0.1:80s", "host:80"}) {
    EXPECT_THAT(MetricsExposer::Open(address, registry),
                StatusIs(absl::StatusCode::kInvalidArgument))
        << address;
  }
}

}  // namespace
}  // namespace cairn
