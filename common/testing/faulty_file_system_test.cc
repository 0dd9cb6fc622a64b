#include "common/testing/faulty_file_system.h"

#include <memory>
#include <optional>
#include <string>

#include "common/io/file_system_contract.h"
#include "common/testing/in_memory_file_system.h"
#include "common/testing/status_matchers.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

class FaultyForContract final : public FileSystemForContract {
 public:
  FaultyForContract() { EXPECT_OK(base_.CreateDirectories(directory())); }
  FileSystem& files() override { return files_; }
  std::string directory() override { return "/data/x"; }

 private:
  InMemoryFileSystem base_;
  FaultyFileSystem files_{&base_};
};

std::unique_ptr<FileSystemForContract> NewFaultyForContract() {
  return std::make_unique<FaultyForContract>();
}

INSTANTIATE_TEST_SUITE_P(Faulty, FileSystemContract,
                         ::testing::Values(&NewFaultyForContract));

TEST(FaultyFileSystemTest, FailsTheNthCallOnly) {
  InMemoryFileSystem base;
  FaultyFileSystem files(&base);
  ASSERT_OK_AND_ASSIGN(const auto file, files.Create("/a"));
  ASSERT_OK(file->Sync());
  files.FailCall(FileOperation::kSync, 2, absl::InternalError("bad disk"));
  EXPECT_OK(file->Sync());
  EXPECT_THAT(file->Sync(), StatusIs(absl::StatusCode::kInternal, "bad disk"));
  EXPECT_OK(file->Sync());
  EXPECT_OK(file->WriteAt(0, {{std::string_view("x")}}));
  EXPECT_EQ(files.calls(FileOperation::kSync), 4u);
  EXPECT_EQ(files.calls(FileOperation::kWrite), 1u);
  EXPECT_EQ(files.calls(FileOperation::kRename), 0u);
}

TEST(FaultyFileSystemTest, FailsAllLaterCalls) {
  InMemoryFileSystem base;
  FaultyFileSystem files(&base);
  ASSERT_OK_AND_ASSIGN(const auto file, files.Create("/a"));
  files.FailCall(FileOperation::kWrite, 1, absl::InternalError("bad disk"),
                 FaultyFileSystem::Then::kFailAlways);
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(file->WriteAt(0, {{std::string_view("x")}}),
                StatusIs(absl::StatusCode::kInternal));
  }
  EXPECT_THAT(file->Size(), IsOkAndHolds(0u));
  files.Recover();
  EXPECT_OK(file->WriteAt(0, {{std::string_view("x")}}));
}

TEST(FaultyFileSystemTest, FailsAnyOperation) {
  InMemoryFileSystem base;
  FaultyFileSystem files(&base);
  ASSERT_OK_AND_ASSIGN(const auto file, files.Create("/a"));
  const auto arm = [&files](FileOperation operation) {
    files.FailCall(operation, 1, absl::InternalError("x"));
  };
  const auto fails = StatusIs(absl::StatusCode::kInternal, "x");
  arm(FileOperation::kCreate);
  EXPECT_THAT(files.Create("/b"), fails);
  arm(FileOperation::kCreateDirectories);
  EXPECT_THAT(files.CreateDirectories("/b"), fails);
  arm(FileOperation::kRename);
  EXPECT_THAT(files.Rename("/a", "/b"), fails);
  arm(FileOperation::kRemove);
  EXPECT_THAT(files.Remove("/a"), fails);
  arm(FileOperation::kSyncDirectory);
  EXPECT_THAT(files.SyncDirectory("/"), fails);
  arm(FileOperation::kOpen);
  EXPECT_THAT(files.OpenForRead("/a"), fails);
  arm(FileOperation::kOpen);
  EXPECT_THAT(files.OpenForWrite("/a"), fails);
  arm(FileOperation::kList);
  EXPECT_THAT(files.List("/"), fails);
  arm(FileOperation::kFreeBytes);
  EXPECT_THAT(files.FreeBytes("/"), fails);
  arm(FileOperation::kRead);
  EXPECT_THAT(file->ReadAt(0, 1), fails);
  arm(FileOperation::kRead);
  EXPECT_THAT(file->Size(), fails);
  EXPECT_THAT(base.List("/"), IsOkAndHolds(ElementsAre("a")));
}

TEST(FaultyFileSystemTest, AnswersFreeBytesAsTold) {
  InMemoryFileSystem base;
  FaultyFileSystem files(&base);
  files.SetFreeBytes(7);
  EXPECT_THAT(files.FreeBytes("/"), IsOkAndHolds(7u));
  files.SetFreeBytes(std::nullopt);
  EXPECT_THAT(files.FreeBytes("/"), IsOkAndHolds(uint64_t{1} << 40));
}

TEST(FaultyFileSystemTest, FailsEverythingFromTheMomentOfACrash) {
  InMemoryFileSystem base;
  FaultyFileSystem files(&base);
  ASSERT_OK_AND_ASSIGN(const auto file, files.Create("/a"));
  EXPECT_EQ(files.mutations(), 1u);
  files.FailAllAfter(2, absl::InternalError("crashed"));
  EXPECT_OK(file->WriteAt(0, {{std::string_view("x")}}));
  EXPECT_OK(file->ReadAt(0, 1));
  EXPECT_OK(file->Sync());
  const auto fails = StatusIs(absl::StatusCode::kInternal, "crashed");
  EXPECT_THAT(file->ReadAt(0, 1), fails);
  EXPECT_THAT(files.Rename("/a", "/b"), fails);
  EXPECT_THAT(files.List("/"), fails);
  EXPECT_EQ(files.mutations(), 3u);
  files.Recover();
  EXPECT_OK(file->ReadAt(0, 1));
}

}  // namespace
}  // namespace cairn
