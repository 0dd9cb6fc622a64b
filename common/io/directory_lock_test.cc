#include "common/io/directory_lock.h"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <memory>
#include <string>

#include "common/testing/status_matchers.h"
#include "common/testing/temp_dir.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(DirectoryLockTest, IsHeldOnceAndNamesItsHolder) {
  const TempDir dir;
  ASSERT_OK_AND_ASSIGN(auto lock, DirectoryLock::Acquire(dir.path()));
  EXPECT_THAT(
      DirectoryLock::Acquire(dir.path()),
      StatusIs(absl::StatusCode::kFailedPrecondition,
               AllOf(HasSubstr(dir.Join("LOCK")),
                     HasSubstr("process " + std::to_string(::getpid())))));
  lock.reset();
  EXPECT_OK(DirectoryLock::Acquire(dir.path()));
}

TEST(DirectoryLockTest, GoesWithAKilledProcess) {
  const TempDir dir;
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const auto lock = DirectoryLock::Acquire(dir.path());
    const char byte = lock.ok() ? '1' : '0';
    if (::write(ready[1], &byte, 1) != 1) ::_exit(1);
    for (;;) ::pause();
  }
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  ASSERT_EQ(byte, '1');
  EXPECT_THAT(DirectoryLock::Acquire(dir.path()),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("process " + std::to_string(child))));
  ::kill(child, SIGKILL);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  EXPECT_OK(DirectoryLock::Acquire(dir.path()));
  ::close(ready[0]);
  ::close(ready[1]);
}

TEST(DirectoryLockTest, RefusesLinksAndFiles) {
  const TempDir dir;
  std::filesystem::create_directory(dir.Join("real"));
  std::filesystem::create_symlink(dir.Join("real"), dir.Join("link"));
  EXPECT_THAT(DirectoryLock::Acquire(dir.Join("link")),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("symbolic link")));
  EXPECT_THAT(DirectoryLock::Acquire(dir.Join("no")),
              StatusIs(absl::StatusCode::kNotFound));
  std::filesystem::create_symlink("/etc/passwd", dir.Join("real/LOCK"));
  EXPECT_THAT(DirectoryLock::Acquire(dir.Join("real")),
              StatusIs(absl::StatusCode::kInternal));
}

}  // namespace
}  // namespace cairn
