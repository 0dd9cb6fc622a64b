#include "common/io/data_directory.h"

#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <random>
#include <string>

#include "common/io/checked_text.h"
#include "common/io/posix_file_system.h"
#include "common/testing/faulty_file_system.h"
#include "common/testing/in_memory_file_system.h"
#include "common/testing/seed.h"
#include "common/testing/status_matchers.h"
#include "common/testing/temp_dir.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class DataDirectoryTest : public ::testing::Test {
 protected:
  absl::StatusOr<std::unique_ptr<DataDirectory>> Open() {
    return DataDirectory::Open(options_, &files_, random_);
  }
  void Write(const std::string& name, const std::string& text) {
    std::ofstream(options_.path + "/" + name) << text;
  }

  const TempDir dir_;
  PosixFileSystem files_;
  std::mt19937_64 random_{TestSeed()};
  DataDirectory::Options options_ = {
      .path = dir_.Join("a/index"),
      .support = {.service = "index",
                  .version = 1,
                  .features = {.incompatible = {"pages"}},
                  .release = "0.1.0"}};
};

TEST_F(DataDirectoryTest, FirstOpenCreatesIt) {
  ASSERT_OK_AND_ASSIGN(const auto data, Open());
  EXPECT_EQ(data->path(), dir_.Join("a/index"));
  EXPECT_FALSE(data->uuid().is_zero());
  EXPECT_EQ(data->incarnation(), 1u);
  EXPECT_EQ(data->format().service, "index");
  EXPECT_EQ(data->format().features, options_.support.features);
  EXPECT_EQ(std::filesystem::status(data->path()).permissions(),
            std::filesystem::perms::owner_all);
}

TEST_F(DataDirectoryTest, KeepsItsUuidAndCountsItsOpenings) {
  Uuid uuid;
  for (uint64_t n = 1; n <= 5; ++n) {
    ASSERT_OK_AND_ASSIGN(const auto data, Open());
    if (n == 1) uuid = data->uuid();
    EXPECT_EQ(data->uuid(), uuid);
    EXPECT_EQ(data->incarnation(), n);
  }
}

TEST_F(DataDirectoryTest, IsHeldByOne) {
  ASSERT_OK_AND_ASSIGN(auto data, Open());
  EXPECT_THAT(Open(), StatusIs(absl::StatusCode::kFailedPrecondition,
                               HasSubstr("a/index/LOCK")));
  data.reset();
  ASSERT_OK_AND_ASSIGN(data, Open());
  // The refused opening did not count.
  EXPECT_EQ(data->incarnation(), 2u);
}

TEST_F(DataDirectoryTest, RefusesASymbolicLinkEvenWithASlash) {
  std::filesystem::create_directories(dir_.Join("real"));
  std::filesystem::create_symlink(dir_.Join("real"), dir_.Join("link"));
  for (const char* path : {"link", "link/", "link//"}) {
    options_.path = dir_.Join(path);
    EXPECT_THAT(Open(), StatusIs(absl::StatusCode::kFailedPrecondition,
                                 HasSubstr("symbolic link")))
        << path;
  }
  EXPECT_TRUE(std::filesystem::is_empty(dir_.Join("real")));
}

TEST_F(DataDirectoryTest, RefusesFilesWithoutFormat) {
  std::filesystem::create_directories(options_.path);
  std::filesystem::create_directories(options_.path + "/lost+found");
  Write("pack", "precious");
  EXPECT_THAT(Open(), StatusIs(absl::StatusCode::kFailedPrecondition,
                               AllOf(HasSubstr("FORMAT"), HasSubstr("pack"))));
  std::filesystem::remove(options_.path + "/pack");
  EXPECT_OK(Open());
}

TEST_F(DataDirectoryTest, ARebuildMayTakeOverWhatItNames) {
  std::filesystem::create_directories(options_.path + "/datastores");
  EXPECT_FALSE(Open().ok());
  options_.may_hold = {"datastores"};
  Write("other", "text");
  EXPECT_THAT(Open(), StatusIs(absl::StatusCode::kFailedPrecondition,
                               HasSubstr("other")));
  std::filesystem::remove(options_.path + "/other");
  ASSERT_OK_AND_ASSIGN(auto data, Open());
  // Higher than any that was counted.
  EXPECT_GT(data->incarnation(), uint64_t{1} << 32);
}

TEST_F(DataDirectoryTest, RefusesAnotherServiceAndNewerFormats) {
  ASSERT_OK(Open());
  DataDirectory::Options good = options_;
  options_.support.service = "maintenance";
  EXPECT_THAT(Open(), StatusIs(absl::StatusCode::kFailedPrecondition,
                               AllOf(HasSubstr("index"), HasSubstr("FORMAT"))));
  options_ = good;
  options_.support.features.incompatible.clear();
  EXPECT_THAT(Open(), StatusIs(absl::StatusCode::kFailedPrecondition,
                               HasSubstr("release 0.1.0 or a newer one")));
  options_ = good;
  ASSERT_OK_AND_ASSIGN(const auto data, Open());
  EXPECT_EQ(data->incarnation(), 2u);
}

TEST_F(DataDirectoryTest, DamageNamesTheFile) {
  ASSERT_OK(Open());
  for (const std::string name : {"FORMAT", "INCARNATION"}) {
    const std::string path = options_.path + "/" + name;
    std::filesystem::copy_file(path, dir_.Join("copy"));
    for (const uintmax_t size :
         {uintmax_t{0}, uintmax_t{20}, std::filesystem::file_size(path) - 1}) {
      std::filesystem::resize_file(path, size);
      EXPECT_THAT(Open(), StatusIs(absl::StatusCode::kDataLoss,
                                   HasSubstr("a/index/" + name)));
    }
    Write(name, std::string(100000, 'x'));
    EXPECT_THAT(Open(), StatusIs(absl::StatusCode::kDataLoss,
                                 HasSubstr("a/index/" + name)));
    std::filesystem::remove(path);
    std::filesystem::copy_file(dir_.Join("copy"), path);
    std::filesystem::remove(dir_.Join("copy"));
    ASSERT_OK(Open());
  }
}

TEST_F(DataDirectoryTest, ALostIncarnationIsNotStartedAnew) {
  ASSERT_OK(Open());
  std::filesystem::remove(options_.path + "/INCARNATION");
  EXPECT_THAT(Open(), StatusIs(absl::StatusCode::kDataLoss,
                               HasSubstr("INCARNATION: is gone")));
}

TEST_F(DataDirectoryTest, AnIncarnationThatCannotGrowIsRefused) {
  ASSERT_OK(Open());
  for (const std::string number :
       {"", "x", "-1", "18446744073709551615", "18446744073709551616"}) {
    ASSERT_OK(WriteCheckedText(files_, options_.path, "INCARNATION",
                               {{"incarnation", number}}));
    EXPECT_THAT(Open(), StatusIs(absl::StatusCode::kDataLoss)) << number;
  }
}

TEST_F(DataDirectoryTest, ReadOnlyChangesNothing) {
  options_.read_only = true;
  EXPECT_THAT(Open(), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_FALSE(std::filesystem::exists(options_.path));
  options_.read_only = false;
  ASSERT_OK(Open());
  options_.read_only = true;
  for (int i = 0; i < 2; ++i) {
    ASSERT_OK_AND_ASSIGN(const auto data, Open());
    EXPECT_EQ(data->incarnation(), 1u);
  }
}

TEST_F(DataDirectoryTest, EveryFailedCallIsReported) {
  FaultyFileSystem counter(&files_);
  ASSERT_OK(DataDirectory::Open(options_, &counter, random_));
  const uint64_t steps = counter.mutations();
  EXPECT_GT(steps, 10u);
  for (uint64_t step = 0; step < steps; ++step) {
    options_.path = dir_.Join("try" + std::to_string(step) + "/index");
    FaultyFileSystem faulty(&files_);
    faulty.FailAllAfter(step, absl::InternalError("bad disk"));
    EXPECT_THAT(DataDirectory::Open(options_, &faulty, random_),
                StatusIs(absl::StatusCode::kInternal, "bad disk"))
        << step;
    EXPECT_OK(Open());
  }
}

// Power is cut after every number of steps of an opening: the next opening
// works, keeps a UUID that was once returned, and counts higher.
TEST(DataDirectoryPowerCutTest, OpensAgainWithAHigherIncarnation) {
  std::mt19937_64 random(TestSeed());
  for (int round = 0; round < 30; ++round) {
    InMemoryFileSystem base;
    const DataDirectory::Options options = {
        .path = "/data/index",
        .support = {.service = "index", .release = "0.1.0"},
        .take_lock = false};
    uint64_t highest = 0;
    std::optional<Uuid> uuid;
    for (uint64_t steps = 0; steps < 30; ++steps) {
      FaultyFileSystem files(&base);
      files.FailAllAfter(steps, absl::InternalError("crashed"));
      const auto data = DataDirectory::Open(options, &files, random);
      if (data.ok()) {
        ASSERT_GT((*data)->incarnation(), highest);
        highest = (*data)->incarnation();
        if (!uuid.has_value()) uuid = (*data)->uuid();
        ASSERT_EQ((*data)->uuid(), *uuid);
      } else {
        ASSERT_THAT(data, StatusIs(absl::StatusCode::kInternal, "crashed"));
      }
      base.PowerCut(random);
    }
    EXPECT_GT(highest, 1u);
  }
}

}  // namespace
}  // namespace cairn
