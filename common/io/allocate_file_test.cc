#include "common/io/allocate_file.h"

#include <sys/stat.h>

#include <filesystem>

#include "common/testing/status_matchers.h"
#include "common/testing/temp_dir.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

TEST(AllocateFileTest, TakesTheSpace) {
  const TempDir dir;
  for (const uint64_t size : {1 << 20, 3 << 20, 1 << 16, 0}) {
    ASSERT_OK(AllocateFile(dir.Join("a"), size));
    struct stat stat_buffer;
    ASSERT_EQ(::stat(dir.Join("a").c_str(), &stat_buffer), 0);
    EXPECT_EQ(static_cast<uint64_t>(stat_buffer.st_size), size);
    EXPECT_GE(static_cast<uint64_t>(stat_buffer.st_blocks) * 512, size);
  }
}

TEST(AllocateFileTest, LeavesNothingBehindWhenThereIsNoSpace) {
  const TempDir dir;
  EXPECT_FALSE(AllocateFile(dir.Join("a"), uint64_t{1} << 60).ok());
  EXPECT_FALSE(std::filesystem::exists(dir.Join("a")));
}

TEST(AllocateFileTest, DoesNotFollowALink) {
  const TempDir dir;
  ASSERT_OK(AllocateFile(dir.Join("a"), 10));
  std::filesystem::create_symlink(dir.Join("a"), dir.Join("link"));
  EXPECT_FALSE(AllocateFile(dir.Join("link"), 20).ok());
  EXPECT_EQ(std::filesystem::file_size(dir.Join("a")), 10u);
}

}  // namespace
}  // namespace cairn
