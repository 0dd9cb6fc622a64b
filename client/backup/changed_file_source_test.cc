#include "client/backup/changed_file_source.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "common/testing/seed.h"
#include "common/testing/status_matchers.h"
#include "common/testing/temp_dir.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cairn::client {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr uint64_t kKiB = 1024;
constexpr uint64_t kMiB = 1024 * 1024;

class ChangedFileSourceTest : public ::testing::Test {
 protected:
  void Write(const std::string& content) {
    std::ofstream(path_, std::ios::binary) << content;
  }

  ChangedFileSource& Open(std::vector<ByteRange> ranges) {
    ranges_ = RangeList(std::move(ranges));
    auto file = FileSource::Open({.path = path_}, &interrupt_, &problems_);
    EXPECT_OK(file);
    source_ = std::make_unique<ChangedFileSource>(*std::move(file), &ranges_);
    return *source_;
  }

  // What comes from here on, laid over `base`.
  std::string Apply(std::string base, ChangedFileSource& source) {
    frames_.clear();
    while (true) {
      auto step = source.Next();
      EXPECT_OK(step);
      if (!step.ok() || step->kind == SourceStep::Kind::kEnd) break;
      const Frame& frame = step->frame;
      EXPECT_LE(frame.data.size(), kFrameBytes);
      EXPECT_EQ(frame.end(), source.position());
      EXPECT_LE(frame.end(), base.size());
      base.replace(frame.offset, frame.length(),
                   frame.hole_bytes > 0 ? std::string(frame.hole_bytes, '\0')
                                        : frame.data);
      frames_.push_back({frame.offset, frame.end()});
      holes_ += frame.hole_bytes;
    }
    EXPECT_EQ(source.position(), source.size_bytes());
    return base;
  }

  std::mt19937_64 random_{TestSeed()};
  TempDir dir_;
  const std::string path_ = dir_.Join("file");
  Interrupt interrupt_;
  ProblemLog problems_;
  RangeList ranges_;
  std::unique_ptr<ChangedFileSource> source_;
  std::vector<ByteRange> frames_;
  uint64_t holes_ = 0;
};

TEST_F(ChangedFileSourceTest, GivesTheRangesAndNothingElse) {
  std::string content(5 * kMiB, '\0');
  for (char& byte : content) byte = static_cast<char>(random_());
  Write(content);
  for (int round = 0; round < 20; ++round) {
    std::string base(content.size(), 'b');
    std::string expected = base;
    std::vector<ByteRange> ranges;
    for (int i = 0; i < 10; ++i) {
      const uint64_t offset = random_() % content.size();
      const uint64_t end = std::min<uint64_t>(
          content.size(), offset + 1 + random_() % (random_() % 2 ? kMiB : 99));
      ranges.push_back({offset, end});
      expected.replace(offset, end - offset, content, offset, end - offset);
    }
    ChangedFileSource& source = Open(ranges);
    EXPECT_TRUE(Apply(base, source) == expected);
    // And again from anywhere.
    const uint64_t from = random_() % (content.size() + 1);
    ASSERT_OK(source.Rewind(from));
    base.replace(0, from, expected, 0, from);
    EXPECT_TRUE(Apply(base, source) == expected);
    for (const ByteRange& frame : frames_) EXPECT_GE(frame.offset, from);
  }
  EXPECT_THAT(problems_.texts(), IsEmpty());
}

TEST_F(ChangedFileSourceTest, LeavesOutWhatLiesBehindTheEnd) {
  Write(std::string(1000, 'x'));
  Apply(std::string(1000, 'b'), Open({{10, 20}, {990, 1010}, {5000, 6000}}));
  EXPECT_THAT(frames_, ElementsAre(ByteRange{10, 20}, ByteRange{990, 1000}));
  Apply(std::string(1000, 'b'), Open({}));
  EXPECT_THAT(frames_, IsEmpty());
  EXPECT_THAT(source_->Rewind(1001), StatusIs(absl::StatusCode::kOutOfRange));
}

TEST_F(ChangedFileSourceTest, ZerosAreHolesWhereTheyAreMany) {
  const int fd = open(path_.c_str(), O_RDWR | O_CREAT, 0600);
  ASSERT_EQ(pwrite(fd, "data", 4, 8 * kMiB), 4);
  ASSERT_EQ(ftruncate(fd, 64 * kMiB), 0);
  close(fd);
  // Small ones stay in their chunk.
  Apply(std::string(64 * kMiB, 'b'), Open({{kMiB, kMiB + 4 * kKiB}}));
  EXPECT_EQ(holes_, 0u);
  Apply(std::string(64 * kMiB, 'b'), Open({{20 * kMiB, 50 * kMiB}}));
  EXPECT_EQ(holes_, 30 * kMiB);
  EXPECT_THAT(frames_, ElementsAre(ByteRange{20 * kMiB, 50 * kMiB}));
}

TEST_F(ChangedFileSourceTest, TellsOfAFileThatIsWrittenMeanwhile) {
  Write(std::string(2 * kMiB, 'x'));
  ChangedFileSource& source = Open({{0, kMiB}, {kMiB + 5, 2 * kMiB}});
  ASSERT_OK(source.Next());
  ASSERT_EQ(truncate(path_.c_str(), kMiB), 0);
  const std::string result = Apply(std::string(2 * kMiB, 'b'), source);
  EXPECT_EQ(result.substr(kMiB, 6), "bbbbb" + std::string(1, '\0'));
  EXPECT_THAT(problems_.texts(), ElementsAre(HasSubstr("size changed")));
}

}  // namespace
}  // namespace cairn::client
