// PageTreeBuilder::SaveState and Restore.
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "common/digest/sha256.h"
#include "common/model/archive.h"
#include "common/model/digest.h"
#include "common/page/page.h"
#include "common/page/page_tree_builder.h"
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

std::string StateOf(const std::vector<ChunkEntry>& entries,
                    const PageCutRule& rule = kTiny) {
  PageTreeBuilder builder(rule);
  for (const ChunkEntry& entry : entries) {
    EXPECT_OK(builder.Add(entry));
    builder.TakePages();
  }
  return builder.SaveState();
}

// A state with `body` and a digest that fits it.
std::string Sealed(std::string body) {
  body.append(Sha256(body).view());
  return body;
}
std::string BodyOf(const std::string& state) {
  return state.substr(0, state.size() - 32);
}

// One page as a state holds it.
std::string Framed(const Page& page) {
  const std::string bytes = EncodePage(page);
  EXPECT_LT(bytes.size(), 128u);
  return std::string(1, static_cast<char>(bytes.size())) + bytes;
}

ChunkEntry Chunk(uint8_t id, uint64_t length = 100) {
  ChunkEntry entry{.length = length};
  entry.digest.bytes.fill(id);
  return entry;
}

TEST(PageTreeStateTest, HoldsEverythingAndIsStable) {
  std::mt19937_64 random(TestSeed());
  for (const size_t count : {0, 1, 2, 7, 100, 1000}) {
    const std::vector<ChunkEntry> entries = RandomEntries(count, random);
    const std::string state = StateOf(entries);
    ASSERT_OK_AND_ASSIGN(const PageTreeBuilder builder,
                         PageTreeBuilder::Restore(kTiny, state));
    EXPECT_EQ(builder.SaveState(), state);
    uint64_t size_bytes = 0;
    for (const ChunkEntry& entry : entries) size_bytes += entry.total_length();
    EXPECT_EQ(builder.size_bytes(), size_bytes);
  }
}

TEST(PageTreeStateTest, HasTheDocumentedBytes) {
  const std::string state = StateOf({Chunk(1), Chunk(2)});
  EXPECT_EQ(state, Sealed(std::string("CPS1\x02\x04\x08\xc8\x01", 9) +
                          Framed({.entries = {Chunk(2)}}) + "\x01" +
                          Framed({.entries = {Chunk(1)}})));
}

TEST(PageTreeStateTest, IsOfBoundedSize) {
  std::mt19937_64 random(TestSeed());
  const std::string state = StateOf(RandomEntries(100000, random), {});
  EXPECT_LT(state.size(), (kMaxPageLevel + 2) * kMaxPageBytes);
}

TEST(PageTreeStateTest, RefusesADamagedState) {
  std::mt19937_64 random(TestSeed());
  const std::string state = StateOf(RandomEntries(50, random));
  for (size_t i = 0; i < state.size(); ++i) {
    std::string damaged = state;
    damaged[i] ^= static_cast<char>(1 << Between(0, 7, random));
    EXPECT_THAT(PageTreeBuilder::Restore(kTiny, damaged),
                StatusIs(absl::StatusCode::kDataLoss));
    EXPECT_THAT(
        PageTreeBuilder::Restore(kTiny, std::string_view(state).substr(0, i)),
        StatusIs(absl::StatusCode::kDataLoss));
  }
}

TEST(PageTreeStateTest, RefusesAStateOfAnotherRule) {
  EXPECT_THAT(
      PageTreeBuilder::Restore({}, StateOf({Chunk(1)})),
      StatusIs(absl::StatusCode::kDataLoss, HasSubstr("another cut rule")));
}

// States with a right digest whose parts contradict each other or the rule.
TEST(PageTreeStateTest, RefusesWhatNoBuilderSaves) {
  const std::string head = "CPS1\x02\x04\x08";
  const std::string last = Framed({.entries = {Chunk(2)}});
  const std::string leaf = Framed({.entries = {Chunk(1)}});
  const std::string empty(1, '\0');
  const auto inner = [](uint32_t level, uint64_t size) {
    Digest id;
    id.bytes.fill(1);
    return Framed(
        {.level = level,
         .children = {{.page = id, .size_bytes = size, .chunk_count = 1}}});
  };
  // 64, 0xc8 0x01 and 0xac 0x02 are 100, 200 and 300 bytes.
  ASSERT_OK(PageTreeBuilder::Restore(
      kTiny, Sealed(head + "\xc8\x01" + last + "\x01" + leaf)));
  ASSERT_OK(PageTreeBuilder::Restore(
      kTiny, Sealed(head + "\xac\x02" + last + "\x02" + leaf + inner(1, 100))));
  struct Case {
    std::string body;
    const char* text;
  };
  for (const Case& c : std::vector<Case>{
           {"CPS1", "no cut rule"},
           {head, "no size"},
           {head + "\x64" + last, "no levels"},
           {head + "\x64" + last + empty, "no levels"},
           {head + "\x64" + last + "\x09", "too many"},
           {head + "\x64" + last + "\x01", "within a page"},
           {head + "\x64" + last + "\x01\x64", "within a page"},
           {head + "\xac\x02" + last + "\x01" + leaf, "do not agree"},
           {head + "\xc8\x01" + last + "\x01" + leaf + "x", "do not agree"},
           {head + "\x64" + empty + "\x01" + leaf, "do not agree"},
           {head + "\x64" + last + "\x02" + empty + empty, "do not agree"},
           {head + "\xc8\x01" + leaf + "\x01" + leaf, "do not agree"},
           {head + "\xc8\x01" + Framed({.entries = {Chunk(1), Chunk(2)}}) +
                "\x01" + empty,
            "two last entries"},
           {head + "\xc8\x01" + last + "\x01" + inner(1, 100), "is at level 0"},
           {head + "\xac\x02" + last + "\x02" + leaf + inner(2, 100),
            "is at level 1"},
           {head + "\xac\x02" + last + "\x01" +
                Framed({.entries = {Chunk(1), Chunk(4)}}),
            "ends after 2 of 2"},
           {head + "\xac\x02" + last + "\x01" + "\x06" + "CPG1" + empty + empty,
            "with 0 entries"},
       }) {
    EXPECT_THAT(PageTreeBuilder::Restore(kTiny, Sealed(c.body)),
                StatusIs(absl::StatusCode::kDataLoss, HasSubstr(c.text)));
  }
}

TEST(PageTreeStateTest, NeverCrashesOnASealedForgery) {
  std::mt19937_64 random(TestSeed());
  int accepted = 0;
  for (int i = 0; i < 20000; ++i) {
    static const std::vector<ChunkEntry> entries = RandomEntries(60, random);
    static const std::string body = BodyOf(StateOf(entries));
    std::string forged = body;
    const uint64_t changes = Between(1, 3, random);
    for (uint64_t j = 0; j < changes; ++j) {
      forged[Between(0, forged.size() - 1, random)] =
          static_cast<char>(random());
    }
    absl::StatusOr<PageTreeBuilder> builder =
        PageTreeBuilder::Restore(kTiny, Sealed(forged));
    if (!builder.ok()) {
      EXPECT_EQ(builder.status().code(), absl::StatusCode::kDataLoss);
      continue;
    }
    ++accepted;
    EXPECT_EQ(builder->SaveState(), Sealed(forged));
    for (uint8_t id = 1; id < 20; ++id) ASSERT_OK(builder->Add(Chunk(id)));
    EXPECT_OK(builder->Finish());
  }
  EXPECT_GT(accepted, 0);
}

}  // namespace
}  // namespace cairn
