#include "client/restore/file_target.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <iterator>
#include <string>

#include "common/testing/status_matchers.h"
#include "common/testing/temp_dir.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cairn::client {
namespace {

class FileTargetTest : public ::testing::Test {
 protected:
  static void Write(const std::string& path, const std::string& content) {
    std::ofstream(path, std::ios::binary) << content;
  }
  static std::string Content(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
  }

  TempDir dir_;
  const std::string from_ = dir_.Join("from");
  const std::string to_ = dir_.Join("to");
};

TEST_F(FileTargetTest, AFileThatCameMeanwhileStays) {
  auto target = FileTarget::Create({.path = to_, .size_bytes = 3});
  ASSERT_OK(target);
  ASSERT_OK((*target)->Write(0, "new"));
  Write(to_, "mine");
  EXPECT_THAT((*target)->Finish(), StatusIs(absl::StatusCode::kAlreadyExists));
  EXPECT_EQ(Content(to_), "mine");
}

TEST_F(FileTargetTest, RenameByLinkTakesAFreeName) {
  Write(from_, "new");
  EXPECT_EQ(RenameByLink(from_, to_), 0);
  EXPECT_EQ(Content(to_), "new");
  EXPECT_NE(access(from_.c_str(), F_OK), 0);
  struct stat status;
  ASSERT_EQ(stat(to_.c_str(), &status), 0);
  EXPECT_EQ(status.st_nlink, 1u);
}

TEST_F(FileTargetTest, RenameByLinkReplacesNothing) {
  Write(from_, "new");
  Write(to_, "mine");
  EXPECT_EQ(RenameByLink(from_, to_), EEXIST);
  EXPECT_EQ(Content(to_), "mine");
  EXPECT_EQ(Content(from_), "new");
  const std::string link = dir_.Join("link");
  ASSERT_EQ(symlink("nowhere", link.c_str()), 0);
  EXPECT_EQ(RenameByLink(from_, link), EEXIST);
  EXPECT_EQ(Content(from_), "new");
}

}  // namespace
}  // namespace cairn::client
