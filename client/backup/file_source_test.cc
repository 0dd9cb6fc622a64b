#include "client/backup/file_source.h"

#include <fcntl.h>
#include <unistd.h>

#include <fstream>
#include <string>
#include <vector>

#include "common/testing/status_matchers.h"
#include "common/testing/temp_dir.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cairn::client {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr uint64_t kMiB = 1024 * 1024;

class FileSourceTest : public ::testing::Test {
 protected:
  std::unique_ptr<FileSource> Open(ArchiveKind kind) {
    auto source = FileSource::Open({.path = path_, .kind = kind}, &interrupt_,
                                   &problems_);
    EXPECT_OK(source);
    return *std::move(source);
  }

  // Everything from here on, holes as zeros.
  std::string ReadAll(FileSource& source) {
    std::string all;
    holes_ = 0;
    while (true) {
      auto step = source.Next();
      EXPECT_OK(step);
      if (!step.ok() || step->kind == SourceStep::Kind::kEnd) return all;
      holes_ += step->frame.hole_bytes;
      EXPECT_LE(step->frame.data.size(), kFrameBytes);
      all += step->frame.data;
      all.append(step->frame.hole_bytes, '\0');
      EXPECT_EQ(step->frame.end(), source.position());
    }
  }

  void Write(const std::string& content) {
    std::ofstream(path_, std::ios::binary) << content;
  }

  TempDir dir_;
  const std::string path_ = dir_.Join("file");
  Interrupt interrupt_;
  ProblemLog problems_;
  uint64_t holes_ = 0;
};

TEST_F(FileSourceTest, ReadsAllOfAFile) {
  std::string content;
  for (int i = 0; i < 300000; ++i) content += std::to_string(i);
  Write(content);
  const auto source = Open(ArchiveKind::kStream);
  EXPECT_EQ(ReadAll(*source), content);
  EXPECT_THAT(problems_.texts(), IsEmpty());
  EXPECT_EQ(source->size_bytes(), content.size());
}

TEST_F(FileSourceTest, SendsHolesAsHoles) {
  const int fd = open(path_.c_str(), O_RDWR | O_CREAT, 0600);
  ASSERT_EQ(pwrite(fd, "data", 4, 8 * kMiB), 4);
  ASSERT_EQ(ftruncate(fd, 100 * kMiB), 0);
  close(fd);
  const auto source = Open(ArchiveKind::kStream);
  const std::string all = ReadAll(*source);
  EXPECT_EQ(all.size(), 100 * kMiB);
  EXPECT_EQ(all.substr(8 * kMiB, 4), "data");
  EXPECT_GT(holes_, 99 * kMiB);
}

TEST_F(FileSourceTest, FindsZerosThatAreNoHolesInImagesOnly) {
  Write(std::string(3 * kMiB, '\0') + "x");
  EXPECT_EQ(ReadAll(*Open(ArchiveKind::kImage)).size(), 3 * kMiB + 1);
  EXPECT_EQ(holes_, 3 * kMiB);
  ReadAll(*Open(ArchiveKind::kStream));
  EXPECT_EQ(holes_, 0u);
}

TEST_F(FileSourceTest, GoesBackAnywhere) {
  std::string content;
  for (int i = 0; i < 300000; ++i) content += std::to_string(i);
  Write(content);
  const auto source = Open(ArchiveKind::kImage);
  ReadAll(*source);
  for (const uint64_t at :
       {uint64_t{0}, uint64_t{12345}, kMiB, uint64_t{content.size()}}) {
    ASSERT_OK(source->Rewind(at));
    EXPECT_EQ(ReadAll(*source), content.substr(at));
  }
  EXPECT_THAT(source->Rewind(content.size() + 1),
              StatusIs(absl::StatusCode::kOutOfRange));
}

TEST_F(FileSourceTest, FillsUpAFileThatShrinksAndSaysSo) {
  Write(std::string(4 * kMiB, 'x'));
  const auto source = Open(ArchiveKind::kStream);
  ASSERT_OK(source->Next());
  ASSERT_EQ(truncate(path_.c_str(), 2 * kMiB + 5), 0);
  const std::string rest = ReadAll(*source);
  EXPECT_EQ(rest, std::string(kMiB + 5, 'x') + std::string(2 * kMiB - 5, '\0'));
  EXPECT_THAT(problems_.texts(),
              ElementsAre(HasSubstr("ended at byte 2097157 of 4194304"),
                          HasSubstr("size changed")));
}

TEST_F(FileSourceTest, SaysThatAFileHasLessThanItsSizeSays) {
  // Files of sysfs say that they have a page, and their size never changes.
  const std::string path = "/sys/kernel/mm/transparent_hugepage/enabled";
  if (access(path.c_str(), R_OK) != 0) GTEST_SKIP() << "no " << path;
  for (const ArchiveKind kind :
       {ArchiveKind::kStream, ArchiveKind::kImage, ArchiveKind::kBlob}) {
    ProblemLog problems;
    auto source =
        FileSource::Open({.path = path, .kind = kind}, &interrupt_, &problems);
    ASSERT_OK(source);
    EXPECT_EQ(ReadAll(**source).size(), (*source)->size_bytes());
    ASSERT_OK((*source)->Rewind(0));
    ReadAll(**source);
    EXPECT_THAT(problems.texts(),
                ElementsAre(HasSubstr("the rest is stored as zeros")));
  }
}

TEST_F(FileSourceTest, RefusesAFileThatHidesItsContent) {
  for (const ArchiveKind kind : {ArchiveKind::kStream, ArchiveKind::kBlob}) {
    EXPECT_THAT(FileSource::Open({.path = "/proc/self/status", .kind = kind},
                                 &interrupt_, &problems_),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr("/proc/self/status: its size is 0")));
  }
  Write("");
  EXPECT_EQ(ReadAll(*Open(ArchiveKind::kBlob)), "");
}

TEST_F(FileSourceTest, LeavesOutWhatAFileGrowsAndSaysSo) {
  Write("begin");
  const auto source = Open(ArchiveKind::kBlob);
  std::ofstream(path_, std::ios::app) << "more";
  EXPECT_EQ(ReadAll(*source), "begin");
  EXPECT_THAT(problems_.texts(), ElementsAre(HasSubstr("size changed")));
}

TEST_F(FileSourceTest, RefusesALargeBlob) {
  Write(std::string(101, 'x'));
  EXPECT_THAT(
      FileSource::Open(
          {.path = path_, .kind = ArchiveKind::kBlob, .max_blob_bytes = 100},
          &interrupt_, &problems_),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("101")));
}

TEST_F(FileSourceTest, StopsWhenInterrupted) {
  Write("x");
  const auto source = Open(ArchiveKind::kImage);
  interrupt_.Raise();
  EXPECT_THAT(source->Next(), StatusIs(absl::StatusCode::kCancelled));
}

}  // namespace
}  // namespace cairn::client
