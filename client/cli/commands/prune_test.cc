#include <fcntl.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cli/program.h"
#include "client/posix/local_file.h"
#include "common/testing/seed.h"
#include "common/testing/temp_dir.h"
#include "common/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cairn::client {
namespace {

using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// `cairn prune simulate`, which needs no server. What is selected is tested
// beside the rules, and over this command in tests/integration.
class PruneSimulateTest : public ::testing::Test {
 protected:
  int Run(const std::string& input, const std::vector<std::string>& options) {
    const std::string path = dir_.Join("stdin");
    std::ofstream(path, std::ios::binary) << input;
    const FileDescriptor fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    out_.str("");
    err_.str("");
    const Console console = {
        .out = &out_,
        .err = &err_,
        .stdin_fd = fd.get(),
        .environment = [](const std::string&) -> std::optional<std::string> {
          return std::nullopt;
        },
        .clock = &clock_,
        .interrupt = &interrupt_};
    std::vector<std::string> arguments = {"prune", "simulate"};
    arguments.insert(arguments.end(), options.begin(), options.end());
    return RunProgram(arguments, console, random_);
  }
  std::string out() const { return out_.str(); }
  std::string err() const { return err_.str(); }

  std::mt19937_64 random_{TestSeed()};
  TempDir dir_;
  SystemClock clock_;
  Interrupt interrupt_;
  std::ostringstream out_;
  std::ostringstream err_;
};

TEST_F(PruneSimulateTest, TellsOfEachSnapshotOldestFirst) {
  ASSERT_EQ(Run("{\"time\":\"2020-12-06T00:00:00Z\"}\n"
                "{\"finished\":true,\"time\":\"2020-11-29T00:00:00Z\","
                "\"protected\":false}\r\n"
                "\n"
                "  { \"time\" : \"2020-12-07T00:00:00Z\", "
                "\"finished\" : false }\n"
                "{\"time\":\"2020-11-28T00:00:00Z\",\"protected\":true}\n"
                "{\"time\":\"2020-11-27T00:00:00Z\"}",
                {"--keep-daily=1", "--keep-weekly=1", "--keep-monthly=1"}),
            0)
      << err();
  EXPECT_EQ(
      out(),
      "{\"time\":\"2020-11-27T00:00:00Z\",\"action\":\"remove\",\"reason\":"
      "\"weekly 2020-W48 is kept by 2020-11-29T00:00:00Z\"}\n"
      "{\"time\":\"2020-11-28T00:00:00Z\",\"action\":\"protected\",\"reason\":"
      "\"protected\"}\n"
      "{\"time\":\"2020-11-29T00:00:00Z\",\"action\":\"keep\",\"reason\":"
      "\"weekly 2020-W48\"}\n"
      "{\"time\":\"2020-12-06T00:00:00Z\",\"action\":\"keep\",\"reason\":"
      "\"daily 2020-12-06\"}\n"
      "{\"time\":\"2020-12-07T00:00:00Z\",\"action\":\"keep-partial\","
      "\"reason\":\"unfinished, newest: assumed to be running\"}\n");
  EXPECT_EQ(err(), "");
}

TEST_F(PruneSimulateTest, PrintsTheSameInEveryFormat) {
  const std::string input = "{\"time\":\"2020-12-06T00:00:00Z\"}\n";
  ASSERT_EQ(Run(input, {"--keep-last=1"}), 0);
  const std::string text = out();
  ASSERT_EQ(Run(input, {"--keep-last=1", "--output-format=json"}), 0);
  EXPECT_EQ(out(), text);
}

TEST_F(PruneSimulateTest, NothingOfNothing) {
  EXPECT_EQ(Run("", {"--keep-last=1"}), 0) << err();
  EXPECT_EQ(Run("\n \n", {}), 0) << err();
  EXPECT_EQ(out(), "");
}

TEST_F(PruneSimulateTest, NamesTheLineThatIsWrong) {
  const std::string good = "{\"time\":\"2020-12-06T00:00:00Z\"}\n\n";
  const std::pair<std::string, std::string> kCases[] = {
      {"x", "\"x\" is no JSON object"},
      {"[1]", "\"[1]\" is no JSON object"},
      {"{\"time\":\"2020-12-06T00:00:00Z\"} {}", "is no JSON object"},
      {"{}", "time is missing"},
      {"{\"time\":null}", "time is null, must be a string"},
      {"{\"time\":1607212800}", "time is 1607212800, must be a string"},
      {"{\"time\":\"2020-12-06\"}", "\"2020-12-06\" must be a UTC second"},
      {"{\"time\":\"2020-02-30T00:00:00Z\"}", "must be a UTC second"},
      {"{\"time\":\"2020-12-06T00:00:00Z\",\"protected\":\"yes\"}",
       "protected is \"yes\", must be true or false"},
      {"{\"time\":\"2020-12-06T00:00:00Z\",\"finished\":1}",
       "finished is 1, must be true or false"},
      {"{\"time\":\"2020-12-06T00:00:00Z\",\"protectd\":true}",
       "\"protectd\" is not known"},
      {std::string(4097, '['), "longer than 4096 bytes"},
      {std::string(4096, '['), "is no JSON object"},
      {std::string("{\"time\":\"\0\"}", 12), "is no JSON object"},
      {"{\"time\":\"\xff\"}", "is no JSON object"},
      {"{\"time\":[\"\033\"]}", "is no JSON object"},
  };
  for (const auto& [line, error] : kCases) {
    EXPECT_EQ(Run(good + line, {"--keep-last=1"}), 2) << line;
    EXPECT_THAT(err(),
                AllOf(StartsWith("cairn: stdin line 3: "), HasSubstr(error)));
    EXPECT_EQ(out(), "");
  }
}

TEST_F(PruneSimulateTest, ReadsSoManySnapshotsAndNoMore) {
  const std::string line = "{\"time\":\"2020-12-06T00:00:00Z\"}\n";
  std::string lines;
  lines.reserve(1'000'001 * line.size());
  for (int i = 0; i < 1'000'001; ++i) lines += line;
  EXPECT_EQ(Run(lines, {"--keep-last=1"}), 2);
  EXPECT_THAT(err(), HasSubstr("line 1000001: more than 1000000 snapshots"));
}

TEST_F(PruneSimulateTest, OptionsThatAreWrongAreTwo) {
  const std::pair<std::string, std::string> kCases[] = {
      {"--keep-last=-1", "\"-1\" must be a number"},
      {"--keep-last=-18446744073709551615", "must be a number"},
      {"--keep-hourly=010", "\"010\" must be a number"},
      {"--keep-daily=1.5", "\"1.5\" must be a number"},
      {"--keep-weekly=x", "\"x\" must be a number"},
      {"--keep-monthly=4294967296", "0 (no such rule) to 4294967295"},
      {"--keep-yearly=", "keep-yearly"},
      {"--keep-within=7", "--keep-within: span of time \"7\""},
      {"--keep-within=7x", "\"x\" is no unit"},
      {"--timezone=Europe/Wien", "--timezone: time zone \"Europe/Wien\""},
      {"--timezone=../../../etc/passwd", "is not known here"},
      {"--keep-secondly=1", "--keep-secondly"},
  };
  for (const auto& [option, error] : kCases) {
    EXPECT_EQ(Run("", {option}), 2) << option;
    EXPECT_THAT(err(), HasSubstr(error));
  }
  // As of a variable that is not set.
  EXPECT_EQ(Run("", {"--keep-within", "", "--keep-last=1"}), 2);
  EXPECT_THAT(err(), HasSubstr("--keep-within: span of time \"\": is empty"));
  EXPECT_EQ(Run("", {"--timezone", "", "--keep-last=1"}), 2);
  EXPECT_EQ(Run("", {"--keep-last=0", "--keep-daily=4294967295"}), 0) << err();
}

TEST_F(PruneSimulateTest, HelpShowsBothForms) {
  ASSERT_EQ(Run("", {"--help"}), 0);
  EXPECT_THAT(out(),
              AllOf(HasSubstr("{\"time\":\"2020-11-29T00:00:00Z\",\"protected\""
                              ":false,\"finished\":true}"),
                    HasSubstr("\"action\":\"keep\",\"reason\":"),
                    HasSubstr("--keep-within 1y5m7d2h"),
                    HasSubstr("whatever --output-format says")));
}

// Any bytes get an answer or an error.
TEST_F(PruneSimulateTest, RandomFlipsNeverCrashIt) {
  std::string whole;
  for (int day = 10; day < 30; ++day) {
    absl::StrAppend(&whole, "{\"time\":\"2020-11-", day,
                    "T00:00:00Z\",\"protected\":false,\"finished\":true}\n");
  }
  for (int round = 0; round < 300; ++round) {
    std::string bytes = whole;
    for (uint64_t flips = 1 + random_() % 8; flips > 0; --flips) {
      bytes[random_() % bytes.size()] ^= static_cast<char>(1 << random_() % 8);
    }
    bytes.resize(random_() % (bytes.size() + 1));
    EXPECT_THAT(Run(bytes, {"--keep-daily=3", "--keep-within=2d"}),
                AnyOf(0, 2));
  }
}

}  // namespace
}  // namespace cairn::client
