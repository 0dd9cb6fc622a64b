#include "common/io/posix_file_system.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <memory>
#include <string>

#include "common/io/errno_status.h"
#include "common/io/file_system_contract.h"
#include "common/status/reason.h"
#include "common/testing/status_matchers.h"
#include "common/testing/temp_dir.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

class PosixForContract final : public FileSystemForContract {
 public:
  FileSystem& files() override { return files_; }
  std::string directory() override { return directory_.path(); }

 private:
  const TempDir directory_;
  PosixFileSystem files_;
};

std::unique_ptr<FileSystemForContract> NewPosixForContract() {
  return std::make_unique<PosixForContract>();
}

INSTANTIATE_TEST_SUITE_P(Posix, FileSystemContract,
                         ::testing::Values(&NewPosixForContract));

TEST(PosixFileSystemTest, NewFilesAndDirectoriesArePrivate) {
  const TempDir dir;
  const mode_t mask = ::umask(0);
  PosixFileSystem files;
  ASSERT_OK(files.Create(dir.Join("file")));
  ASSERT_OK(files.CreateDirectories(dir.Join("x/y")));
  ::umask(mask);
  using std::filesystem::perms;
  EXPECT_EQ(std::filesystem::status(dir.Join("file")).permissions(),
            perms::owner_read | perms::owner_write);
  EXPECT_EQ(std::filesystem::status(dir.Join("x")).permissions(),
            perms::owner_all);
  EXPECT_EQ(std::filesystem::status(dir.Join("x/y")).permissions(),
            perms::owner_all);
}

TEST(PosixFileSystemTest, ANamedPipeIsRefusedAndDoesNotHang) {
  const TempDir dir;
  ASSERT_EQ(::mkfifo(dir.Join("pipe").c_str(), 0600), 0);
  PosixFileSystem files;
  EXPECT_THAT(
      files.OpenForRead(dir.Join("pipe")),
      StatusIs(absl::StatusCode::kInternal, HasSubstr("not a regular file")));
}

TEST(PosixFileSystemTest, FilesAreNotInheritedByPrograms) {
  const TempDir dir;
  PosixFileSystem files;
  ASSERT_OK_AND_ASSIGN(const auto file, files.Create(dir.Join("inherit-me")));
  const std::string command = "! ls -l /proc/self/fd | grep -q inherit-me";
  EXPECT_EQ(std::system(command.c_str()), 0);
}

// The limit of the file size makes the system write in part, then fail.
TEST(PosixFileSystemTest, WritesThatAreCutShortGoOnAndThenReport) {
  const TempDir dir;
  PosixFileSystem files;
  ASSERT_OK_AND_ASSIGN(const auto file, files.Create(dir.Join("a")));
  rlimit saved;
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &saved), 0);
  std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{.rlim_cur = 1000, .rlim_max = saved.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const std::string text(600, 'x');
  const absl::Status status = file->WriteAt(0, {{text, text}});
  ::setrlimit(RLIMIT_FSIZE, &saved);
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kInternal,
                               HasSubstr("write at 1000")));
  EXPECT_THAT(file->Size(), IsOkAndHolds(1000u));
}

TEST(ErrnoStatusTest, Table) {
  EXPECT_THAT(ErrnoStatus(ENOSPC, "/p", "write"),
              StatusIs(absl::StatusCode::kResourceExhausted,
                       "/p: write: No space left on device"));
  EXPECT_THAT(ErrnoStatus(ENOSPC, "/p", "write"),
              HasReasonCode(reason::kStorageFull));
  EXPECT_THAT(ErrnoStatus(EDQUOT, "/p", "write"),
              HasReasonCode(reason::kStorageFull));
  EXPECT_THAT(ErrnoStatus(ENOENT, "/p", "open"),
              StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(ErrnoStatus(EEXIST, "/p", "open"),
              StatusIs(absl::StatusCode::kAlreadyExists));
  EXPECT_THAT(ErrnoStatus(EIO, "/p", "fdatasync"),
              StatusIs(absl::StatusCode::kInternal));
}

}  // namespace
}  // namespace cairn
