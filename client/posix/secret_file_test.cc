#include "client/posix/secret_file.h"

#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <optional>

#include "client/posix/local_error.h"
#include "common/testing/status_matchers.h"
#include "common/testing/temp_dir.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cairn::client {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class SecretFileTest : public ::testing::Test {
 protected:
  std::string Put(const std::string& text, mode_t mode = 0600) {
    const std::string path = directory_.Join("secret");
    std::filesystem::remove(path);
    std::ofstream(path) << text;
    EXPECT_EQ(chmod(path.c_str(), mode), 0);
    return path;
  }

  const TempDir directory_;
};

TEST_F(SecretFileTest, ReadsOneLine) {
  EXPECT_THAT(ReadSecretFile(Put("secret\n"), 6), IsOkAndHolds("secret"));
  EXPECT_THAT(ReadSecretFile(Put("secret", 0400), 6), IsOkAndHolds("secret"));
}

TEST_F(SecretFileTest, RefusesWhatOthersMayTouch) {
  for (const mode_t mode : {0640, 0604, 0660, 0606, 0644, 0620, 0777, 0610}) {
    const auto read = ReadSecretFile(Put("secret\n", mode), 100);
    EXPECT_THAT(read, StatusIs(absl::StatusCode::kFailedPrecondition,
                               AllOf(HasSubstr("0600"), HasSubstr("mode is"),
                                     Not(HasSubstr("secret\n")))))
        << std::oct << mode;
    EXPECT_TRUE(IsLocalError(read.status()));
  }
}

TEST_F(SecretFileTest, RefusesOtherFormsWithoutShowingThem) {
  for (const char* text :
       {"", "\n", "s3cr3t\nmore\n", "s3cr3t\n\n", "s3cr3t that is too long"}) {
    EXPECT_THAT(
        ReadSecretFile(Put(text), 10),
        StatusIs(absl::StatusCode::kInvalidArgument,
                 AllOf(HasSubstr("one line"), Not(HasSubstr("s3cr3t")))))
        << text;
  }
  EXPECT_THAT(ReadSecretFile(directory_.Join("none"), 10),
              StatusIs(absl::StatusCode::kNotFound));
  EXPECT_FALSE(ReadSecretFile(directory_.path(), 10).ok());
}

TEST_F(SecretFileTest, WhatIsWrittenIsReadableByItsOwnerAlone) {
  const mode_t before = umask(0);
  const std::string path = directory_.Join("new");
  {
    ASSERT_OK_AND_ASSIGN(NewSecretFile file, NewSecretFile::Create(path));
    struct stat st;
    ASSERT_EQ(stat(path.c_str(), &st), 0);
    EXPECT_EQ(st.st_mode & 07777, 0600u);
    ASSERT_OK(file.Write("secret"));
  }
  umask(before);
  EXPECT_THAT(ReadSecretFile(path, 10), IsOkAndHolds("secret"));
  EXPECT_THAT(NewSecretFile::Create(path),
              StatusIs(absl::StatusCode::kAlreadyExists));
  EXPECT_THAT(ReadSecretFile(path, 10), IsOkAndHolds("secret"));
}

TEST_F(SecretFileTest, WithoutASecretThereIsNoFile) {
  const std::string path = directory_.Join("new");
  {
    ASSERT_OK_AND_ASSIGN(NewSecretFile file, NewSecretFile::Create(path));
    const NewSecretFile moved = std::move(file);
    EXPECT_TRUE(std::filesystem::exists(path));
  }
  EXPECT_FALSE(std::filesystem::exists(path));
  EXPECT_FALSE(NewSecretFile::Create(directory_.Join("no/such")).ok());
}

}  // namespace
}  // namespace cairn::client
