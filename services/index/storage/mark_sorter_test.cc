#include "services/index/storage/mark_sorter.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/status/reason.h"
#include "common/testing/faulty_file_system.h"
#include "common/testing/in_memory_file_system.h"
#include "common/testing/seed.h"
#include "common/testing/status_matchers.h"
#include "gtest/gtest.h"

namespace cairn::index {
namespace {

// By kind, domain and prefix, as marks are to come.
using Model = std::map<std::tuple<RecordKind, Domain, uint64_t>, MarkHolder>;

constexpr auto kNoTick = [] { return absl::OkStatus(); };

class MarkSorterTest : public ::testing::Test {
 protected:
  MarkSorterTest() : random_(TestSeed()) {
    auto directory = RunDirectory::Open(&faulty_, "/sweep");
    EXPECT_OK(directory);
    directory_ = *std::move(directory);
  }

  uint64_t Below(uint64_t end) { return random_() % end; }

  // Adds some marks to both, most of them more than once.
  absl::Status AddSome(MarkSorter& sorter, Model& model, uint64_t prefixes) {
    static constexpr RecordKind kKinds[] = {
        RecordKind::kChunk, RecordKind::kPage, RecordKind::kManifest};
    const RecordKind kind = kKinds[Below(3)];
    Domain domain;
    if (Below(2) == 0) {
      // Neither end of a domain alone tells it.
      domain.bytes[0] = static_cast<uint8_t>(Below(2));
      domain.bytes[7] = static_cast<uint8_t>(Below(2));
      domain.bytes[8] = static_cast<uint8_t>(Below(2) * 0xff);
      domain.bytes[15] = static_cast<uint8_t>(Below(2));
    }
    const auto holder = static_cast<MarkHolder>(1 + Below(3));
    std::vector<uint64_t> some(Below(40));
    for (uint64_t& prefix : some) {
      prefix = Below(prefixes) * 0x9e3779b97f4a7c15;
      const auto [known, added] =
          model.emplace(std::tuple(kind, domain, prefix), holder);
      known->second = std::min(known->second, holder);
    }
    return sorter.Add(kind, domain, holder, some, kNoTick);
  }

  static absl::StatusOr<std::vector<std::pair<Model::key_type, MarkHolder>>>
  Read(MarkStream& stream) {
    std::vector<std::pair<Model::key_type, MarkHolder>> all;
    while (true) {
      auto run = stream.Next();
      if (!run.ok()) return run.status();
      if (!run->has_value()) return all;
      EXPECT_FALSE((*run)->marks.empty());
      EXPECT_LE((*run)->marks.size(), kMaxMarksPerRun);
      for (const Mark& mark : (*run)->marks) {
        all.push_back(
            {{(*run)->kind, (*run)->domain, mark.prefix}, mark.holder});
      }
    }
  }

  static std::vector<std::pair<Model::key_type, MarkHolder>> Expected(
      const Model& model) {
    return {model.begin(), model.end()};
  }

  size_t FileCount() { return files_.List("/sweep")->size(); }

  std::mt19937_64 random_;
  InMemoryFileSystem files_;
  FaultyFileSystem faulty_{&files_};
  std::unique_ptr<RunDirectory> directory_;
};

TEST_F(MarkSorterTest, SortsAsAMapDoesWhateverFits) {
  for (int round = 0; round < 60; ++round) {
    // From one mark in memory to all of them.
    const size_t memory = size_t{16} << Below(16);
    const size_t fan_in = 2 + Below(6);
    const uint64_t prefixes = 1 + Below(3000);
    SCOPED_TRACE(absl::StrCat("memory ", memory, " fan in ", fan_in,
                              " prefixes ", prefixes));
    {
      MarkSorter sorter({.memory_bytes = memory, .fan_in = fan_in},
                        directory_.get());
      Model model;
      const uint64_t adds = Below(memory < 256 ? 30 : 300);
      for (uint64_t i = 0; i < adds; ++i) {
        ASSERT_OK(AddSome(sorter, model, prefixes));
      }
      ASSERT_OK_AND_ASSIGN(const auto sorted, sorter.Finish(kNoTick));
      EXPECT_EQ(sorted->count(), model.size());
      EXPECT_LE(FileCount(), 1u);
      for (int again = 0; again < 2; ++again) {
        ASSERT_OK_AND_ASSIGN(const auto read,
                             Read(*SortedMarks::NewStream(sorted)));
        ASSERT_EQ(read, Expected(model));
      }
    }
    EXPECT_EQ(FileCount(), 0u);
  }
}

TEST_F(MarkSorterTest, MergesHundredsOfRunsOfAFewMarks) {
  MarkSorter sorter({.memory_bytes = 64, .fan_in = 3}, directory_.get());
  Model model;
  size_t most_files = 0;
  for (int i = 0; i < 100; ++i) {
    ASSERT_OK(AddSome(sorter, model, 500));
    most_files = std::max(most_files, FileCount());
  }
  // Two a level wait, while three more are merged into one.
  EXPECT_LE(most_files, 3u * 8);
  ASSERT_OK_AND_ASSIGN(const auto sorted, sorter.Finish(kNoTick));
  ASSERT_OK_AND_ASSIGN(const auto read, Read(*SortedMarks::NewStream(sorted)));
  EXPECT_EQ(read, Expected(model));
}

TEST_F(MarkSorterTest, AStreamOutlivesWhatItCameFrom) {
  std::unique_ptr<MarkStream> chunks;
  std::unique_ptr<MarkStream> pages;
  {
    MarkSorter first({.memory_bytes = 16}, directory_.get());
    MarkSorter second({}, directory_.get());
    const std::vector<uint64_t> prefixes = {3, 1, 2, 1};
    ASSERT_OK(first.Add(RecordKind::kChunk, {}, MarkHolder::kTrash, prefixes,
                        kNoTick));
    ASSERT_OK(second.Add(RecordKind::kPage, {}, MarkHolder::kListed, prefixes,
                         kNoTick));
    chunks = SortedMarks::NewStream(*first.Finish(kNoTick));
    pages = SortedMarks::NewStream(*second.Finish(kNoTick));
  }
  const auto joined = JoinMarks(std::move(chunks), std::move(pages));
  ASSERT_OK_AND_ASSIGN(const auto read, Read(*joined));
  ASSERT_EQ(read.size(), 6u);
  EXPECT_EQ(std::get<0>(read[0].first), RecordKind::kChunk);
  EXPECT_EQ(std::get<0>(read[5].first), RecordKind::kPage);
  EXPECT_EQ(read[5].second, MarkHolder::kListed);
}

// Whatever the disk does, the marks are all there or the sort says that they
// are not.
TEST_F(MarkSorterTest, NoFaultOfTheDiskIsSilent) {
  const std::vector<uint64_t> prefixes = {9, 8, 7, 6, 5, 4, 3, 2, 1, 9, 8};
  const auto sort = [&]() -> absl::StatusOr<size_t> {
    MarkSorter sorter({.memory_bytes = 32, .fan_in = 2}, directory_.get());
    absl::Status added = sorter.Add(RecordKind::kChunk, {}, MarkHolder::kListed,
                                    prefixes, kNoTick);
    if (!added.ok()) return added;
    auto sorted = sorter.Finish(kNoTick);
    if (!sorted.ok()) return sorted.status();
    auto read = Read(*SortedMarks::NewStream(*sorted));
    if (!read.ok()) return read.status();
    return read->size();
  };
  for (const FileOperation operation :
       {FileOperation::kCreate, FileOperation::kWrite, FileOperation::kRead}) {
    int failures = 0;
    for (uint64_t nth = 1;; ++nth) {
      faulty_.FailCall(operation, nth, absl::DataLossError("broken"));
      const auto size = sort();
      faulty_.Recover();
      EXPECT_EQ(FileCount(), 0u);
      if (size.ok()) {
        EXPECT_EQ(*size, 9u);
        break;
      }
      ++failures;
      EXPECT_THAT(size, StatusIs(absl::StatusCode::kDataLoss));
    }
    EXPECT_GT(failures, 3);
  }
  files_.SetFreeBytes(300);
  EXPECT_THAT(sort(), HasReasonCode(reason::kStorageFull));
}

TEST_F(MarkSorterTest, ALongMergeCanBeEnded) {
  MarkSorter sorter({.memory_bytes = 1 << 20}, directory_.get());
  std::vector<uint64_t> prefixes(1 << 17);
  for (uint64_t& prefix : prefixes) prefix = random_();
  ASSERT_OK(sorter.Add(RecordKind::kChunk, {}, MarkHolder::kListed, prefixes,
                       kNoTick));
  EXPECT_THAT(sorter.Finish([] { return absl::CancelledError("enough"); }),
              StatusIs(absl::StatusCode::kCancelled));
}

}  // namespace
}  // namespace cairn::index
