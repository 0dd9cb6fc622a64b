#include "common/page/page_tree_builder.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "common/digest/sha256.h"
#include "common/model/archive.h"
#include "common/model/digest.h"
#include "common/page/page.h"
#include "common/page/random_entries.h"
#include "common/testing/seed.h"
#include "common/testing/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

using ::testing::HasSubstr;

constexpr PageCutRule kTiny = {
    .min_entries = 2, .mean_entries = 4, .max_entries = 8};
constexpr PageCutRule kDefault = {};

struct Tree {
  PageRoot root;
  std::map<Digest, std::string> pages;
};

void Take(PageTreeBuilder& builder, Tree& tree) {
  for (EncodedPage& page : builder.TakePages()) {
    EXPECT_EQ(Sha256(page.bytes), page.id);
    const absl::StatusOr<Page> decoded = DecodePage(page.bytes);
    ASSERT_OK(decoded);
    EXPECT_EQ(decoded->level, page.level);
    for (const PageChild& child : decoded->children) {
      EXPECT_TRUE(tree.pages.contains(child.page)) << "parent before child";
    }
    tree.pages.emplace(page.id, std::move(page.bytes));
  }
}

Tree Build(const std::vector<ChunkEntry>& entries, const PageCutRule& rule) {
  PageTreeBuilder builder(rule);
  Tree tree;
  for (const ChunkEntry& entry : entries) {
    EXPECT_OK(builder.Add(entry));
    Take(builder, tree);
  }
  const absl::StatusOr<PageRoot> root = builder.Finish();
  EXPECT_OK(root);
  Take(builder, tree);
  if (root.ok()) tree.root = *root;
  return tree;
}

// The rule in the plainest words: join, cut the whole list, and so on with
// the list of pages until there is one.
bool EndsPage(const Page& page, const PageCutRule& rule) {
  const size_t count = page.entries.size() + page.children.size();
  if (count >= rule.max_entries) return true;
  if (count < rule.min_entries) return false;
  if (page.level == 0 && page.entries.back().is_hole) return false;
  const Digest id =
      page.level == 0 ? page.entries.back().digest : page.children.back().page;
  uint64_t number = 0;
  for (int i = 0; i < 8; ++i) number |= uint64_t{id.bytes[i]} << (8 * i);
  return number % rule.mean_entries == 0;
}

Tree NaiveTree(const std::vector<ChunkEntry>& entries,
               const PageCutRule& rule) {
  std::vector<Page> pages(1);
  for (const ChunkEntry& entry : Joined(entries)) {
    if (EndsPage(pages.back(), rule)) pages.emplace_back();
    pages.back().entries.push_back(entry);
  }
  Tree tree;
  while (true) {
    std::vector<PageChild> children;
    for (const Page& page : pages) {
      const std::string bytes = EncodePage(page);
      children.push_back(SummarizePage(Sha256(bytes), page));
      tree.pages.emplace(children.back().page, bytes);
    }
    const uint32_t level = pages.front().level;
    if (children.size() == 1) {
      const PageChild& only = children.front();
      tree.root = {only.page, level, only.size_bytes, only.chunk_count,
                   only.hole_bytes};
      return tree;
    }
    pages.assign(1, Page{.level = level + 1});
    for (const PageChild& child : children) {
      if (EndsPage(pages.back(), rule)) pages.push_back({.level = level + 1});
      pages.back().children.push_back(child);
    }
  }
}

ChunkEntry Numbered(uint64_t number, uint64_t repeat = 1) {
  return {.length = 1000 + number % 7,
          .repeat = repeat,
          .digest = Sha256("chunk " + std::to_string(number))};
}

// Computed by a separate program from the rules in page.h and
// page_tree_builder.h alone. A change here is a change of the format.
TEST(PageTreeBuilderTest, BuildsTheReferenceTreeAsItAlwaysDid) {
  std::vector<ChunkEntry> entries;
  for (uint64_t i = 0; i < 40; ++i) entries.push_back(Numbered(i));
  entries[7] = {.is_hole = true, .length = 1 << 20};
  entries[20] = Numbered(20, 1000);
  const Tree tree = Build(entries, kTiny);
  EXPECT_EQ(tree.root.page.ToHex(),
            "c40776097cce46af0e1740a95960712d9a0120e84d818035ca95e01fb3c93be1");
  EXPECT_EQ(tree.root.level, 2u);
  EXPECT_EQ(tree.root.chunk_count, 38u + 1000u);
  EXPECT_EQ(tree.root.hole_bytes, 1u << 20);
  EXPECT_EQ(tree.pages.size(), 12u);
}

// The same with the numbers that archives are stored by.
TEST(PageTreeBuilderTest, CutsPagesOfArchivesAsItAlwaysDid) {
  std::vector<ChunkEntry> entries;
  for (uint64_t i = 0; i < 5000; ++i) entries.push_back(Numbered(i));
  entries[7] = {.is_hole = true, .length = 1 << 20};
  entries[20] = Numbered(20, 1000);
  const Tree tree = Build(entries, kDefault);
  EXPECT_EQ(tree.root.page.ToHex(),
            "4bf8f31295537e7574f0b440a9aee381ad616eff0f16586edad8d402cf612430");
  EXPECT_EQ(tree.root.level, 1u);
  EXPECT_EQ(tree.root.size_bytes, 7067565u);
  EXPECT_EQ(tree.pages.size(), 32u);
}

TEST(PageTreeBuilderTest, MakesOneEmptyPageOfNothing) {
  const Tree tree = Build({}, kDefault);
  EXPECT_EQ(tree.root, (PageRoot{.page = Sha256(EncodePage(Page{}))}));
  EXPECT_EQ(tree.pages.size(), 1u);
}

TEST(PageTreeBuilderTest, EqualsTheNaiveTreeAndIgnoresHowEntriesAreSplit) {
  std::mt19937_64 random(TestSeed());
  for (int i = 0; i < 150; ++i) {
    const std::vector<ChunkEntry> entries =
        RandomEntries(Between(0, 400, random), random);
    const Tree expected = NaiveTree(entries, kTiny);
    PageTreeBuilder builder(kTiny);
    Tree tree;
    for (const ChunkEntry& entry : entries) {
      for (const ChunkEntry& piece : SplitAtRandom(entry, random)) {
        ASSERT_OK(builder.Add(piece));
        if (Between(0, 30, random) != 0) continue;
        Take(builder, tree);
        ASSERT_OK_AND_ASSIGN(
            builder, PageTreeBuilder::Restore(kTiny, builder.SaveState()));
      }
    }
    EXPECT_THAT(builder.Finish(), IsOkAndHolds(expected.root));
    Take(builder, tree);
    EXPECT_EQ(tree.pages, expected.pages);
  }
}

TEST(PageTreeBuilderTest, JoinsARunBeforeItDecidesOnACut) {
  // Both ends of a page come at an entry that repeats.
  std::vector<ChunkEntry> entries;
  for (uint64_t i = 0; entries.size() < 100; ++i) {
    ChunkEntry entry = Numbered(i);
    entry.digest.bytes[0] &= 0xfc;  // zero modulo kTiny's mean
    for (int j = 0; j < 10; ++j) entries.push_back(entry);
  }
  const Tree tree = Build(entries, kTiny);
  EXPECT_EQ(tree.root, NaiveTree(entries, kTiny).root);
  // Ten runs, two a page, and the pages above.
  EXPECT_EQ(tree.root.chunk_count, 100u);
  int leaves = 0;
  for (const auto& [id, bytes] : tree.pages) {
    ASSERT_OK_AND_ASSIGN(const Page page, DecodePage(bytes));
    if (page.level > 0) continue;
    ++leaves;
    EXPECT_EQ(page.entries.size(), 2u);
  }
  EXPECT_EQ(leaves, 5);
}

TEST(PageTreeBuilderTest, KeepsAHugeRunAndAHugeHoleInOneEntryEach) {
  const ChunkEntry chunk = Numbered(1);
  PageTreeBuilder builder(kDefault);
  for (int i = 0; i < 100000; ++i) ASSERT_OK(builder.Add(chunk));
  for (int i = 0; i < 100000; ++i) {
    ASSERT_OK(builder.Add({.is_hole = true, .length = uint64_t{1} << 40}));
  }
  EXPECT_EQ(builder.PendingEntries().size(), 2u);
  ASSERT_OK_AND_ASSIGN(const PageRoot root, builder.Finish());
  EXPECT_EQ(root.level, 0u);
  EXPECT_EQ(root.chunk_count, 100000u);
  EXPECT_EQ(root.hole_bytes, 100000 * (uint64_t{1} << 40));
  const std::vector<EncodedPage> pages = builder.TakePages();
  ASSERT_EQ(pages.size(), 1u);
  EXPECT_LT(pages[0].bytes.size(), 64u);
}

TEST(PageTreeBuilderTest, ListsWhatItsUnfinishedPagesReferTo) {
  std::mt19937_64 random(TestSeed());
  const std::vector<ChunkEntry> entries = Joined(RandomEntries(500, random));
  PageTreeBuilder builder(kTiny);
  std::set<Digest> completed;         // pages
  std::map<Digest, uint32_t> levels;  // of them
  std::set<Digest> referred;          // pages that completed pages refer to
  uint64_t entries_in_pages = 0;
  for (size_t i = 0; i < entries.size(); ++i) {
    ASSERT_OK(builder.Add(entries[i]));
    for (const EncodedPage& page : builder.TakePages()) {
      completed.insert(page.id);
      levels[page.id] = page.level;
      ASSERT_OK_AND_ASSIGN(const Page decoded, DecodePage(page.bytes));
      entries_in_pages += decoded.entries.size();
      for (const PageChild& child : decoded.children) {
        referred.insert(child.page);
      }
    }
    EXPECT_EQ(builder.PendingEntries(),
              std::vector<ChunkEntry>(entries.begin() + entries_in_pages,
                                      entries.begin() + i + 1));
    std::set<Digest> loose = referred;
    for (const PendingPage& pending : builder.PendingPages()) {
      loose.insert(pending.page);
      EXPECT_EQ(levels.at(pending.page), pending.level);
    }
    EXPECT_EQ(loose, completed);
  }
}

// Pages of `after` that `before` does not have.
size_t NewPages(const Tree& before, const Tree& after) {
  return std::count_if(
      after.pages.begin(), after.pages.end(),
      [&](const auto& page) { return !before.pages.contains(page.first); });
}

TEST(PageTreeBuilderTest, SharesAllButFewPagesAfterALocalChange) {
  std::mt19937_64 random(TestSeed());
  std::vector<ChunkEntry> entries;
  for (int i = 0; i < 100000; ++i) {
    entries.push_back({.length = 1 << 20, .digest = RandomDigest(random)});
  }
  const Tree before = Build(entries, kDefault);
  EXPECT_GT(before.pages.size(), 300u);
  ASSERT_EQ(before.root.level, 2u);
  const size_t at = Between(1000, 99000, random);
  const ChunkEntry other = {.length = 1 << 20, .digest = RandomDigest(random)};

  // Each level has the page of the change, and sometimes one or two more
  // before its boundaries are those of the other tree again.
  constexpr size_t kFew = 12;
  std::vector<ChunkEntry> changed = entries;
  changed[at] = other;
  EXPECT_LE(NewPages(before, Build(changed, kDefault)), kFew);

  std::vector<ChunkEntry> inserted = entries;
  inserted.insert(inserted.begin() + at, other);
  EXPECT_LE(NewPages(before, Build(inserted, kDefault)), kFew);

  std::vector<ChunkEntry> removed = entries;
  removed.erase(removed.begin() + at);
  EXPECT_LE(NewPages(before, Build(removed, kDefault)), kFew);

  // A local change of 1,000 entries costs about the pages they are on.
  std::vector<ChunkEntry> rewritten = entries;
  for (size_t i = at; i < at + 1000; ++i) {
    rewritten[i].digest = RandomDigest(random);
  }
  EXPECT_LE(NewPages(before, Build(rewritten, kDefault)), kFew + 1000 / 32);
}

TEST(PageTreeBuilderTest, HasPagesOfTheExpectedMean) {
  std::mt19937_64 random(TestSeed());
  std::vector<ChunkEntry> entries;
  for (int i = 0; i < 100000; ++i) {
    entries.push_back({.length = 1 << 20, .digest = RandomDigest(random)});
  }
  const double pages = Build(entries, kDefault).pages.size();
  // min - 1 + mean, a little less for max.
  EXPECT_NEAR(entries.size() / pages, 31 + 128, 25);
}

TEST(PageTreeBuilderTest, RefusesInvalidEntriesAndStaysUsable) {
  PageTreeBuilder builder(kTiny);
  ASSERT_OK(builder.Add(Numbered(1)));
  EXPECT_THAT(builder.Add({.length = 0}),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(builder.Add({.length = (16 << 20) + 1}),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(builder.Add({.is_hole = true, .length = kMaxArchiveBytes}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("archive has 1001 bytes")));
  EXPECT_EQ(builder.size_bytes(), 1001u);
  ASSERT_OK(builder.Add({.is_hole = true, .length = kMaxArchiveBytes - 1001}));
  ASSERT_OK_AND_ASSIGN(const PageRoot root, builder.Finish());
  EXPECT_EQ(root.size_bytes, kMaxArchiveBytes);
}

TEST(PageTreeBuilderTest, TakesNothingAfterFinish) {
  PageTreeBuilder builder(kTiny);
  ASSERT_OK(builder.Finish());
  EXPECT_THAT(builder.Add(Numbered(1)),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(builder.Finish(),
              StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST(PageTreeBuilderTest, EndsWithAnErrorWhenTheTreeIsFull) {
  // Two entries a page: 2^8 entries are 8 levels.
  constexpr PageCutRule kPairs = {
      .min_entries = 2, .mean_entries = 1, .max_entries = 2};
  PageTreeBuilder full(kPairs);
  PageTreeBuilder over(kPairs);
  for (uint64_t i = 0; i < 256; ++i) {
    ASSERT_OK(full.Add(Numbered(i)));
    ASSERT_OK(over.Add(Numbered(i)));
  }
  ASSERT_OK_AND_ASSIGN(const PageRoot root, full.Finish());
  EXPECT_EQ(root.level, kMaxPageLevel);

  absl::Status status;
  for (uint64_t i = 256; i < 400 && status.ok(); ++i) {
    status = over.Add(Numbered(i));
  }
  if (status.ok()) status = over.Finish().status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_EQ(over.Finish().status(), status);
}

}  // namespace
}  // namespace cairn
