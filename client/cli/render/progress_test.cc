#include "client/cli/render/progress.h"

#include <algorithm>
#include <sstream>

#include "common/testing/fake_clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cairn::client {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class ProgressLineTest : public ::testing::Test {
 protected:
  // Ten MiB a second for a minute, then the end.
  void Transfer(ProgressLine& line) {
    for (uint64_t i = 0; i <= 600; ++i) {
      line.Update({.archive = "a.img",
                   .bytes = i << 20,
                   .size_bytes = uint64_t{600} << 20,
                   .done = i == 600});
      clock_.Advance(absl::Milliseconds(100));
    }
  }
  int64_t Lines() const {
    const std::string text = out_.str();
    return std::count(text.begin(), text.end(), '\n');
  }

  FakeClock clock_;
  std::ostringstream out_;
};

TEST_F(ProgressLineTest, WritesALineEveryTenSecondsToAFile) {
  ProgressLine line({}, &out_, &clock_);
  Transfer(line);
  EXPECT_EQ(Lines(), 6);
  EXPECT_THAT(out_.str(), HasSubstr("100.0 MiB of 600.0 MiB, 16.7 %, "
                                    "10.0 MiB/s, 50 s left\n"));
  EXPECT_THAT(out_.str(), HasSubstr("a.img: 600.0 MiB, 10.0 MiB/s, 1 min 0 s"));
  EXPECT_THAT(out_.str(), Not(HasSubstr("\033")));
}

TEST_F(ProgressLineTest, RewritesOneLineOnATerminal) {
  ProgressLine line({.terminal = true}, &out_, &clock_);
  Transfer(line);
  EXPECT_EQ(Lines(), 1);
  const std::string text = out_.str();
  EXPECT_GT(std::count(text.begin(), text.end(), '\r'), 200);
}

TEST_F(ProgressLineTest, NotesStandOnTheirOwn) {
  ProgressLine line({.terminal = true}, &out_, &clock_);
  line.Update({.archive = "a", .bytes = 1});
  line.Note("connection lost");
  EXPECT_THAT(out_.str(), HasSubstr("\r\033[Kconnection lost\n"));
}

TEST_F(ProgressLineTest, QuietSaysNothing) {
  ProgressLine line({.terminal = true, .quiet = true}, &out_, &clock_);
  Transfer(line);
  EXPECT_EQ(out_.str(), "");
}

TEST_F(ProgressLineTest, ShowsWordsAsOftenAsTransfers) {
  ProgressLine plain({}, &out_, &clock_);
  for (int i = 0; i < 101; ++i) {
    plain.Update("gc: mark");
    clock_.Advance(absl::Milliseconds(200));
  }
  EXPECT_EQ(Lines(), 3);
  out_.str("");
  ProgressLine line({.terminal = true}, &out_, &clock_);
  line.Update("gc: mark");
  line.Update("gc: too soon");
  clock_.Advance(absl::Milliseconds(200));
  line.Update("gc: sweep");
  line.Note("a log line");
  EXPECT_EQ(out_.str(),
            "\rgc: mark\033[K\rgc: sweep\033[K\r\033[Ka log line\n");
}

TEST_F(ProgressLineTest, TellsWhatWasStoredAlready) {
  ProgressLine line({}, &out_, &clock_);
  line.Update({.archive = "a",
               .bytes = 1000,
               .done = true,
               .plain_bytes = 1000,
               .new_bytes = 250});
  EXPECT_THAT(out_.str(), HasSubstr("75.0 % already stored"));
}

}  // namespace
}  // namespace cairn::client
