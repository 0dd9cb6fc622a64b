#include "common/testing/in_memory_file_system.h"

#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "common/io/file_system_contract.h"
#include "common/status/reason.h"
#include "common/testing/seed.h"
#include "common/testing/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

class InMemoryForContract final : public FileSystemForContract {
 public:
  InMemoryForContract() { EXPECT_OK(files_.CreateDirectories(directory())); }
  FileSystem& files() override { return files_; }
  std::string directory() override { return "/data/x"; }

 private:
  InMemoryFileSystem files_;
};

std::unique_ptr<FileSystemForContract> NewInMemoryForContract() {
  return std::make_unique<InMemoryForContract>();
}

INSTANTIATE_TEST_SUITE_P(InMemory, FileSystemContract,
                         ::testing::Values(&NewInMemoryForContract));

class InMemoryFileSystemTest : public ::testing::Test {
 protected:
  InMemoryFileSystemTest() {
    EXPECT_OK(files_.CreateDirectories("/d"));
    EXPECT_OK(files_.SyncDirectory("/"));
  }
  // A file that survives, with `text` synced.
  std::unique_ptr<File> NewSyncedFile(const std::string& path,
                                      std::string_view text) {
    auto file = files_.Create(path).value();
    EXPECT_OK(file->WriteAt(0, {{text}}));
    EXPECT_OK(file->Sync());
    EXPECT_OK(files_.SyncDirectory("/d"));
    return file;
  }
  std::string Read(const std::string& path) {
    const auto file = files_.OpenForRead(path);
    if (!file.ok()) return std::string(file.status().message());
    return (*file)->ReadAt(0, 1 << 30).value();
  }

  InMemoryFileSystem files_;
};

TEST_F(InMemoryFileSystemTest, WhatIsSyncedSurvives) {
  NewSyncedFile("/d/a", "text");
  files_.PowerCutLosingAll();
  EXPECT_EQ(Read("/d/a"), "text");
}

TEST_F(InMemoryFileSystemTest, WritesAfterTheSyncAreLost) {
  const auto file = NewSyncedFile("/d/a", "text");
  ASSERT_OK(file->WriteAt(2, {{std::string_view("XXXXX")}}));
  EXPECT_EQ(Read("/d/a"), "teXXXXX");
  files_.PowerCutLosingAll();
  EXPECT_EQ(Read("/d/a"), "text");
}

TEST_F(InMemoryFileSystemTest, ANameWithoutDirectorySyncIsLost) {
  {
    ASSERT_OK_AND_ASSIGN(const auto file, files_.Create("/d/a"));
    ASSERT_OK(file->Sync());
  }
  files_.PowerCutLosingAll();
  EXPECT_THAT(files_.List("/d"), IsOkAndHolds(IsEmpty()));
}

TEST_F(InMemoryFileSystemTest, AFileWithoutSyncIsEmpty) {
  {
    ASSERT_OK_AND_ASSIGN(const auto file, files_.Create("/d/a"));
    ASSERT_OK(file->WriteAt(0, {{std::string_view("text")}}));
    ASSERT_OK(files_.SyncDirectory("/d"));
  }
  files_.PowerCutLosingAll();
  EXPECT_EQ(Read("/d/a"), "");
}

TEST_F(InMemoryFileSystemTest, RenameAndRemoveAreUndone) {
  NewSyncedFile("/d/a", "a");
  NewSyncedFile("/d/b", "b");
  NewSyncedFile("/d/c", "c");
  ASSERT_OK(files_.Rename("/d/a", "/d/b"));
  ASSERT_OK(files_.Remove("/d/c"));
  files_.PowerCutLosingAll();
  EXPECT_EQ(Read("/d/a"), "a");
  EXPECT_EQ(Read("/d/b"), "b");
  EXPECT_EQ(Read("/d/c"), "c");
  ASSERT_OK(files_.Rename("/d/a", "/d/b"));
  ASSERT_OK(files_.Remove("/d/c"));
  ASSERT_OK(files_.SyncDirectory("/d"));
  files_.PowerCutLosingAll();
  EXPECT_EQ(Read("/d/b"), "a");
  EXPECT_THAT(files_.List("/d"), IsOkAndHolds(ElementsAre("b")));
}

TEST_F(InMemoryFileSystemTest, ADirectoryNeedsItsParentSynced) {
  ASSERT_OK(files_.CreateDirectories("/d/x/y"));
  ASSERT_OK(files_.SyncDirectory("/d/x"));
  files_.PowerCutLosingAll();
  EXPECT_THAT(files_.List("/d"), IsOkAndHolds(IsEmpty()));
}

TEST_F(InMemoryFileSystemTest, OpenFilesDieInThePowerCut) {
  const auto file = NewSyncedFile("/d/a", "text");
  files_.PowerCutLosingAll();
  EXPECT_THAT(file->WriteAt(0, {{std::string_view("x")}}),
              StatusIs(absl::StatusCode::kInternal));
  EXPECT_THAT(file->ReadAt(0, 1), StatusIs(absl::StatusCode::kInternal));
  EXPECT_THAT(file->Sync(), StatusIs(absl::StatusCode::kInternal));
  EXPECT_THAT(file->Size(), StatusIs(absl::StatusCode::kInternal));
  EXPECT_EQ(Read("/d/a"), "text");
}

TEST_F(InMemoryFileSystemTest, ChanceKeepsAnySubsetOfTheSectors) {
  std::mt19937_64 random(TestSeed());
  std::map<std::string, int> outcomes;
  for (int i = 0; i < 500; ++i) {
    const std::string path = "/d/" + std::to_string(i);
    const auto file = NewSyncedFile(path, std::string(1536, 'o'));
    // Two of three sectors change.
    ASSERT_OK(file->WriteAt(0, {{std::string_view("new")}}));
    ASSERT_OK(file->WriteAt(1024, {{std::string_view("new")}}));
    files_.PowerCut(random);
    const std::string text = Read(path);
    ASSERT_EQ(text.size(), 1536u);
    EXPECT_EQ(text[512], 'o');
    ++outcomes[std::string{text[0], text[1024]}];
  }
  EXPECT_THAT(outcomes,
              ElementsAre(::testing::Key("nn"), ::testing::Key("no"),
                          ::testing::Key("on"), ::testing::Key("oo")));
}

TEST_F(InMemoryFileSystemTest, ChanceCutsGrowthAnywhere) {
  std::mt19937_64 random(TestSeed());
  bool none = false, all = false, between = false, hole = false;
  for (int i = 0; i < 500; ++i) {
    const std::string path = "/d/" + std::to_string(i);
    const auto file = NewSyncedFile(path, "start");
    ASSERT_OK(file->WriteAt(5, {{std::string(2000, 'x')}}));
    files_.PowerCut(random);
    const std::string text = Read(path);
    ASSERT_EQ(text.substr(0, 5), "start");
    none |= text.size() == 5;
    all |= text == "start" + std::string(2000, 'x');
    between |= text.size() > 5 && text.size() < 2005;
    hole |= text.find('\0') != std::string::npos;
  }
  EXPECT_TRUE(none && all && between && hole);
}

// Before its directory is synced a rename has happened or not, as a whole.
TEST_F(InMemoryFileSystemTest, ChanceKeepsARenameWholeOrNot) {
  std::mt19937_64 random(TestSeed());
  bool kept = false, lost = false;
  for (int i = 0; i < 200; ++i) {
    const std::string from = "/d/from" + std::to_string(i);
    const std::string to = "/d/to" + std::to_string(i);
    NewSyncedFile(to, "old");
    NewSyncedFile(from, "new");
    ASSERT_OK(files_.Rename(from, to));
    files_.PowerCut(random);
    const bool from_there = files_.OpenForRead(from).ok();
    ASSERT_EQ(Read(to), from_there ? "old" : "new");
    kept |= !from_there;
    lost |= from_there;
  }
  EXPECT_TRUE(kept && lost);
}

TEST_F(InMemoryFileSystemTest, SpaceRunsOutAndComesBack) {
  NewSyncedFile("/d/a", std::string(100, 'a'));
  files_.SetFreeBytes(10);
  ASSERT_OK_AND_ASSIGN(const auto file, files_.Create("/d/b"));
  EXPECT_THAT(file->WriteAt(0, {{std::string(11, 'b')}}),
              HasReasonCode(reason::kStorageFull));
  EXPECT_THAT(file->Size(), IsOkAndHolds(0u));
  EXPECT_OK(file->WriteAt(0, {{std::string(10, 'b')}}));
  EXPECT_OK(file->WriteAt(0, {{std::string(10, 'c')}}));
  EXPECT_THAT(files_.FreeBytes("/d"), IsOkAndHolds(0u));
  ASSERT_OK(files_.Remove("/d/a"));
  EXPECT_THAT(files_.FreeBytes("/d"), IsOkAndHolds(100u));
}

}  // namespace
}  // namespace cairn
