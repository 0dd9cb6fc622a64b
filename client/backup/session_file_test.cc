#include "client/backup/session_file.h"

#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "client/posix/local_error.h"
#include "common/io/checked_text.h"
#include "common/testing/status_matchers.h"
#include "common/testing/temp_dir.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cairn::client {
namespace {

const SessionNote kNote = {.server = "unix:/run/cairn/cairnd.sock",
                           .session = "datastores/default/sessions/1",
                           .request = "9f",
                           .sources = "03"};

TEST(SessionNoteTest, ReadsWhatItWrites) {
  EXPECT_EQ(*SessionNote::Parse(kNote.Format()), kNote);
}

TEST(SessionNoteTest, RefusesAnythingElse) {
  const std::string text = kNote.Format();
  for (size_t length = 0; length < text.size(); ++length) {
    EXPECT_THAT(SessionNote::Parse(text.substr(0, length)),
                StatusIs(absl::StatusCode::kInvalidArgument));
  }
  EXPECT_FALSE(SessionNote::Parse(text + "more\n").ok());
}

TEST(SessionNoteTest, RefusesEachFlippedBit) {
  const std::string text = kNote.Format();
  for (size_t bit = 0; bit < 8 * text.size(); ++bit) {
    std::string damaged = text;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
    EXPECT_THAT(SessionNote::Parse(damaged),
                StatusIs(absl::StatusCode::kInvalidArgument))
        << bit;
  }
}

TEST(SessionNoteTest, RefusesOtherFields) {
  EXPECT_FALSE(SessionNote::Parse(EncodeCheckedText({{"a", "b"}})).ok());
}

class SessionFileTest : public ::testing::Test {
 protected:
  TempDir dir_;
  const std::string path_ = dir_.Join("state");
};

TEST_F(SessionFileTest, IsLockedWhileItsBackupRuns) {
  {
    ASSERT_OK_AND_ASSIGN(const auto file, SessionFile::Create(path_, kNote));
    EXPECT_THAT(SessionFile::Open(path_),
                StatusIs(absl::StatusCode::kAborted,
                         ::testing::HasSubstr("is running")));
  }
  ASSERT_OK_AND_ASSIGN(const auto file, SessionFile::Open(path_));
  EXPECT_EQ(file->note(), kNote);
  file->Remove();
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(SessionFileTest, IsOneFileOfItsOwner) {
  ASSERT_OK_AND_ASSIGN(const auto file, SessionFile::Create(path_, kNote));
  struct stat status;
  ASSERT_EQ(stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600u);
  int names = 0;
  for ([[maybe_unused]] const auto& entry :
       std::filesystem::directory_iterator(dir_.path())) {
    ++names;
  }
  EXPECT_EQ(names, 1);
}

TEST_F(SessionFileTest, DoesNotRemoveTheFileOfAnother) {
  ASSERT_OK_AND_ASSIGN(const auto old, SessionFile::Create(path_, kNote));
  ASSERT_OK_AND_ASSIGN(const auto file, SessionFile::Create(path_, kNote));
  old->Remove();
  EXPECT_TRUE(std::filesystem::exists(path_));
}

TEST_F(SessionFileTest, TellsWhatIsNotOne) {
  EXPECT_THAT(SessionFile::Open(path_), StatusIs(absl::StatusCode::kNotFound));
  std::ofstream(path_) << std::string(10'000, 'x');
  EXPECT_THAT(SessionFile::Open(path_),
              StatusIs(absl::StatusCode::kInvalidArgument));
  const auto nowhere = SessionFile::Create(dir_.Join("none/state"), kNote);
  EXPECT_TRUE(IsLocalError(nowhere.status()));
}

}  // namespace
}  // namespace cairn::client
