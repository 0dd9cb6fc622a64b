#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "common/io/file_system.h"
#include "common/status/reason.h"
#include "common/testing/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

// What every FileSystem keeps. Run it by
//
//   INSTANTIATE_TEST_SUITE_P(Posix, FileSystemContract,
//                            ::testing::Values(&NewPosixForContract));
namespace cairn {

// A file system and an existing, empty directory of it.
class FileSystemForContract {
 public:
  virtual ~FileSystemForContract() = default;
  virtual FileSystem& files() = 0;
  virtual std::string directory() = 0;
};

using NewFileSystemForContract = std::unique_ptr<FileSystemForContract> (*)();

class FileSystemContract
    : public ::testing::TestWithParam<NewFileSystemForContract> {
 protected:
  FileSystem& files() { return subject_->files(); }
  std::string Path(std::string_view name) {
    return subject_->directory() + "/" + std::string(name);
  }
  void WriteFile(const std::string& path, std::string_view text) {
    ASSERT_OK_AND_ASSIGN(const auto file, files().Create(path));
    ASSERT_OK(file->WriteAt(0, {{text}}));
  }
  std::string ReadFile(const std::string& path) {
    const auto file = files().OpenForRead(path);
    EXPECT_OK(file);
    return file.ok() ? (*file)->ReadAt(0, 1 << 20).value() : "";
  }

 private:
  const std::unique_ptr<FileSystemForContract> subject_ = GetParam()();
};

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST_P(FileSystemContract, WritesAndReadsAtPlaces) {
  ASSERT_OK_AND_ASSIGN(const auto file, files().Create(Path("a")));
  EXPECT_THAT(file->Size(), IsOkAndHolds(0u));
  EXPECT_THAT(file->ReadAt(0, 10), IsOkAndHolds(""));
  const std::vector<std::string_view> pieces = {"one", "", "two", "three"};
  ASSERT_OK(file->WriteAt(0, pieces));
  EXPECT_THAT(file->ReadAt(0, 100), IsOkAndHolds("onetwothree"));
  EXPECT_THAT(file->ReadAt(3, 3), IsOkAndHolds("two"));
  EXPECT_THAT(file->ReadAt(11, 3), IsOkAndHolds(""));
  EXPECT_THAT(file->ReadAt(1000, 3), IsOkAndHolds(""));
  EXPECT_THAT(file->ReadAt(0, 0), IsOkAndHolds(""));
  ASSERT_OK(file->WriteAt(3, {{std::string_view("TWO")}}));
  EXPECT_THAT(file->ReadAt(0, 100), IsOkAndHolds("oneTWOthree"));
  ASSERT_OK(file->WriteAt(20, {{std::string_view("x")}}));
  EXPECT_THAT(file->Size(), IsOkAndHolds(21u));
  EXPECT_THAT(file->ReadAt(0, 100),
              IsOkAndHolds("oneTWOthree" + std::string(9, '\0') + "x"));
  ASSERT_OK(file->WriteAt(5, {}));
  EXPECT_THAT(file->Size(), IsOkAndHolds(21u));
  file->Prefetch(0, 1000);
  EXPECT_OK(file->Sync());
}

TEST_P(FileSystemContract, WritesMorePiecesThanTheSystemTakesAtOnce) {
  ASSERT_OK_AND_ASSIGN(const auto file, files().Create(Path("a")));
  std::vector<std::string> texts;
  std::string whole;
  for (int i = 0; i < 3000; ++i) {
    texts.push_back(std::to_string(i) + ",");
    whole += texts.back();
  }
  const std::vector<std::string_view> pieces(texts.begin(), texts.end());
  ASSERT_OK(file->WriteAt(7, pieces));
  EXPECT_THAT(file->ReadAt(7, whole.size()), IsOkAndHolds(whole));
}

TEST_P(FileSystemContract, AnAbsurdReadLengthIsCutAtTheEnd) {
  WriteFile(Path("a"), "text");
  ASSERT_OK_AND_ASSIGN(const auto file, files().OpenForRead(Path("a")));
  EXPECT_THAT(file->ReadAt(1, size_t{1} << 60), IsOkAndHolds("ext"));
  EXPECT_THAT(file->ReadAt(9, size_t{1} << 60), IsOkAndHolds(""));
}

TEST_P(FileSystemContract, OpensWhatExists) {
  WriteFile(Path("a"), "text");
  EXPECT_EQ(ReadFile(Path("a")), "text");
  ASSERT_OK_AND_ASSIGN(const auto file, files().OpenForWrite(Path("a")));
  ASSERT_OK(file->WriteAt(4, {{std::string_view("!")}}));
  EXPECT_EQ(ReadFile(Path("a")), "text!");
  EXPECT_THAT(files().OpenForRead(Path("b")),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr(Path("b"))));
  EXPECT_THAT(files().OpenForWrite(Path("b")),
              StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(files().OpenForRead(Path("no/b")),
              StatusIs(absl::StatusCode::kNotFound));
}

TEST_P(FileSystemContract, AFileOpenForReadingIsNotWritten) {
  WriteFile(Path("a"), "text");
  ASSERT_OK_AND_ASSIGN(const auto file, files().OpenForRead(Path("a")));
  EXPECT_THAT(file->WriteAt(0, {{std::string_view("x")}}),
              StatusIs(absl::StatusCode::kInternal));
  EXPECT_EQ(ReadFile(Path("a")), "text");
}

TEST_P(FileSystemContract, CreateRefusesWhatExists) {
  WriteFile(Path("a"), "text");
  ASSERT_OK(files().CreateDirectories(Path("d")));
  EXPECT_THAT(files().Create(Path("a")),
              StatusIs(absl::StatusCode::kAlreadyExists));
  EXPECT_THAT(files().Create(Path("d")),
              StatusIs(absl::StatusCode::kAlreadyExists));
  EXPECT_EQ(ReadFile(Path("a")), "text");
  EXPECT_THAT(files().Create(Path("no/a")),
              StatusIs(absl::StatusCode::kNotFound));
}

TEST_P(FileSystemContract, ADirectoryIsNoFile) {
  ASSERT_OK(files().CreateDirectories(Path("d")));
  EXPECT_THAT(files().OpenForRead(Path("d")),
              StatusIs(absl::StatusCode::kInternal));
  EXPECT_THAT(files().OpenForWrite(Path("d")),
              StatusIs(absl::StatusCode::kInternal));
  EXPECT_THAT(files().Remove(Path("d")), StatusIs(absl::StatusCode::kInternal));
}

TEST_P(FileSystemContract, RenameReplaces) {
  WriteFile(Path("a"), "a");
  WriteFile(Path("b"), "b");
  ASSERT_OK(files().Rename(Path("a"), Path("b")));
  EXPECT_EQ(ReadFile(Path("b")), "a");
  EXPECT_THAT(files().List(Path("")), IsOkAndHolds(ElementsAre("b")));
  EXPECT_THAT(files().Rename(Path("a"), Path("c")),
              StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(files().Rename(Path("b"), Path("no/b")),
              StatusIs(absl::StatusCode::kNotFound));
  ASSERT_OK(files().CreateDirectories(Path("d")));
  ASSERT_OK(files().Rename(Path("b"), Path("d/b")));
  EXPECT_EQ(ReadFile(Path("d/b")), "a");
}

TEST_P(FileSystemContract, AnOpenFileOutlivesItsName) {
  ASSERT_OK_AND_ASSIGN(const auto file, files().Create(Path("a")));
  ASSERT_OK(file->WriteAt(0, {{std::string_view("text")}}));
  ASSERT_OK(files().Remove(Path("a")));
  EXPECT_THAT(file->ReadAt(0, 10), IsOkAndHolds("text"));
  ASSERT_OK(file->WriteAt(4, {{std::string_view("!")}}));
  EXPECT_THAT(file->ReadAt(0, 10), IsOkAndHolds("text!"));
  EXPECT_THAT(files().Remove(Path("a")), StatusIs(absl::StatusCode::kNotFound));
}

TEST_P(FileSystemContract, ListsDirectories) {
  EXPECT_THAT(files().List(Path("")), IsOkAndHolds(IsEmpty()));
  ASSERT_OK(files().CreateDirectories(Path("x/y/z")));
  ASSERT_OK(files().CreateDirectories(Path("x/y/z")));
  WriteFile(Path("x/y/b"), "");
  WriteFile(Path("x/y/a"), "");
  EXPECT_THAT(files().List(Path("x")), IsOkAndHolds(ElementsAre("y")));
  EXPECT_THAT(files().List(Path("x/y")),
              IsOkAndHolds(ElementsAre("a", "b", "z")));
  EXPECT_THAT(files().List(Path("no")), StatusIs(absl::StatusCode::kNotFound));
}

TEST_P(FileSystemContract, CreateDirectoriesDoesNotReplaceAFile) {
  WriteFile(Path("a"), "text");
  EXPECT_THAT(files().CreateDirectories(Path("a")),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(files().CreateDirectories(Path("a/b")),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_EQ(ReadFile(Path("a")), "text");
}

TEST_P(FileSystemContract, SyncsDirectories) {
  WriteFile(Path("a"), "text");
  EXPECT_OK(files().SyncDirectory(Path("")));
  EXPECT_THAT(files().SyncDirectory(Path("no")),
              StatusIs(absl::StatusCode::kNotFound));
}

TEST_P(FileSystemContract, TellsFreeBytes) {
  ASSERT_OK_AND_ASSIGN(const uint64_t free, files().FreeBytes(Path("")));
  EXPECT_GT(free, 0u);
  EXPECT_THAT(files().FreeBytes(Path("no")),
              StatusIs(absl::StatusCode::kNotFound));
}

}  // namespace cairn
