#include "common/io/observed_file_system.h"

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/testing/fake_clock.h"
#include "common/testing/faulty_file_system.h"
#include "common/testing/in_memory_file_system.h"
#include "common/testing/status_matchers.h"

namespace cairn {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

class Recorder final : public SyncObserver {
 public:
  void Synced(SyncedFile file, absl::Duration, bool ok) override {
    seen.emplace_back(file, ok);
  }
  std::vector<std::pair<SyncedFile, bool>> seen;
};

TEST(ObservedFileSystemTest, TellsOfSyncsByWhatWasSynced) {
  InMemoryFileSystem memory;
  FaultyFileSystem faulty(&memory);
  FakeClock clock;
  const auto recorder = std::make_shared<Recorder>();
  ObservedFileSystem files(&faulty, &clock, recorder);
  ASSERT_OK(files.CreateDirectories("/d"));
  ASSERT_OK_AND_ASSIGN(const auto pack, files.Create("/d/one.pack"));
  const std::string_view pieces[] = {"bytes"};
  ASSERT_OK(pack->WriteAt(0, pieces));
  ASSERT_OK(pack->Sync());
  ASSERT_OK(files.SyncDirectory("/d"));
  ASSERT_OK_AND_ASSIGN(const auto other, files.OpenForWrite("/d/one.pack"));
  faulty.FailCall(FileOperation::kSync, 1, absl::InternalError("broken"),
                  FaultyFileSystem::Then::kRecover);
  EXPECT_FALSE(other->Sync().ok());
  EXPECT_THAT(recorder->seen, ElementsAre(Pair(SyncedFile::kPack, true),
                                          Pair(SyncedFile::kDirectory, true),
                                          Pair(SyncedFile::kPack, false)));
  ASSERT_OK_AND_ASSIGN(const std::string read, pack->ReadAt(0, 5));
  EXPECT_EQ(read, "bytes");
}

}  // namespace
}  // namespace cairn
