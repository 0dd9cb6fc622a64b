#include "client/restore/tar_target.h"

#include <archive.h>
#include <archive_entry.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "common/testing/seed.h"
#include "common/testing/status_matchers.h"
#include "common/testing/temp_dir.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cairn::client {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct Item {
  std::string path;
  mode_t type = AE_IFREG;
  std::string content;
  std::string symlink;
  std::string hardlink;
};

std::string MakeTar(const std::vector<Item>& items) {
  std::string tar;
  archive* writer = archive_write_new();
  archive_write_set_format_pax(writer);
  archive_write_set_bytes_per_block(writer, 0);
  archive_write_open(
      writer, &tar, nullptr,
      [](archive*, void* out, const void* data, size_t length) {
        static_cast<std::string*>(out)->append(static_cast<const char*>(data),
                                               length);
        return static_cast<la_ssize_t>(length);
      },
      nullptr);
  for (const Item& item : items) {
    archive_entry* entry = archive_entry_new();
    archive_entry_set_pathname(entry, item.path.c_str());
    archive_entry_set_filetype(entry, item.type);
    archive_entry_set_perm(entry, item.type == AE_IFDIR ? 0755 : 0644);
    archive_entry_set_size(entry, static_cast<la_int64_t>(item.content.size()));
    if (!item.symlink.empty()) {
      archive_entry_set_symlink(entry, item.symlink.c_str());
    }
    if (!item.hardlink.empty()) {
      archive_entry_set_hardlink(entry, item.hardlink.c_str());
    }
    EXPECT_EQ(archive_write_header(writer, entry), ARCHIVE_OK);
    archive_write_data(writer, item.content.data(), item.content.size());
    archive_entry_free(entry);
  }
  archive_write_close(writer);
  archive_write_free(writer);
  return tar;
}

class TarTargetTest : public ::testing::Test {
 protected:
  TarTargetTest() {
    std::filesystem::create_directory(outside_);
    std::ofstream(outside_ + "/victim") << "untouched";
  }

  absl::StatusOr<TarTarget::Report> Extract(const std::string& tar,
                                            bool overwrite = false) {
    auto target =
        TarTarget::Open({.directory = target_, .overwrite = overwrite},
                        &interrupt_, &problems_);
    if (!target.ok()) return target.status();
    bool given = false;
    return (*target)->Extract([&]() -> absl::StatusOr<std::string_view> {
      if (given) return std::string_view();
      given = true;
      return std::string_view(tar);
    });
  }

  static std::string Content(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
  }

  // Nothing was written, created or linked outside of the target.
  void ExpectOutsideUntouched() {
    EXPECT_EQ(Content(outside_ + "/victim"), "untouched");
    struct stat status;
    ASSERT_EQ(stat((outside_ + "/victim").c_str(), &status), 0);
    EXPECT_EQ(status.st_nlink, 1u);
    size_t names = 0;
    for ([[maybe_unused]] const auto& entry :
         std::filesystem::directory_iterator(outside_)) {
      ++names;
    }
    EXPECT_EQ(names, 1u);
    names = 0;
    for (const auto& entry : std::filesystem::directory_iterator(dir_.path())) {
      EXPECT_TRUE(entry.path() == outside_ || entry.path() == target_)
          << entry.path();
    }
  }

  TempDir dir_;
  const std::string target_ = dir_.Join("target");
  const std::string outside_ = dir_.Join("outside");
  Interrupt interrupt_;
  ProblemLog problems_;
};

TEST_F(TarTargetTest, RefusesPathsThatLeaveTheTarget) {
  const std::string absolute = outside_ + "/new";
  const auto report = Extract(MakeTar({{.path = "../outside/new"},
                                       {.path = "a/../../outside/new"},
                                       {.path = ".."},
                                       {.path = absolute},
                                       {.path = "good", .content = "x"}}));
  ASSERT_OK(report);
  EXPECT_EQ(report->refused, 4u);
  EXPECT_EQ(problems_.count(), 4u);
  EXPECT_EQ(Content(target_ + "/good"), "x");
  ExpectOutsideUntouched();
}

TEST_F(TarTargetTest, DoesNotWriteThroughALinkOfTheArchive) {
  ASSERT_OK(
      Extract(MakeTar({{.path = "out", .type = AE_IFLNK, .symlink = outside_},
                       {.path = "out/new", .content = "evil"},
                       {.path = "out/victim", .content = "evil"},
                       {.path = "up", .type = AE_IFLNK, .symlink = ".."},
                       {.path = "up/outside/new", .content = "evil"},
                       {.path = "up/new-directory", .type = AE_IFDIR}})));
  EXPECT_GE(problems_.count(), 4u);
  ExpectOutsideUntouched();
}

TEST_F(TarTargetTest, DoesNotWriteThroughALinkThatWasThere) {
  std::filesystem::create_directory(target_);
  std::filesystem::create_symlink(outside_, target_ + "/out");
  std::filesystem::create_symlink(outside_ + "/victim", target_ + "/file");
  ASSERT_OK(Extract(MakeTar({{.path = "out/new", .content = "evil"},
                             {.path = "file", .content = "mine"}}),
                    /*overwrite=*/true));
  ExpectOutsideUntouched();
  EXPECT_EQ(Content(target_ + "/file"), "mine");
}

TEST_F(TarTargetTest, DoesNotLinkToFilesOutside) {
  ASSERT_OK(
      Extract(MakeTar({{.path = "a", .hardlink = "../outside/victim"},
                       {.path = "b", .hardlink = outside_ + "/victim"},
                       {.path = "s", .type = AE_IFLNK, .symlink = outside_},
                       {.path = "c", .hardlink = "s/victim"},
                       {.path = "d", .hardlink = "./s/victim"}})));
  EXPECT_GE(problems_.count(), 3u);
  ExpectOutsideUntouched();
}

TEST_F(TarTargetTest, DoesNotWriteThroughAHardLinkToALink) {
  ASSERT_OK(Extract(
      MakeTar({{.path = "s", .type = AE_IFLNK, .symlink = outside_ + "/victim"},
               {.path = "h", .hardlink = "s"},
               {.path = "h", .content = "evil"},
               {.path = "s", .content = "evil"}})));
  ExpectOutsideUntouched();
}

TEST_F(TarTargetTest, ADirectoryEntryDoesNotChangeWhatALinkPointsTo) {
  ASSERT_EQ(chmod(outside_.c_str(), 0700), 0);
  ASSERT_OK(
      Extract(MakeTar({{.path = "d", .type = AE_IFLNK, .symlink = outside_},
                       {.path = "d/", .type = AE_IFDIR}})));
  struct stat status;
  ASSERT_EQ(stat(outside_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0700u);
  ExpectOutsideUntouched();
}

TEST_F(TarTargetTest, WantsAnEmptyDirectoryOrLeave) {
  std::filesystem::create_directory(target_);
  std::ofstream(target_ + "/mine") << "old";
  const std::string tar = MakeTar({{.path = "mine", .content = "new"}});
  EXPECT_THAT(Extract(tar), StatusIs(absl::StatusCode::kAlreadyExists,
                                     HasSubstr("--overwrite")));
  EXPECT_EQ(Content(target_ + "/mine"), "old");
  ASSERT_OK(Extract(tar, /*overwrite=*/true));
  EXPECT_EQ(Content(target_ + "/mine"), "new");
}

TEST_F(TarTargetTest, GoesBackToTheWorkingDirectory) {
  const auto before = std::filesystem::current_path();
  ASSERT_OK(Extract(MakeTar({{.path = "a"}})));
  EXPECT_EQ(std::filesystem::current_path(), before);
  EXPECT_THAT(Extract("no tar at all", true),
              StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_EQ(std::filesystem::current_path(), before);
}

TEST_F(TarTargetTest, AStreamThatIsCutIsAnError) {
  const std::string tar =
      MakeTar({{.path = "a", .content = std::string(100000, 'x')}});
  EXPECT_THAT(Extract(tar.substr(0, 60000)),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("a")));
}

TEST_F(TarTargetTest, AFileThatIsCutIsRemovedAndNamed) {
  const std::string tar =
      MakeTar({{.path = "dir", .type = AE_IFDIR},
               {.path = "dir/whole", .content = "all of it"},
               {.path = "dir/cut", .content = std::string(100000, 'x')}});
  EXPECT_THAT(Extract(tar.substr(0, 60000)),
              StatusIs(absl::StatusCode::kDataLoss,
                       HasSubstr("dir/cut was not complete and is removed")));
  EXPECT_EQ(Content(target_ + "/dir/whole"), "all of it");
  EXPECT_FALSE(std::filesystem::exists(target_ + "/dir/cut"));
  ExpectOutsideUntouched();
}

TEST_F(TarTargetTest, AFileThatADamagedChunkCutsIsRemovedAndNamed) {
  const std::string tar =
      MakeTar({{.path = "./cut", .content = std::string(100000, 'x')}});
  auto target =
      TarTarget::Open({.directory = target_}, &interrupt_, &problems_);
  ASSERT_OK(target);
  int pulls = 0;
  EXPECT_THAT((*target)->Extract([&]() -> absl::StatusOr<std::string_view> {
    if (++pulls == 1) return std::string_view(tar).substr(0, 60000);
    return absl::DataLossError("chunk 12 is damaged");
  }),
              StatusIs(absl::StatusCode::kDataLoss,
                       AllOf(HasSubstr("./cut was not complete and is removed"),
                             HasSubstr("chunk 12 is damaged"))));
  EXPECT_TRUE(std::filesystem::is_empty(target_));
}

TEST_F(TarTargetTest, AnInterruptLeavesNoHalfFile) {
  const std::string tar =
      MakeTar({{.path = "cut", .content = std::string(100000, 'x')}});
  auto target =
      TarTarget::Open({.directory = target_}, &interrupt_, &problems_);
  ASSERT_OK(target);
  size_t at = 0;
  EXPECT_THAT((*target)->Extract([&]() -> absl::StatusOr<std::string_view> {
    if (at >= 50000) interrupt_.Raise();
    const std::string_view piece = std::string_view(tar).substr(at, 10000);
    at += piece.size();
    return piece;
  }),
              StatusIs(absl::StatusCode::kCancelled));
  EXPECT_TRUE(std::filesystem::is_empty(target_));
}

TEST_F(TarTargetTest, ErrorsOfTheStreamAreHandedOn) {
  auto target =
      TarTarget::Open({.directory = target_}, &interrupt_, &problems_);
  ASSERT_OK(target);
  EXPECT_THAT((*target)->Extract([]() -> absl::StatusOr<std::string_view> {
    return absl::DataLossError("chunk 12 is damaged");
  }),
              StatusIs(absl::StatusCode::kDataLoss, "chunk 12 is damaged"));
}

TEST_F(TarTargetTest, DamagedStreamsNeverLeaveTheTarget) {
  std::mt19937_64 random(TestSeed());
  const std::string whole =
      MakeTar({{.path = "dir", .type = AE_IFDIR},
               {.path = "dir/a", .content = std::string(5000, 'a')},
               {.path = "link", .type = AE_IFLNK, .symlink = "../outside"},
               {.path = "dir/b", .hardlink = "dir/a"},
               {.path = std::string(150, 'l'), .content = "long name"}});
  for (int i = 0; i < 300; ++i) {
    std::string tar = whole;
    for (int flips = 1 + static_cast<int>(random() % 8); flips > 0; --flips) {
      tar[random() % tar.size()] = static_cast<char>(random());
    }
    Extract(tar, /*overwrite=*/true).status().IgnoreError();
    ExpectOutsideUntouched();
  }
}

TEST(RefusalOfPathTest, AllowsNamesWithDots) {
  EXPECT_THAT(RefusalOfPath("./a/..b/c.."), IsEmpty());
  EXPECT_THAT(RefusalOfPath("./"), IsEmpty());
  EXPECT_THAT(RefusalOfPath("a/.."), HasSubstr(".."));
  EXPECT_THAT(RefusalOfPath("/a"), HasSubstr("absolute"));
  EXPECT_THAT(RefusalOfPath(""), HasSubstr("no name"));
}

}  // namespace
}  // namespace cairn::client
