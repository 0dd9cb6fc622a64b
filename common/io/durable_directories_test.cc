#include "common/io/durable_directories.h"

#include "common/testing/in_memory_file_system.h"
#include "common/testing/status_matchers.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

TEST(ParentDirectoryTest, Table) {
  EXPECT_EQ(ParentDirectory("/a/b"), "/a");
  EXPECT_EQ(ParentDirectory("/a"), "/");
  EXPECT_EQ(ParentDirectory("a/b"), "a");
  EXPECT_EQ(ParentDirectory("a"), ".");
}

TEST(CreateDirectoriesDurablyTest, SurvivesAPowerCut) {
  InMemoryFileSystem files;
  ASSERT_OK(CreateDirectoriesDurably(files, "/a"));
  ASSERT_OK(CreateDirectoriesDurably(files, "/a/b/c/d"));
  ASSERT_OK(CreateDirectoriesDurably(files, "/a/b"));
  files.PowerCutLosingAll();
  EXPECT_OK(files.List("/a/b/c/d"));
}

TEST(CreateDirectoriesDurablyTest, RefusesAFile) {
  InMemoryFileSystem files;
  ASSERT_OK(files.Create("/a"));
  EXPECT_FALSE(CreateDirectoriesDurably(files, "/a").ok());
  EXPECT_FALSE(CreateDirectoriesDurably(files, "/a/b").ok());
}

}  // namespace
}  // namespace cairn
