#include "common/page/page_cursor.h"

#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "common/model/archive.h"
#include "common/model/digest.h"
#include "common/page/page_map.h"
#include "common/page/page_walk.h"
#include "common/page/random_entries.h"
#include "common/testing/seed.h"
#include "common/testing/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

TEST(PageCursorTest, VisitsEveryEntryInOrderAndEveryPageOnce) {
  std::mt19937_64 random(TestSeed());
  for (const size_t count : {1, 7, 60, 700}) {
    const std::vector<ChunkEntry> entries =
        Joined(RandomEntries(count, random));
    PageMap map;
    const PageRoot root = map.Build(kTinyRule, entries);
    PageCursor cursor(root, map);
    uint64_t offset = 0;
    for (const ChunkEntry& entry : entries) {
      cursor.AdvanceTo(offset);
      while (!cursor.on_entry()) {
        EXPECT_EQ(cursor.begin(), offset);
        ASSERT_OK(cursor.Enter(offset));
      }
      EXPECT_EQ(cursor.begin(), offset);
      EXPECT_EQ(cursor.entry(), entry);
      offset += entry.total_length();
      EXPECT_EQ(cursor.end(), offset);
    }
    EXPECT_EQ(map.fetched.size(), map.pages.size());
  }
}

TEST(PageCursorTest, FindsTheEntryOfAnyLaterByte) {
  std::mt19937_64 random(TestSeed());
  PageMap map;
  const PageRoot root = map.Build(kTinyRule, SimilarEntries(2000, random));
  for (int i = 0; i < 50; ++i) {
    PageCursor cursor(root, map);
    for (uint64_t offset = Between(0, 300, random); offset < root.size_bytes;
         offset += Between(0, 1000, random)) {
      cursor.AdvanceTo(offset);
      while (!cursor.on_entry()) ASSERT_OK(cursor.Enter(offset));
      EXPECT_THAT(FindEntries(root, offset, 1, 1, map),
                  IsOkAndHolds(std::vector<PlacedEntry>{
                      {cursor.begin(), cursor.entry()}}));
    }
  }
}

TEST(PageCursorTest, PassesPagesWithoutFetchingThem) {
  std::mt19937_64 random(TestSeed());
  PageMap map;
  const PageRoot root = map.Build(kTinyRule, RandomEntries(2000, random));
  PageCursor cursor(root, map);
  const uint64_t last = root.size_bytes - 1;
  while (!cursor.on_entry()) ASSERT_OK(cursor.Enter(last));
  EXPECT_EQ(cursor.end(), root.size_bytes);
  EXPECT_EQ(map.fetched.size(), root.level + 1);
}

TEST(PageCursorTest, StaysBeforeAPageThatIsMissing) {
  PageMap map;
  const PageRoot root =
      map.Build(kTinyRule, {{.is_hole = true, .length = 100}});
  PageCursor cursor(root, map);
  const std::map<Digest, std::string> pages = std::exchange(map.pages, {});
  EXPECT_THAT(cursor.Enter(5), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_EQ(cursor.height(), 1u);
  map.pages = pages;
  EXPECT_OK(cursor.Enter(5));
  EXPECT_EQ(cursor.entry().length, 100u);
}

}  // namespace
}  // namespace cairn
