#include "common/log/log.h"

#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/time/time.h"
#include "common/config/version.h"
#include "common/log/log_fields.h"
#include "common/log/log_limit.h"

namespace cairn {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class LogTest : public ::testing::Test {
 protected:
  LogTest() {
    InitializeLog({.service = "index"});
    previous_ = SetLogSink(
        [this](LogLevel, std::string_view line) { lines_.emplace_back(line); });
  }
  ~LogTest() override { SetLogSink(std::move(previous_)); }

  nlohmann::json Last() const {
    return nlohmann::json::parse(lines_.back(), nullptr, false);
  }

  std::vector<std::string> lines_;
  LogSink previous_;
};

TEST_F(LogTest, ALineIsOneJsonObjectWithTimeLevelServiceAndMessage) {
  LOG(WARNING) << "gc run finished run=" << 7;
  ASSERT_THAT(lines_, SizeIs(1));
  EXPECT_EQ(Last()["level"], "warning");
  EXPECT_EQ(Last()["service"], "index");
  EXPECT_EQ(Last()["msg"], "gc run finished run=7");
  const std::string ts = Last()["ts"];
  EXPECT_EQ(ts.size(), std::string("2024-05-01T10:00:00.123456789Z").size());
  absl::Time time;
  std::string error;
  EXPECT_TRUE(absl::ParseTime(absl::RFC3339_full, ts, &time, &error)) << error;
}

TEST_F(LogTest, LinesBelowTheLevelAreNotWrittenNorEvaluated) {
  int evaluated = 0;
  LOG(DEBUG) << ++evaluated;
  EXPECT_THAT(lines_, IsEmpty());
  EXPECT_EQ(evaluated, 0);
  SetLogLevel(LogLevel::kDebug);
  LOG(DEBUG) << ++evaluated;
  EXPECT_THAT(lines_, SizeIs(1));
}

TEST_F(LogTest, ElseAfterLogBelongsToTheCallersIf) {
  bool reached = false;
  if (!lines_.empty())
    LOG(INFO) << "not taken";
  else
    reached = true;
  EXPECT_TRUE(reached);
}

TEST_F(LogTest, HostileBytesStayOneValidJsonLine) {
  const std::string hostile =
      "a\nb\r\x1b[31m\"\\\x01\x7f\xff\xc0\xaf\xed\xa0\x80\xc2\x9b" +
      std::string(1, '\0') + "\xc3\xa9";
  LOG(INFO) << hostile;
  ASSERT_FALSE(Last().is_discarded()) << lines_.back();
  EXPECT_THAT(lines_.back(), Not(HasSubstr("\n")));
  EXPECT_THAT(lines_.back(), Not(HasSubstr("\x1b")));
  EXPECT_THAT(lines_.back(), Not(HasSubstr("\xc2\x9b")));
  EXPECT_THAT(lines_.back(), HasSubstr("\xc3\xa9"));
  EXPECT_THAT(Last()["msg"].get<std::string>(), HasSubstr("a\nb\r\x1b[31m\""));
}

TEST_F(LogTest, MessagesAreCutAtTheLimitBetweenCharacters) {
  std::string message(kMaxLogMessageBytes - 1, 'x');
  message += "\xc3\xa9tail";
  LOG(INFO) << message;
  EXPECT_EQ(Last()["msg"], std::string(kMaxLogMessageBytes - 1, 'x') + "...");
}

TEST_F(LogTest, FieldsOfTheThreadAreInItsLines) {
  {
    const ScopedLogField outer("trace_id", "abc");
    const ScopedLogField inner("method", "Get\"Snapshot");
    LOG(INFO) << "one";
    EXPECT_EQ(Last()["trace_id"], "abc");
    EXPECT_EQ(Last()["method"], "Get\"Snapshot");
  }
  LOG(INFO) << "two";
  EXPECT_FALSE(Last().contains("trace_id"));
}

TEST_F(LogTest, DeepFieldScopesAreBounded) {
  std::vector<std::unique_ptr<ScopedLogField>> scopes;
  for (int i = 0; i < 20; ++i) {
    scopes.push_back(
        std::make_unique<ScopedLogField>("f" + std::to_string(i), "v"));
  }
  LOG(INFO) << "deep";
  EXPECT_TRUE(Last().contains("f7"));
  EXPECT_FALSE(Last().contains("f8"));
  while (!scopes.empty()) scopes.pop_back();
  LOG(INFO) << "flat";
  EXPECT_FALSE(Last().contains("f0"));
}

TEST_F(LogTest, ALineHasTheVersion) {
  LOG(INFO) << "one";
  EXPECT_EQ(Last()["version"], kVersion);
}

TEST_F(LogTest, FieldsOfAPieceOfWorkAreInItsLines) {
  LogFields fields;
  SetTraceFields("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                 &fields);
  {
    const LogScope scope(&fields);
    SetLogField("session", "s1");
    LOG(INFO) << "one";
    EXPECT_EQ(Last()["trace_id"], "0af7651916cd43dd8448eb211c80319c");
    EXPECT_EQ(Last()["span_id"], "b7ad6b7169203331");
    EXPECT_EQ(Last()["session"], "s1");
    EXPECT_EQ(CurrentTraceParent(),
              "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    LogFields inner;
    {
      const LogScope nested(&inner);
      SetLogField("session", "s2");
      LOG(INFO) << "two";
      EXPECT_EQ(Last()["session"], "s2");
      EXPECT_FALSE(Last().contains("trace_id"));
    }
    LOG(INFO) << "three";
    EXPECT_EQ(Last()["session"], "s1");
  }
  SetLogField("session", "s3");
  LOG(INFO) << "four";
  EXPECT_FALSE(Last().contains("session"));
  EXPECT_EQ(CurrentTraceParent(), "");
}

TEST_F(LogTest, FieldsOfAPieceOfWorkAreBounded) {
  LogFields fields;
  for (int i = 0; i < 100; ++i) fields.Set("f" + std::to_string(i), "v");
  EXPECT_EQ(fields.list().size(), 12u);
  fields.Set("f0", "w");
  EXPECT_EQ(fields.list().size(), 12u);
  fields.Set("f0", "");
  EXPECT_EQ(fields.list().size(), 11u);
}

TEST_F(LogTest, ALineHasItsOwnFieldsAndNumbersAreNumbers) {
  const LogField fields[] = {
      {.name = "dur_s", .value = "0.25", .is_number = true},
      {.name = "code", .value = "OK"}};
  LogWithFields(LogLevel::kInfo, "call finished", fields);
  EXPECT_EQ(Last()["dur_s"], 0.25);
  EXPECT_EQ(Last()["code"], "OK");
  LogWithFields(LogLevel::kDebug, "not seen", fields);
  EXPECT_EQ(Last()["msg"], "call finished");
}

TEST_F(LogTest, ALineThatRepeatsIsLeftOutAndCounted) {
  const LogCounts before = CountLogLines();
  for (int i = 0; i < 3 * LogLimiter::kBurst; ++i) {
    LOG(WARNING) << "disk is full bytes=" << i;
  }
  // Some more may pass while the test takes its time.
  EXPECT_GE(lines_.size(), static_cast<size_t>(LogLimiter::kBurst));
  EXPECT_LT(lines_.size(), static_cast<size_t>(2 * LogLimiter::kBurst));
  const LogCounts after = CountLogLines();
  EXPECT_EQ(after.lines[static_cast<size_t>(LogLevel::kWarning)] -
                before.lines[static_cast<size_t>(LogLevel::kWarning)],
            3u * LogLimiter::kBurst);
  EXPECT_EQ(after.left_out - before.left_out,
            3u * LogLimiter::kBurst - lines_.size());
}

TEST_F(LogTest, TextFormEscapesControlCharacters) {
  InitializeLog({.service = "index", .format = LogFormat::kText});
  const ScopedLogField field("trace_id", "abc");
  LOG(ERROR) << "a\n\x1b[2J\xff";
  EXPECT_THAT(lines_.back(), HasSubstr("ERROR a\\x0a\\x1b[2J\\xff"));
  EXPECT_THAT(lines_.back(), HasSubstr(" trace_id=abc"));
}

TEST_F(LogTest, LevelNamesRoundTrip) {
  for (const LogLevel level : {LogLevel::kDebug, LogLevel::kInfo,
                               LogLevel::kWarning, LogLevel::kError}) {
    EXPECT_EQ(ParseLogLevel(LogLevelName(level)), level);
  }
  EXPECT_EQ(ParseLogLevel("loud"), std::nullopt);
}

TEST(CheckDeathTest, NamesTheConditionAndTheValues) {
  EXPECT_DEATH(CHECK(1 > 2) << "because", "check failed: 1 > 2 because");
  EXPECT_DEATH(CHECK_EQ(3, 4) << "x", "3 == 4 \\(3 vs. 4\\) x");
  EXPECT_DEATH(CHECK_OK(absl::DataLossError("pack 7")), "DATA_LOSS: pack 7");
}

TEST(CheckTest, PassesWithoutEvaluatingTheMessage) {
  int evaluated = 0;
  CHECK(true) << ++evaluated;
  CHECK_LE(1, 1) << ++evaluated;
  CHECK_OK(absl::OkStatus()) << ++evaluated;
  EXPECT_EQ(evaluated, 0);
}

}  // namespace
}  // namespace cairn
