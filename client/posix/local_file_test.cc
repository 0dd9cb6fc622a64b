#include "client/posix/local_file.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <memory>
#include <string>
#include <utility>

#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "client/posix/interrupt.h"
#include "client/posix/local_error.h"
#include "common/concurrency/thread_pool_executor.h"
#include "common/testing/status_matchers.h"
#include "common/testing/temp_dir.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cairn::client {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr uint64_t kMiB = 1024 * 1024;

// A file of `size` bytes that has data at the given places only.
std::string MakeSparse(const TempDir& dir, uint64_t size,
                       const std::vector<std::pair<uint64_t, uint64_t>>& data) {
  const std::string path = dir.Join("sparse");
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC, 0600);
  for (const auto& [offset, length] : data) {
    const std::string bytes(length, 'x');
    EXPECT_EQ(pwrite(fd, bytes.data(), length, static_cast<off_t>(offset)),
              static_cast<ssize_t>(length));
  }
  EXPECT_EQ(ftruncate(fd, static_cast<off_t>(size)), 0);
  EXPECT_EQ(fsync(fd), 0);
  close(fd);
  return path;
}

TEST(LocalFileTest, FindsHolesBeforeBetweenAndAfterData) {
  const TempDir dir;
  const std::string path =
      MakeSparse(dir, 16 * kMiB, {{4 * kMiB, kMiB}, {8 * kMiB, 2 * kMiB}});
  ASSERT_OK_AND_ASSIGN(const LocalFile file, LocalFile::Open(path));
  ASSERT_OK_AND_ASSIGN(const auto extents, file.Extents(16 * kMiB, 4096, 1000));
  EXPECT_THAT(extents, ElementsAre(Extent{true, 0, 4 * kMiB},
                                   Extent{false, 4 * kMiB, 5 * kMiB},
                                   Extent{true, 5 * kMiB, 8 * kMiB},
                                   Extent{false, 8 * kMiB, 10 * kMiB},
                                   Extent{true, 10 * kMiB, 16 * kMiB}));
}

TEST(LocalFileTest, TakesShortHolesAsData) {
  const TempDir dir;
  const std::string path =
      MakeSparse(dir, 16 * kMiB, {{4 * kMiB, kMiB}, {8 * kMiB, 2 * kMiB}});
  ASSERT_OK_AND_ASSIGN(const LocalFile file, LocalFile::Open(path));
  ASSERT_OK_AND_ASSIGN(const auto extents,
                       file.Extents(16 * kMiB, 4 * kMiB, 1000));
  EXPECT_THAT(extents, ElementsAre(Extent{true, 0, 4 * kMiB},
                                   Extent{false, 4 * kMiB, 10 * kMiB},
                                   Extent{true, 10 * kMiB, 16 * kMiB}));
}

TEST(LocalFileTest, BoundsTheNumberOfExtents) {
  const TempDir dir;
  const std::string path =
      MakeSparse(dir, 16 * kMiB, {{4 * kMiB, kMiB}, {8 * kMiB, 2 * kMiB}});
  ASSERT_OK_AND_ASSIGN(const LocalFile file, LocalFile::Open(path));
  ASSERT_OK_AND_ASSIGN(const auto extents, file.Extents(16 * kMiB, 4096, 2));
  EXPECT_THAT(extents, ElementsAre(Extent{true, 0, 4 * kMiB},
                                   Extent{false, 4 * kMiB, 16 * kMiB}));
}

TEST(LocalFileTest, AFileWithoutDataIsOneHole) {
  const TempDir dir;
  const std::string path = MakeSparse(dir, 3 * kMiB, {});
  ASSERT_OK_AND_ASSIGN(const LocalFile file, LocalFile::Open(path));
  ASSERT_OK_AND_ASSIGN(const Extent extent, file.ExtentAt(kMiB, 3 * kMiB));
  EXPECT_EQ(extent, (Extent{true, kMiB, 3 * kMiB}));
}

TEST(LocalFileTest, ReadsFewerBytesOnlyAtTheEnd) {
  const TempDir dir;
  std::ofstream(dir.Join("f")) << "0123456789";
  ASSERT_OK_AND_ASSIGN(const LocalFile file, LocalFile::Open(dir.Join("f")));
  EXPECT_THAT(file.Read(2, 4), IsOkAndHolds("2345"));
  EXPECT_THAT(file.Read(7, 100), IsOkAndHolds("789"));
  EXPECT_THAT(file.Read(10, 1), IsOkAndHolds(""));
}

TEST(LocalFileTest, FactsDifferAfterAWrite) {
  const TempDir dir;
  std::ofstream(dir.Join("f")) << "0123456789";
  ASSERT_OK_AND_ASSIGN(const LocalFile file, LocalFile::Open(dir.Join("f")));
  ASSERT_OK_AND_ASSIGN(const FileFacts before, file.Facts());
  EXPECT_EQ(before.size_bytes, 10u);
  EXPECT_THAT(file.Facts(), IsOkAndHolds(before));
  std::ofstream(dir.Join("f"), std::ios::app) << "a";
  ASSERT_OK_AND_ASSIGN(const FileFacts after, file.Facts());
  EXPECT_FALSE(after == before);
}

TEST(LocalFileTest, RefusesDirectoriesAndFifosWithoutWaiting) {
  const TempDir dir;
  ASSERT_EQ(mkfifo(dir.Join("fifo").c_str(), 0600), 0);
  const auto fifo = LocalFile::Open(dir.Join("fifo"));
  EXPECT_THAT(
      fifo, StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("fifo")));
  EXPECT_TRUE(IsLocalError(fifo.status()));
  EXPECT_THAT(LocalFile::Open(dir.path()),
              StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST(LocalFileTest, NamesTheFileThatIsMissing) {
  const TempDir dir;
  const auto file = LocalFile::Open(dir.Join("none"));
  EXPECT_THAT(
      file, StatusIs(absl::StatusCode::kNotFound, HasSubstr(dir.Join("none"))));
  EXPECT_TRUE(IsLocalError(file.status()));
}

class WriteFullyTest : public testing::Test {
 protected:
  WriteFullyTest() {
    EXPECT_EQ(pipe(fds_), 0);
    auto writer = ThreadPoolExecutor::Create({.threads = 1});
    EXPECT_OK(writer);
    writer_ = *std::move(writer);
  }
  ~WriteFullyTest() override {
    writer_->Shutdown();
    for (const int fd : fds_) close(fd);
  }

  void StartWriting() {
    ASSERT_OK(writer_->Schedule([this] {
      result_ = WriteFully(fds_[1], "pipe", content_, interrupt_);
      written_.Notify();
    }));
  }

  int fds_[2] = {-1, -1};
  const std::string content_ = std::string(3 * kMiB + 5, 'x');
  Interrupt interrupt_;
  std::unique_ptr<ThreadPoolExecutor> writer_;
  absl::Notification written_;
  absl::Status result_;
};

TEST_F(WriteFullyTest, EndsWhenTheUserAsksAlthoughNobodyReads) {
  StartWriting();
  // The writer waits in a full pipe.
  for (int held = 0; held < fcntl(fds_[0], F_GETPIPE_SZ);) {
    ASSERT_EQ(ioctl(fds_[0], FIONREAD, &held), 0);
  }
  EXPECT_FALSE(written_.HasBeenNotified());
  interrupt_.Raise();
  EXPECT_TRUE(written_.WaitForNotificationWithTimeout(absl::Seconds(30)));
  EXPECT_THAT(result_, StatusIs(absl::StatusCode::kCancelled));
}

TEST_F(WriteFullyTest, WritesAllToASlowReader) {
  StartWriting();
  std::string got;
  char buffer[1777];
  while (got.size() < content_.size()) {
    const ssize_t n = read(fds_[0], buffer, sizeof(buffer));
    ASSERT_GT(n, 0);
    got.append(buffer, static_cast<size_t>(n));
  }
  written_.WaitForNotification();
  EXPECT_OK(result_);
  EXPECT_TRUE(got == content_);
}

TEST(IsAllZeroTest, SeesAnyOtherByte) {
  std::string data(100, '\0');
  EXPECT_TRUE(IsAllZero(data));
  EXPECT_TRUE(IsAllZero(""));
  for (const size_t at : {0, 1, 50, 99}) {
    data[at] = 1;
    EXPECT_FALSE(IsAllZero(data)) << at;
    data[at] = 0;
  }
}

}  // namespace
}  // namespace cairn::client
