#include "services/index/storage/run_file.h"

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/testing/faulty_file_system.h"
#include "common/testing/in_memory_file_system.h"
#include "common/testing/status_matchers.h"
#include "gtest/gtest.h"

namespace cairn::index {
namespace {

class RunFileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto directory = RunDirectory::Open(&faulty_, "/sweep");
    ASSERT_OK(directory);
    directory_ = *std::move(directory);
  }

  std::shared_ptr<const RunFile> Write(const std::vector<std::string>& blocks) {
    auto writer = RunWriter::Create(directory_.get());
    EXPECT_OK(writer);
    for (const std::string& block : blocks) EXPECT_OK(writer->Append(block));
    return std::move(*writer).Finish(blocks.size());
  }

  std::vector<std::string> Names() { return *files_.List("/sweep"); }

  InMemoryFileSystem files_;
  FaultyFileSystem faulty_{&files_};
  std::unique_ptr<RunDirectory> directory_;
};

TEST_F(RunFileTest, GivesBackWhatWasWrittenAndGoes) {
  const std::vector<std::string> blocks = {
      "a", std::string(kMaxRunBlockBytes, 'x'), "", "the last"};
  {
    const auto run = Write(blocks);
    EXPECT_EQ(run->entries(), 4u);
    EXPECT_EQ(Names().size(), 1u);
    for (int round = 0; round < 2; ++round) {
      RunReader reader(run);
      for (const std::string& block : blocks) {
        ASSERT_OK_AND_ASSIGN(const auto read, reader.Next());
        EXPECT_EQ(read, block);
      }
      EXPECT_THAT(reader.Next(), IsOkAndHolds(std::nullopt));
    }
  }
  EXPECT_TRUE(Names().empty());
}

TEST_F(RunFileTest, OneThatIsNotFinishedLeavesNothing) {
  {
    auto writer = RunWriter::Create(directory_.get());
    ASSERT_OK(writer);
    ASSERT_OK(writer->Append("a"));
    EXPECT_EQ(Names().size(), 1u);
  }
  EXPECT_TRUE(Names().empty());
}

TEST_F(RunFileTest, WhatAnEarlierProcessHasLeftIsRemoved) {
  ASSERT_OK(files_.Create("/sweep/1.run"));
  ASSERT_OK(files_.Create("/sweep/77.run"));
  ASSERT_OK(RunDirectory::Open(&files_, "/sweep"));
  EXPECT_TRUE(Names().empty());
}

TEST_F(RunFileTest, EveryFlippedBitIsFound) {
  const auto run = Write({"some content", "more of it"});
  const std::string path = absl::StrCat("/sweep/", Names().at(0));
  ASSERT_OK_AND_ASSIGN(const auto file, files_.OpenForWrite(path));
  ASSERT_OK_AND_ASSIGN(const uint64_t size, file->Size());
  for (uint64_t offset = 0; offset < size; ++offset) {
    ASSERT_OK_AND_ASSIGN(const std::string byte, file->ReadAt(offset, 1));
    for (int bit = 0; bit < 8; ++bit) {
      const char flipped = static_cast<char>(byte[0] ^ (1 << bit));
      const std::array<std::string_view, 1> bad = {
          std::string_view(&flipped, 1)};
      ASSERT_OK(file->WriteAt(offset, bad));
      RunReader reader(run);
      absl::Status status = reader.Next().status();
      if (status.ok()) status = reader.Next().status();
      EXPECT_THAT(status, StatusIs(absl::StatusCode::kDataLoss))
          << offset << " " << bit;
    }
    const std::array<std::string_view, 1> good = {byte};
    ASSERT_OK(file->WriteAt(offset, good));
  }
}

TEST_F(RunFileTest, ABlockOfAnotherRunOrPlaceIsFound) {
  const auto first = Write({"aaaa", "bbbb"});
  const std::string first_path = absl::StrCat("/sweep/", Names().at(0));
  ASSERT_OK_AND_ASSIGN(const auto from, files_.OpenForWrite(first_path));
  ASSERT_OK_AND_ASSIGN(const std::string bytes, from->ReadAt(0, 1000));
  // Its blocks by turns.
  const std::string_view all(bytes);
  const std::array<std::string_view, 2> turned = {
      all.substr(bytes.size() / 2), all.substr(0, bytes.size() / 2)};
  ASSERT_OK(from->WriteAt(0, turned));
  EXPECT_THAT(RunReader(first).Next(), StatusIs(absl::StatusCode::kDataLoss));
  const auto second = Write({"aaaa", "bbbb"});
  ASSERT_OK_AND_ASSIGN(const auto to, files_.OpenForWrite(absl::StrCat(
                                          "/sweep/", Names().at(1))));
  const std::array<std::string_view, 1> same = {all};
  ASSERT_OK(to->WriteAt(0, same));
  EXPECT_THAT(RunReader(second).Next(), StatusIs(absl::StatusCode::kDataLoss));
}

TEST_F(RunFileTest, AFullDiskIsAnError) {
  auto writer = RunWriter::Create(directory_.get());
  ASSERT_OK(writer);
  files_.SetFreeBytes(100);
  ASSERT_OK(writer->Append("a"));
  EXPECT_THAT(writer->Append(std::string(100, 'x')),
              StatusIs(absl::StatusCode::kResourceExhausted));
  faulty_.FailCall(FileOperation::kCreate, 1, absl::InternalError("broken"));
  EXPECT_THAT(RunWriter::Create(directory_.get()),
              StatusIs(absl::StatusCode::kInternal));
}

}  // namespace
}  // namespace cairn::index
