#include "common/page/page_diff.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "absl/status/status.h"
#include "common/model/archive.h"
#include "common/model/digest.h"
#include "common/page/page.h"
#include "common/page/page_map.h"
#include "common/page/page_tree_builder.h"
#include "common/page/random_entries.h"
#include "common/testing/seed.h"
#include "common/testing/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr DiffLimits kUnlimited = {.max_ranges = SIZE_MAX,
                                   .max_pages = SIZE_MAX};
constexpr size_t kLeastPages = 2 * (kMaxPageLevel + 1);

void Append(const DiffRange& range, std::vector<DiffRange>& ranges) {
  if (!ranges.empty() &&
      ranges.back().offset + ranges.back().length == range.offset) {
    ranges.back().length += range.length;
  } else {
    ranges.push_back(range);
  }
}

// Each byte by itself: no domain, digest and offset in the chunk for a hole.
using ByteReference = std::tuple<bool, Domain, Digest, uint64_t, uint64_t>;
std::vector<ByteReference> Spread(const std::vector<ChunkEntry>& entries) {
  std::vector<ByteReference> bytes;
  for (const ChunkEntry& entry : entries) {
    for (uint64_t i = 0; i < entry.total_length(); ++i) {
      entry.is_hole ? bytes.emplace_back(true, Domain{}, Digest{}, 0, 0)
                    : bytes.emplace_back(false, entry.domain, entry.digest,
                                         entry.length, i % entry.length);
    }
  }
  return bytes;
}

std::vector<DiffRange> NaiveDiff(const std::vector<ChunkEntry>& left,
                                 const std::vector<ChunkEntry>& right) {
  const std::vector<ByteReference> first = Spread(left);
  const std::vector<ByteReference> second = Spread(right);
  std::vector<DiffRange> ranges;
  for (size_t i = 0; i < std::max(first.size(), second.size()); ++i) {
    if (i >= first.size() || i >= second.size() || first[i] != second[i]) {
      Append({i, 1}, ranges);
    }
  }
  return ranges;
}

// All calls from byte 0 on, each checked against its limits.
std::vector<DiffRange> DiffInSteps(const PageRoot& left, const PageRoot& right,
                                   const PageMap& map,
                                   const DiffLimits& limits) {
  std::vector<DiffRange> ranges;
  for (uint64_t offset = 0;;) {
    map.fetched.clear();
    const absl::StatusOr<ArchiveDiff> diff =
        DiffArchives(left, map, right, map, offset, limits);
    EXPECT_OK(diff);
    if (!diff.ok()) return ranges;
    EXPECT_LE(diff->ranges.size(), limits.max_ranges);
    EXPECT_LE(map.fetched.size(), std::max(limits.max_pages, kLeastPages));
    uint64_t least = offset;
    for (const DiffRange& range : diff->ranges) {
      EXPECT_GE(range.offset, least);
      EXPECT_GT(range.length, 0u);
      least = range.offset + range.length + 1;
      EXPECT_LT(least, diff->next + 2);
      Append(range, ranges);
    }
    if (diff->done) {
      EXPECT_EQ(diff->next, std::max(left.size_bytes, right.size_bytes));
      return ranges;
    }
    EXPECT_GT(diff->next, offset);
    if (diff->next <= offset) return ranges;
    offset = diff->next;
  }
}

// Some entries removed, inserted, and replaced.
std::vector<ChunkEntry> Edited(std::vector<ChunkEntry> entries,
                               std::mt19937_64& random) {
  for (uint64_t edits = Between(0, 4, random); edits > 0; --edits) {
    const auto place = entries.begin() + Between(0, entries.size(), random);
    const auto rest = static_cast<uint64_t>(entries.end() - place);
    const uint64_t count = std::min(rest, Between(0, 5, random));
    std::vector<ChunkEntry> added =
        SimilarEntries(Between(0, 5, random), random);
    if (count > 0 && Between(0, 1, random) == 0) {
      // A hole as long as what it replaces: what follows stays in place.
      uint64_t length = 0;
      for (auto it = place; it < place + count; ++it) {
        length += it->total_length();
      }
      added = {{.is_hole = true, .length = length}};
    }
    const auto gap = entries.erase(place, place + count);
    entries.insert(gap, added.begin(), added.end());
  }
  return entries;
}

TEST(DiffArchivesTest, FindsWhatAComparisonOfEachByteFinds) {
  std::mt19937_64 random(TestSeed());
  for (int i = 0; i < 600; ++i) {
    const std::vector<ChunkEntry> left =
        SimilarEntries(Between(0, 400, random), random);
    const std::vector<ChunkEntry> right =
        i % 10 == 0 ? SimilarEntries(Between(0, 100, random), random)
                    : Edited(left, random);
    PageMap map;
    const PageRoot left_root = map.Build(kTinyRule, left);
    const PageRoot right_root =
        map.Build(i % 7 == 0 ? PageCutRule{.min_entries = 3, .mean_entries = 7}
                             : kTinyRule,
                  right);
    const std::vector<DiffRange> expected = NaiveDiff(left, right);
    ASSERT_EQ(DiffInSteps(left_root, right_root, map, kUnlimited), expected);
    ASSERT_EQ(DiffInSteps(right_root, left_root, map, kUnlimited), expected);
    for (int j = 0; j < 4; ++j) {
      const DiffLimits limits = {
          .max_ranges = j == 0 ? SIZE_MAX : Between(1, 5, random),
          .max_pages = j == 1 ? SIZE_MAX : Between(0, 40, random)};
      ASSERT_EQ(DiffInSteps(left_root, right_root, map, limits), expected)
          << limits.max_ranges << " ranges, " << limits.max_pages << " pages";
    }
  }
}

TEST(DiffArchivesTest, StartsAtAnyByte) {
  std::mt19937_64 random(TestSeed());
  const std::vector<ChunkEntry> left = SimilarEntries(200, random);
  const std::vector<ChunkEntry> right = Edited(left, random);
  PageMap map;
  const PageRoot left_root = map.Build(kTinyRule, left);
  const PageRoot right_root = map.Build(kTinyRule, right);
  const std::vector<DiffRange> all = NaiveDiff(left, right);
  const uint64_t size = std::max(left_root.size_bytes, right_root.size_bytes);
  for (uint64_t offset = 0; offset <= size; ++offset) {
    std::vector<DiffRange> expected;
    for (const DiffRange& range : all) {
      const uint64_t end = range.offset + range.length;
      const uint64_t begin = std::max(range.offset, offset);
      if (begin < end) expected.push_back({begin, end - begin});
    }
    ASSERT_OK_AND_ASSIGN(
        const ArchiveDiff diff,
        DiffArchives(left_root, map, right_root, map, offset, kUnlimited));
    EXPECT_EQ(diff.ranges, expected);
    EXPECT_TRUE(diff.done);
  }
}

ChunkEntry Chunk(uint8_t id, uint64_t length, uint64_t repeat = 1) {
  ChunkEntry entry{.length = length, .repeat = repeat};
  entry.digest.bytes.fill(id);
  return entry;
}
ChunkEntry Hole(uint64_t length) { return {.is_hole = true, .length = length}; }

std::vector<DiffRange> Diff(const std::vector<ChunkEntry>& left,
                            const std::vector<ChunkEntry>& right) {
  PageMap map;
  const PageRoot left_root = map.Build(kTinyRule, left);
  const PageRoot right_root = map.Build(kTinyRule, right);
  return DiffInSteps(left_root, right_root, map, kUnlimited);
}

TEST(DiffArchivesTest, ComparesRunsAndHolesByWhatTheyHold) {
  EXPECT_THAT(Diff({Chunk(1, 10, 5)}, {Chunk(1, 10, 3), Chunk(1, 10, 2)}),
              IsEmpty());
  EXPECT_THAT(Diff({Chunk(1, 10, 5)}, {Chunk(1, 10, 3), Chunk(2, 10, 2)}),
              ElementsAre(DiffRange{30, 20}));
  EXPECT_THAT(Diff({Chunk(1, 10, 5)}, {Chunk(1, 50)}),
              ElementsAre(DiffRange{0, 50}));
  EXPECT_THAT(Diff({Chunk(2, 5), Chunk(1, 10, 5)},
                   {Chunk(3, 15), Chunk(1, 10, 3), Chunk(4, 10)}),
              ElementsAre(DiffRange{0, 15}, DiffRange{45, 10}));
  EXPECT_THAT(Diff({Chunk(2, 5), Chunk(1, 10, 2)}, {Chunk(1, 10, 2), Hole(5)}),
              ElementsAre(DiffRange{0, 25}));
  EXPECT_THAT(Diff({Chunk(1, 10), Hole(100), Chunk(2, 10)},
                   {Chunk(3, 30), Hole(60), Chunk(4, 30)}),
              ElementsAre(DiffRange{0, 30}, DiffRange{90, 30}));
  ChunkEntry other_domain = Chunk(1, 10);
  other_domain.domain.bytes.fill(3);
  EXPECT_THAT(Diff({Chunk(1, 10)}, {other_domain}),
              ElementsAre(DiffRange{0, 10}));
}

TEST(DiffArchivesTest, FindsTheTailOfTheLongerArchive) {
  EXPECT_THAT(Diff({Chunk(1, 10)}, {Chunk(1, 10), Hole(5)}),
              ElementsAre(DiffRange{10, 5}));
  EXPECT_THAT(Diff({}, {Hole(5)}), ElementsAre(DiffRange{0, 5}));
  EXPECT_THAT(Diff({}, {}), IsEmpty());
  EXPECT_THAT(Diff({Chunk(1, 10)}, {Chunk(2, 10), Chunk(3, 10)}),
              ElementsAre(DiffRange{0, 20}));
}

TEST(DiffArchivesTest, FetchesNothingOfEqualArchives) {
  std::mt19937_64 random(TestSeed());
  PageMap map;
  const PageRoot root = map.Build(kTinyRule, RandomEntries(1000, random));
  EXPECT_THAT(DiffInSteps(root, root, map, kUnlimited), IsEmpty());
  EXPECT_THAT(map.fetched, IsEmpty());
}

TEST(DiffArchivesTest, FetchesOnlyPagesThatDiffer) {
  std::mt19937_64 random(TestSeed());
  std::vector<ChunkEntry> entries(100000);
  for (ChunkEntry& entry : entries) {
    entry = {.length = Between(1, 1 << 20, random),
             .digest = RandomDigest(random)};
  }
  PageMap left;
  const PageRoot left_root = left.Build({}, entries);
  uint64_t offset = 0;
  const uint64_t changed = Between(0, entries.size() - 1, random);
  for (uint64_t i = 0; i < changed; ++i) offset += entries[i].length;
  entries[changed].digest = RandomDigest(random);
  PageMap right;
  const PageRoot right_root = right.Build({}, entries);

  ASSERT_OK_AND_ASSIGN(
      const ArchiveDiff diff,
      DiffArchives(left_root, left, right_root, right, 0, DiffLimits{}));
  EXPECT_THAT(diff.ranges,
              ElementsAre(DiffRange{offset, entries[changed].length}));
  EXPECT_TRUE(diff.done);
  for (const Digest& id : left.fetched) EXPECT_FALSE(right.pages.contains(id));
  for (const Digest& id : right.fetched) EXPECT_FALSE(left.pages.contains(id));
  EXPECT_LT(left.fetched.size() + right.fetched.size(), 100u);
}

TEST(DiffArchivesTest, DoesNotFetchChunksBesideAHole) {
  std::mt19937_64 random(TestSeed());
  std::vector<ChunkEntry> entries(5000);
  uint64_t size = 0;
  for (ChunkEntry& entry : entries) {
    entry = {.length = 1000, .digest = RandomDigest(random)};
    size += entry.length;
  }
  PageMap map;
  const PageRoot left = map.Build(kTinyRule, entries);
  const PageRoot right = map.Build(kTinyRule, {Hole(size)});
  EXPECT_THAT(DiffInSteps(left, right, map, kUnlimited),
              ElementsAre(DiffRange{0, size}));
  EXPECT_THAT(map.fetched, IsEmpty());
}

TEST(DiffArchivesTest, RefusesWhatItCannotCompare) {
  PageMap map;
  const PageRoot root = map.Build(kTinyRule, {Hole(100)});
  const PageRoot nothing = map.Build(kTinyRule, {});
  EXPECT_THAT(DiffArchives(root, map, nothing, map, 101, DiffLimits{}),
              StatusIs(absl::StatusCode::kOutOfRange, HasSubstr("101")));
  EXPECT_THAT(
      DiffArchives(root, map, nothing, map, 0, DiffLimits{.max_ranges = 0}),
      StatusIs(absl::StatusCode::kInvalidArgument));
  PageRoot high = root;
  high.level = kMaxPageLevel + 1;
  EXPECT_THAT(DiffArchives(root, map, high, map, 0, DiffLimits{}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr(root.page.ToHex())));
  EXPECT_THAT(DiffArchives(high, map, root, map, 0, DiffLimits{}),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(DiffArchivesTest, NoticesAnyDamagedPageItReads) {
  std::mt19937_64 random(TestSeed());
  PageMap left;
  PageMap right;
  const PageRoot left_root = left.Build(kTinyRule, RandomEntries(200, random));
  const PageRoot right_root =
      right.Build(kTinyRule, RandomEntries(200, random));
  ASSERT_OK(DiffArchives(left_root, left, right_root, right, 0, kUnlimited));
  for (PageMap* map : {&left, &right}) {
    const std::vector<Digest> fetched = map->fetched;
    ASSERT_FALSE(fetched.empty());
    for (const Digest& id : fetched) {
      std::string& bytes = map->pages.at(id);
      const std::string good = bytes;
      bytes[Between(0, bytes.size() - 1, random)] ^= 1;
      EXPECT_THAT(
          DiffArchives(left_root, left, right_root, right, 0, kUnlimited),
          StatusIs(absl::StatusCode::kDataLoss, HasSubstr(id.ToHex())));
      bytes = good;
    }
  }
}

}  // namespace
}  // namespace cairn
