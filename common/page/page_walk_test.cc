#include "common/page/page_walk.h"

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/digest/sha256.h"
#include "common/model/archive.h"
#include "common/model/digest.h"
#include "common/page/page.h"
#include "common/page/page_map.h"
#include "common/page/random_entries.h"
#include "common/testing/seed.h"
#include "common/testing/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr size_t kNoLimit = SIZE_MAX;

PageRoot Build(const std::vector<ChunkEntry>& entries, PageMap& map) {
  return map.Build(kTinyRule, entries);
}

std::vector<PlacedEntry> NaiveFind(const std::vector<ChunkEntry>& entries,
                                   uint64_t offset, uint64_t length) {
  std::vector<PlacedEntry> found;
  uint64_t start = 0;
  for (const ChunkEntry& entry : entries) {
    const uint64_t end = start + entry.total_length();
    if (length > 0 && end > offset &&
        (start < offset || start - offset < length)) {
      found.push_back({start, entry});
    }
    start = end;
  }
  return found;
}

TEST(FindEntriesTest, FindsWhatAScanFinds) {
  std::mt19937_64 random(TestSeed());
  for (const size_t count : {1, 5, 60, 700}) {
    const std::vector<ChunkEntry> entries =
        Joined(RandomEntries(count, random));
    PageMap map;
    const PageRoot root = Build(entries, map);
    EXPECT_THAT(FindEntries(root, 0, root.size_bytes, kNoLimit, map),
                IsOkAndHolds(NaiveFind(entries, 0, root.size_bytes)));
    for (int i = 0; i < 200; ++i) {
      const uint64_t offset = Between(0, root.size_bytes, random);
      const uint64_t length = random() >> Between(0, 63, random);
      std::vector<PlacedEntry> expected = NaiveFind(entries, offset, length);
      EXPECT_THAT(FindEntries(root, offset, length, kNoLimit, map),
                  IsOkAndHolds(expected));
      const size_t limit = Between(0, 5, random);
      expected.resize(std::min(expected.size(), limit));
      EXPECT_THAT(FindEntries(root, offset, length, limit, map),
                  IsOkAndHolds(expected));
    }
  }
}

TEST(FindEntriesTest, FindsExactlyTheEntriesAtTheirBorders) {
  std::mt19937_64 random(TestSeed());
  const std::vector<ChunkEntry> entries = Joined(RandomEntries(100, random));
  PageMap map;
  const PageRoot root = Build(entries, map);
  uint64_t start = 0;
  for (const ChunkEntry& entry : entries) {
    EXPECT_THAT(FindEntries(root, start, entry.total_length(), kNoLimit, map),
                IsOkAndHolds(std::vector<PlacedEntry>{{start, entry}}));
    start += entry.total_length();
  }
}

TEST(FindEntriesTest, FetchesOnePageALevelForOneByte) {
  std::mt19937_64 random(TestSeed());
  PageMap map;
  const PageRoot root = Build(RandomEntries(2000, random), map);
  ASSERT_GE(root.level, 3u);
  for (int i = 0; i < 100; ++i) {
    map.fetched.clear();
    ASSERT_OK(FindEntries(root, Between(0, root.size_bytes - 1, random), 1,
                          kNoLimit, map));
    EXPECT_EQ(map.fetched.size(), root.level + 1);
  }
}

TEST(FindEntriesTest, FindsNothingAtTheEndAndRefusesWhatIsBeyond) {
  PageMap map;
  const PageRoot root = Build({{.is_hole = true, .length = 100}}, map);
  EXPECT_THAT(FindEntries(root, 100, 5, kNoLimit, map),
              IsOkAndHolds(IsEmpty()));
  EXPECT_THAT(FindEntries(root, 50, 0, kNoLimit, map), IsOkAndHolds(IsEmpty()));
  EXPECT_THAT(
      FindEntries(root, 101, 5, kNoLimit, map),
      StatusIs(absl::StatusCode::kOutOfRange, HasSubstr("offset is 101")));
  const PageRoot nothing = Build({}, map);
  EXPECT_THAT(FindEntries(nothing, 0, 5, kNoLimit, map),
              IsOkAndHolds(IsEmpty()));
}

TEST(FindEntriesTest, NamesAPageThatIsMissing) {
  PageMap map;
  const PageRoot root = Build({{.is_hole = true, .length = 100}}, map);
  map.pages.clear();
  EXPECT_THAT(
      FindEntries(root, 0, 1, kNoLimit, map),
      StatusIs(absl::StatusCode::kNotFound, HasSubstr(root.page.ToHex())));
}

TEST(FindEntriesTest, NoticesAnyDamagedPageItReads) {
  std::mt19937_64 random(TestSeed());
  PageMap map;
  const PageRoot root = Build(RandomEntries(200, random), map);
  for (auto& [id, bytes] : map.pages) {
    const std::string good = bytes;
    bytes[Between(0, bytes.size() - 1, random)] ^= 1;
    EXPECT_THAT(FindEntries(root, 0, root.size_bytes, kNoLimit, map),
                StatusIs(absl::StatusCode::kDataLoss, HasSubstr(id.ToHex())));
    bytes = good;
  }
}

TEST(FindEntriesTest, RefusesARootThatSaysSomethingElse) {
  std::mt19937_64 random(TestSeed());
  PageMap map;
  const PageRoot root = Build(RandomEntries(200, random), map);
  PageRoot wrong = root;
  ++wrong.size_bytes;
  EXPECT_THAT(FindEntries(wrong, 0, 1, kNoLimit, map),
              StatusIs(absl::StatusCode::kDataLoss));
  wrong = root;
  ++wrong.chunk_count;
  EXPECT_THAT(FindEntries(wrong, 0, 1, kNoLimit, map),
              StatusIs(absl::StatusCode::kDataLoss));
  wrong = root;
  ++wrong.hole_bytes;
  EXPECT_THAT(FindEntries(wrong, 0, 1, kNoLimit, map),
              StatusIs(absl::StatusCode::kDataLoss));
  wrong = root;
  ++wrong.level;
  EXPECT_THAT(
      FindEntries(wrong, 0, 1, kNoLimit, map),
      StatusIs(absl::StatusCode::kDataLoss, HasSubstr("its parent says")));
  wrong.level = kMaxPageLevel + 1;
  EXPECT_THAT(FindEntries(wrong, 0, 1, kNoLimit, map),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

// A page with the right digest whose parent lies about it.
TEST(FindEntriesTest, RefusesALyingParent) {
  PageMap map;
  Page leaf;
  leaf.entries.push_back({.is_hole = true, .length = 100});
  const Digest leaf_id = Sha256(EncodePage(leaf));
  map.pages.emplace(leaf_id, EncodePage(leaf));
  PageChild lie = SummarizePage(leaf_id, leaf);
  lie.size_bytes = lie.hole_bytes = 200;
  for (const uint32_t level : {1u, 2u}) {
    const Page parent = {
        .level = level,
        .children = {level == 1 ? lie : SummarizePage(leaf_id, leaf)}};
    const Digest id = Sha256(EncodePage(parent));
    map.pages.emplace(id, EncodePage(parent));
    const PageChild sums = SummarizePage(id, parent);
    EXPECT_THAT(
        FindEntries({.page = id,
                     .level = level,
                     .size_bytes = sums.size_bytes,
                     .hole_bytes = sums.hole_bytes},
                    0, 1, kNoLimit, map),
        StatusIs(absl::StatusCode::kDataLoss, HasSubstr(leaf_id.ToHex())));
  }
}

}  // namespace
}  // namespace cairn
