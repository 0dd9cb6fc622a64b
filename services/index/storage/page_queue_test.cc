#include "services/index/storage/page_queue.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <utility>
#include <vector>

#include "common/testing/faulty_file_system.h"
#include "common/testing/in_memory_file_system.h"
#include "common/testing/seed.h"
#include "common/testing/status_matchers.h"
#include "gtest/gtest.h"

namespace cairn::index {
namespace {

Digest RandomDigest(std::mt19937_64& random) {
  Digest digest;
  for (uint8_t& byte : digest.bytes) byte = static_cast<uint8_t>(random());
  return digest;
}

constexpr auto kNoTick = [] { return absl::OkStatus(); };

class PageQueueTest : public ::testing::Test {
 protected:
  PageQueueTest() : random_(TestSeed()) {
    auto directory = RunDirectory::Open(&faulty_, "/sweep");
    EXPECT_OK(directory);
    directory_ = *std::move(directory);
  }

  static absl::StatusOr<std::vector<QueuedPage>> Read(PageLevel level) {
    std::vector<QueuedPage> pages;
    while (true) {
      const auto page = level.Next();
      if (!page.ok()) return page.status();
      if (!page->has_value()) return pages;
      pages.push_back(**page);
    }
  }

  std::mt19937_64 random_;
  InMemoryFileSystem files_;
  FaultyFileSystem faulty_{&files_};
  std::unique_ptr<RunDirectory> directory_;
};

TEST_F(PageQueueTest, GivesEachPageOnceWithItsStrongestHolder) {
  for (const size_t memory : {0, 1000, 5000, 1 << 20}) {
    PageQueue queue(memory, directory_.get());
    std::map<Digest, MarkHolder> model[kMaxPageLevel + 1];
    std::vector<Digest> ids(300);
    for (Digest& id : ids) {
      id = RandomDigest(random_);
      // Some agree in their first bytes.
      if (random_() % 4 == 0) std::fill_n(id.bytes.begin(), 8, uint8_t{7});
    }
    for (uint32_t level = kMaxPageLevel + 1; level-- > 0;) {
      for (int i = 0; i < 500; ++i) {
        // As a walk adds: to its roots, or below what it has taken.
        const auto to = static_cast<uint32_t>(random_() % (level + 1));
        const Digest& id = ids[random_() % ids.size()];
        const auto holder = static_cast<MarkHolder>(1 + random_() % 3);
        ASSERT_OK(queue.Add(to, id, holder, kNoTick));
        const auto [known, added] = model[to].emplace(id, holder);
        known->second = std::min(known->second, holder);
      }
      ASSERT_OK_AND_ASSIGN(PageLevel pages, queue.Take(level, kNoTick));
      ASSERT_OK_AND_ASSIGN(const auto read, Read(std::move(pages)));
      std::vector<QueuedPage> expected;
      for (const auto& [id, holder] : model[level]) {
        expected.push_back({.key = id, .holder = holder});
      }
      ASSERT_EQ(read, expected) << memory << " " << level;
    }
  }
  EXPECT_TRUE(files_.List("/sweep")->empty());
}

TEST_F(PageQueueTest, AFaultOfTheDiskIsAnError) {
  for (const FileOperation operation :
       {FileOperation::kCreate, FileOperation::kWrite, FileOperation::kRead}) {
    PageQueue queue(0, directory_.get());
    faulty_.FailCall(operation, 1, absl::DataLossError("broken"),
                     FaultyFileSystem::Then::kFailAlways);
    absl::Status status;
    for (int i = 0; i < 5; ++i) {
      status.Update(
          queue.Add(0, RandomDigest(random_), MarkHolder::kListed, kNoTick));
    }
    if (status.ok()) status = queue.Take(0, kNoTick).status();
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kDataLoss));
    faulty_.Recover();
  }
}

}  // namespace
}  // namespace cairn::index
