#include "common/page/page_splice.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "common/digest/sha256.h"
#include "common/model/archive.h"
#include "common/model/digest.h"
#include "common/page/page.h"
#include "common/page/page_map.h"
#include "common/page/page_tree_builder.h"
#include "common/page/page_walk.h"
#include "common/page/random_entries.h"
#include "common/testing/seed.h"
#include "common/testing/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr SpliceLimits kUnlimited = {.max_entries = SIZE_MAX,
                                     .max_pages = SIZE_MAX};

// A boundary of a random entry.
uint64_t RandomBoundary(const std::vector<ChunkEntry>& entries,
                        std::mt19937_64& random) {
  const size_t chosen = Between(0, entries.size() - 1, random);
  uint64_t offset = 0;
  for (size_t i = 0; i < chosen; ++i) offset += entries[i].total_length();
  const ChunkEntry& entry = entries[chosen];
  if (Between(0, 1, random) == 0) return offset;
  return offset + (entry.is_hole
                       ? Between(0, entry.length, random)
                       : Between(0, entry.repeat, random) * entry.length);
}

// An archive built twice from the same edits: spliced, and entry by entry.
class TwoBuilders {
 public:
  TwoBuilders(const PageCutRule& rule, const std::vector<ChunkEntry>& base,
              PageMap* map)
      : rule_(rule),
        base_(base),
        map_(map),
        base_root_(map->Build(rule, base)),
        spliced_(rule),
        plain_(rule) {}

  void Add(const std::vector<ChunkEntry>& entries) {
    for (const ChunkEntry& entry : entries) {
      ASSERT_OK(spliced_.Add(entry));
      ASSERT_OK(plain_.Add(entry));
    }
    Compare();
  }

  // Some source errors on the way if `fails`.
  void Reuse(uint64_t begin, uint64_t end, const SpliceLimits& limits,
             bool fails, std::mt19937_64& random) {
    while (begin < end) {
      int left = fails ? static_cast<int>(Between(0, 30, random)) : INT32_MAX;
      const auto source = [&](const Digest& id) -> absl::StatusOr<std::string> {
        if (left-- == 0) return absl::UnavailableError("gone");
        return (*map_)(id);
      };
      const absl::StatusOr<Spliced> done =
          Splice(spliced_, base_root_, begin, end, limits, source);
      if (!done.ok()) {
        ASSERT_THAT(done, StatusIs(absl::StatusCode::kUnavailable));
        Compare();
        continue;
      }
      CheckResult(*done, begin, end, limits);
      ASSERT_GT(done->next, begin);
      for (const ChunkEntry& entry : Clipped(base_, begin, done->next)) {
        ASSERT_OK(plain_.Add(entry));
      }
      begin = done->next;
      Compare();
    }
  }

  void Finish() {
    ASSERT_OK_AND_ASSIGN(const PageRoot root, spliced_.Finish());
    EXPECT_THAT(plain_.Finish(), IsOkAndHolds(root));
    TakePages();
    // Each page is in the map: of the base, or emitted.
    for (const EncodedPage& page : plain_pages_) {
      EXPECT_TRUE(map_->pages.contains(page.id));
    }
    EXPECT_OK(FindEntries(root, 0, root.size_bytes, SIZE_MAX, *map_));
  }

  const PageRoot& base_root() const { return base_root_; }
  size_t taken_count() const { return taken_count_; }

 private:
  void CheckResult(const Spliced& done, uint64_t begin, uint64_t end,
                   const SpliceLimits& limits) {
    EXPECT_LE(done.next, end);
    EXPECT_LE(done.entries.size(), limits.max_entries);
    EXPECT_LE(done.pages.size(), limits.max_pages);
    uint64_t bytes = 0;
    for (const ChunkEntry& entry : done.entries) bytes += entry.total_length();
    for (const TakenPage& taken : done.pages) bytes += taken.page.size_bytes;
    EXPECT_EQ(bytes, done.next - begin);
    taken_count_ += done.pages.size();
  }

  void TakePages() {
    for (EncodedPage& page : plain_.TakePages()) {
      plain_pages_.push_back(std::move(page));
    }
    std::vector<EncodedPage> emitted = spliced_.TakePages();
    map_->Put(std::move(emitted));
  }

  // The same state, and the spliced builder goes on from it.
  void Compare() {
    TakePages();
    const std::string state = spliced_.SaveState();
    ASSERT_EQ(state, plain_.SaveState());
    ASSERT_OK_AND_ASSIGN(spliced_, PageTreeBuilder::Restore(rule_, state));
  }

  const PageCutRule rule_;
  const std::vector<ChunkEntry> base_;
  PageMap* map_;
  const PageRoot base_root_;
  PageTreeBuilder spliced_;
  PageTreeBuilder plain_;
  std::vector<EncodedPage> plain_pages_;
  size_t taken_count_ = 0;
};

void EditAtRandom(const PageCutRule& rule, const std::vector<ChunkEntry>& base,
                  std::mt19937_64& random, size_t& taken_count) {
  PageMap map;
  TwoBuilders builders(rule, base, &map);
  for (uint64_t edits = Between(1, 8, random); edits > 0; --edits) {
    const uint64_t kind = Between(0, 3, random);
    if (kind == 0) {
      builders.Add(SimilarEntries(Between(1, 20, random), random));
    } else if (kind == 1) {
      builders.Add({{.is_hole = true, .length = Between(1, 100, random)}});
    } else {
      uint64_t begin = RandomBoundary(base, random);
      uint64_t end = RandomBoundary(base, random);
      if (begin > end) std::swap(begin, end);
      if (Between(0, 3, random) == 0) begin = 0;
      if (Between(0, 3, random) == 0) end = builders.base_root().size_bytes;
      const SpliceLimits limits =
          Between(0, 1, random) == 0
              ? kUnlimited
              : SpliceLimits{.max_entries = Between(1, 60, random),
                             .max_pages = Between(1, 20, random)};
      builders.Reuse(begin, end, limits, Between(0, 3, random) == 0, random);
    }
    if (::testing::Test::HasFatalFailure()) return;
  }
  builders.Finish();
  taken_count += builders.taken_count();
}

TEST(SpliceTest, GivesThePagesOfAddingEachEntry) {
  std::mt19937_64 random(TestSeed());
  size_t taken_count = 0;
  for (int i = 0; i < 400; ++i) {
    SCOPED_TRACE(i);
    const size_t count = Between(1, 800, random);
    EditAtRandom(kTinyRule,
                 Joined(i % 2 == 0 ? SimilarEntries(count, random)
                                   : RandomEntries(count, random)),
                 random, taken_count);
    if (HasFailure()) return;
  }
  EXPECT_GT(taken_count, 400u);
}

TEST(SpliceTest, GivesThePagesOfTheRealRule) {
  std::mt19937_64 random(TestSeed());
  size_t taken_count = 0;
  for (int i = 0; i < 5; ++i) {
    EditAtRandom({}, Joined(RandomEntries(30000, random)), random, taken_count);
    if (HasFailure()) return;
  }
  EXPECT_GT(taken_count, 0u);
}

TEST(SpliceTest, TakesOverAllButTheLastPageOfEachLevel) {
  std::mt19937_64 random(TestSeed());
  PageMap map;
  const PageRoot base = map.Build(kTinyRule, RandomEntries(20000, random));
  ASSERT_GE(base.level, 4u);
  PageTreeBuilder builder(kTinyRule);
  ASSERT_OK_AND_ASSIGN(const Spliced done,
                       Splice(builder, base, 0, base.size_bytes, {}, map));
  EXPECT_EQ(done.next, base.size_bytes);
  EXPECT_LE(done.pages.size(), base.level * kTinyRule.max_entries);
  EXPECT_EQ(done.pages.front().level, base.level - 1);
  // What is emitted are the pages on the right edge of the base.
  EXPECT_THAT(builder.Finish(), IsOkAndHolds(base));
  const std::vector<EncodedPage> emitted = builder.TakePages();
  EXPECT_LE(emitted.size(), base.level + 1);
  for (const EncodedPage& page : emitted) {
    EXPECT_TRUE(map.pages.contains(page.id));
  }
}

TEST(SpliceTest, AddsFewEntriesForOneChangeInAMillion) {
  std::mt19937_64 random(TestSeed());
  std::vector<ChunkEntry> entries(1000000);
  for (ChunkEntry& entry : entries) {
    entry = {.length = Between(1, 1 << 20, random),
             .digest = RandomDigest(random)};
  }
  PageMap map;
  const PageRoot base = map.Build({}, entries);
  const uint64_t changed = Between(0, entries.size() - 1, random);
  uint64_t offset = 0;
  for (uint64_t i = 0; i < changed; ++i) offset += entries[i].length;
  const uint64_t length = entries[changed].length;
  entries[changed].digest = RandomDigest(random);

  map.fetched.clear();
  PageTreeBuilder builder{PageCutRule{}};
  ASSERT_OK_AND_ASSIGN(const Spliced before,
                       Splice(builder, base, 0, offset, kUnlimited, map));
  ASSERT_OK(builder.Add(entries[changed]));
  ASSERT_OK_AND_ASSIGN(
      const Spliced after,
      Splice(builder, base, offset + length, base.size_bytes, kUnlimited, map));
  EXPECT_LT(before.entries.size() + after.entries.size(), 5000u);
  EXPECT_LT(before.pages.size() + after.pages.size(), 5000u);
  EXPECT_LT(map.fetched.size(), 200u);
  PageMap other;
  EXPECT_THAT(builder.Finish(), IsOkAndHolds(other.Build({}, entries)));
}

ChunkEntry Chunk(uint8_t id, uint64_t length, uint64_t repeat = 1) {
  ChunkEntry entry{.length = length, .repeat = repeat};
  entry.digest.bytes.fill(id);
  return entry;
}
ChunkEntry Hole(uint64_t length) { return {.is_hole = true, .length = length}; }

TEST(SpliceTest, NamesTheBoundariesAroundAWrongOne) {
  PageMap map;
  const PageRoot base =
      map.Build(kTinyRule, {Hole(7), Chunk(1, 10, 5), Chunk(2, 30)});
  PageTreeBuilder builder(kTinyRule);
  ASSERT_OK(builder.Add(Chunk(3, 5)));
  const std::string state = builder.SaveState();
  EXPECT_THAT(Splice(builder, base, 31, 87, {}, map),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("boundaries around are 27 and 37")));
  EXPECT_THAT(Splice(builder, base, 0, 58, {}, map),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("boundaries around are 57 and 87")));
  EXPECT_THAT(
      Splice(builder, base, 0, 88, {}, map),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("its 87 bytes")));
  EXPECT_THAT(Splice(builder, base, 5, 3, {}, map),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(Splice(builder, base, 0, 7, {.max_entries = 0}, map),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(Splice(builder, base, 0, 7, {.max_pages = 0}, map),
              StatusIs(absl::StatusCode::kInvalidArgument));
  PageRoot high = base;
  high.level = kMaxPageLevel + 1;
  EXPECT_THAT(Splice(builder, high, 0, 0, {}, map),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_EQ(builder.SaveState(), state);
}

TEST(SpliceTest, CutsRunsAndHoles) {
  PageMap map;
  const PageRoot base =
      map.Build(kTinyRule, {Hole(7), Chunk(1, 10, 5), Chunk(2, 30)});
  PageTreeBuilder builder(kTinyRule);
  ASSERT_OK_AND_ASSIGN(const Spliced done,
                       Splice(builder, base, 3, 27, {}, map));
  EXPECT_EQ(done.entries, (std::vector<ChunkEntry>{Hole(4), Chunk(1, 10, 2)}));
  ASSERT_OK_AND_ASSIGN(const Spliced nothing,
                       Splice(builder, base, 87, 87, {}, map));
  EXPECT_EQ(nothing.next, 87u);
  EXPECT_THAT(nothing.entries, IsEmpty());
  EXPECT_EQ(builder.PendingEntries(),
            (std::vector<ChunkEntry>{Hole(4), Chunk(1, 10, 2)}));
}

TEST(SpliceTest, RefusesAnArchiveThatGrowsTooLarge) {
  PageMap map;
  std::mt19937_64 random(TestSeed());
  std::vector<ChunkEntry> entries = SimilarEntries(500, random);
  entries.push_back(Hole(kMaxArchiveBytes - 10000));
  entries.push_back(Chunk(1, 2));
  const PageRoot base = map.Build(kTinyRule, entries);
  PageTreeBuilder builder(kTinyRule);
  ASSERT_OK(builder.Add(Hole(20000)));
  const std::string state = builder.SaveState();
  EXPECT_THAT(
      Splice(builder, base, 0, base.size_bytes, kUnlimited, map),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("archive has")));
  builder.TakePages();
  EXPECT_EQ(builder.SaveState(), state);
}

TEST(SpliceTest, NoticesAnyDamagedPageItReads) {
  std::mt19937_64 random(TestSeed());
  PageMap map;
  const PageRoot base = map.Build(kTinyRule, RandomEntries(400, random));
  map.fetched.clear();
  PageTreeBuilder first(kTinyRule);
  ASSERT_OK(Splice(first, base, 0, base.size_bytes, kUnlimited, map));
  const std::vector<Digest> fetched = map.fetched;
  ASSERT_FALSE(fetched.empty());
  for (const Digest& id : fetched) {
    std::string& bytes = map.pages.at(id);
    const std::string good = bytes;
    bytes[Between(0, bytes.size() - 1, random)] ^= 1;
    PageTreeBuilder empty(kTinyRule);
    EXPECT_THAT(Splice(empty, base, 0, base.size_bytes, kUnlimited, map),
                StatusIs(absl::StatusCode::kDataLoss, HasSubstr(id.ToHex())));
    EXPECT_EQ(empty.size_bytes(), 0u);
    EXPECT_THAT(empty.TakePages(), IsEmpty());
    bytes = good;
  }
}

// Pages no builder makes: cut anywhere, neighbours in two pages not joined.
PageRoot ForgeTree(PageMap& map, std::mt19937_64& random) {
  std::vector<PageChild> row;
  const auto put = [&](const Page& page) {
    const std::string bytes = EncodePage(page);
    const Digest id = Sha256(bytes);
    map.pages.emplace(id, bytes);
    return SummarizePage(id, page);
  };
  for (uint64_t leaves = Between(2, 60, random); leaves > 0; --leaves) {
    row.push_back(put(
        {.entries = Joined(SimilarEntries(Between(1, 6, random), random))}));
  }
  uint32_t level = 0;
  while (row.size() > 1) {
    std::vector<PageChild> above;
    ++level;
    for (size_t i = 0; i < row.size();) {
      const size_t count =
          std::min<size_t>(row.size() - i, Between(2, 9, random));
      above.push_back(
          put({.level = level,
               .children = {row.begin() + i, row.begin() + i + count}}));
      i += count;
    }
    row = std::move(above);
  }
  return {.page = row.front().page,
          .level = level,
          .size_bytes = row.front().size_bytes,
          .chunk_count = row.front().chunk_count,
          .hole_bytes = row.front().hole_bytes};
}

TEST(SpliceTest, TakesTheEntriesOfABaseOfNoRule) {
  std::mt19937_64 random(TestSeed());
  for (int i = 0; i < 300; ++i) {
    PageMap map;
    const PageRoot base = ForgeTree(map, random);
    PageTreeBuilder builder(kTinyRule);
    std::vector<ChunkEntry> expected;
    for (uint64_t times = Between(1, 3, random); times > 0; --times) {
      for (const ChunkEntry& entry :
           SimilarEntries(Between(0, 9, random), random)) {
        ASSERT_OK(builder.Add(entry));
        expected.push_back(entry);
      }
      const SpliceLimits limits = {.max_entries = Between(1, 60, random),
                                   .max_pages = Between(1, 20, random)};
      for (uint64_t offset = 0; offset < base.size_bytes;) {
        ASSERT_OK_AND_ASSIGN(
            const Spliced done,
            Splice(builder, base, offset, base.size_bytes, limits, map));
        offset = done.next;
        map.Put(builder.TakePages());
        ASSERT_OK_AND_ASSIGN(
            builder, PageTreeBuilder::Restore(kTinyRule, builder.SaveState()));
      }
      ASSERT_OK_AND_ASSIGN(
          const std::vector<PlacedEntry> all,
          FindEntries(base, 0, base.size_bytes, SIZE_MAX, map));
      for (const PlacedEntry& placed : all) expected.push_back(placed.entry);
    }
    ASSERT_OK_AND_ASSIGN(const PageRoot root, builder.Finish());
    map.Put(builder.TakePages());
    ASSERT_OK_AND_ASSIGN(const std::vector<PlacedEntry> found,
                         FindEntries(root, 0, root.size_bytes, SIZE_MAX, map));
    std::vector<ChunkEntry> actual;
    for (const PlacedEntry& placed : found) actual.push_back(placed.entry);
    EXPECT_EQ(Joined(actual), Joined(expected));
  }
}

}  // namespace
}  // namespace cairn
