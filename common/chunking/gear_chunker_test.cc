#include "common/chunking/gear_chunker.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/model/archive.h"
#include "common/testing/seed.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;

const ChunkerSpec kSmall = {"gear-v1", 4 << 10, 16 << 10, 64 << 10};

std::string RandomBytes(size_t size, std::mt19937_64& random) {
  std::string bytes(size, '\0');
  for (size_t i = 0; i < size; i += 8) {
    uint64_t value = random();
    for (size_t j = i; j < std::min(i + 8, size); ++j, value >>= 8) {
      bytes[j] = static_cast<char>(value);
    }
  }
  return bytes;
}

size_t Between(size_t low, size_t high, std::mt19937_64& random) {
  return std::uniform_int_distribution<size_t>(low, high)(random);
}

// Boundaries of `bytes` when they arrive in pieces of the sizes that
// `next_size` names. The end is one.
template <typename NextSize>
std::vector<size_t> Boundaries(std::string_view bytes, NextSize next_size,
                               const ChunkerSpec& spec = kSmall) {
  GearChunker chunker(spec);
  std::vector<size_t> boundaries;
  size_t done = 0;
  while (done < bytes.size()) {
    std::string_view piece = bytes.substr(done, next_size());
    done += piece.size();
    while (!piece.empty()) {
      const size_t used = chunker.Scan(piece);
      if (used == 0) break;
      piece.remove_prefix(used);
      boundaries.push_back(done - piece.size());
    }
  }
  if (boundaries.empty() || boundaries.back() != bytes.size()) {
    boundaries.push_back(bytes.size());
  }
  return boundaries;
}

std::vector<size_t> Boundaries(std::string_view bytes,
                               const ChunkerSpec& spec = kSmall) {
  return Boundaries(
      bytes, [&] { return bytes.size(); }, spec);
}

std::vector<std::string_view> Chunks(std::string_view bytes) {
  std::vector<std::string_view> chunks;
  size_t begin = 0;
  for (const size_t end : Boundaries(bytes)) {
    chunks.push_back(bytes.substr(begin, end - begin));
    begin = end;
  }
  return chunks;
}

std::vector<size_t> Lengths(std::string_view bytes,
                            const ChunkerSpec& spec = kSmall) {
  std::vector<size_t> lengths;
  size_t begin = 0;
  for (const size_t end : Boundaries(bytes, spec)) {
    lengths.push_back(end - begin);
    begin = end;
  }
  return lengths;
}

// Computed by a separate program from the rule in gear_chunker.h alone. A
// change here is a change of the format and needs a new name.
TEST(GearChunkerTest, CutsTheReferenceInputWhereItAlwaysDid) {
  std::mt19937_64 random(1);
  const std::string bytes = RandomBytes(512 << 10, random);
  EXPECT_THAT(
      Boundaries(bytes),
      ElementsAre(18716, 35725, 51739, 70410, 87182, 106060, 122855, 140352,
                  158590, 183670, 210917, 228407, 246819, 265590, 282200,
                  299575, 324404, 343538, 360576, 380631, 403472, 422198,
                  454545, 478018, 512519, 524288));
}

TEST(GearChunkerTest, CutsAlikeHoweverBytesArrive) {
  std::mt19937_64 random(TestSeed());
  // Mixed: random, text-like, zeros and a period.
  std::string bytes = RandomBytes(300 << 10, random);
  bytes += std::string(100 << 10, '\0');
  for (int i = 0; i < 20000; ++i) bytes += "line " + std::to_string(i) + "\n";
  for (int i = 0; i < 3000; ++i) bytes += "abcdefghij0123456789";
  const std::vector<size_t> expected = Boundaries(bytes);

  EXPECT_EQ(Boundaries(bytes, [] { return size_t{1}; }), expected);
  for (const size_t most : {3, 70, 4096, 5000, 100000}) {
    EXPECT_EQ(Boundaries(bytes, [&] { return Between(1, most, random); }),
              expected)
        << "pieces of up to " << most;
  }
}

TEST(GearChunkerTest, MayBeRestartedAtAnyBoundary) {
  std::mt19937_64 random(TestSeed());
  const std::string bytes = RandomBytes(1 << 20, random);
  const std::vector<size_t> expected = Boundaries(bytes);
  ASSERT_GT(expected.size(), 10u);
  for (size_t i = 0; i + 1 < expected.size(); ++i) {
    std::vector<size_t> rest =
        Boundaries(std::string_view(bytes).substr(expected[i]));
    for (size_t& boundary : rest) boundary += expected[i];
    EXPECT_EQ(rest,
              std::vector<size_t>(expected.begin() + i + 1, expected.end()));
  }
}

TEST(GearChunkerTest, StartsAnewAfterReset) {
  std::mt19937_64 random(TestSeed());
  const std::string bytes = RandomBytes(256 << 10, random);
  const size_t first = Boundaries(bytes).front();
  GearChunker chunker(kSmall);
  for (const size_t before : {1u, 4000u, 4096u - 64u, 4096u}) {
    // Nothing shorter than min_bytes is cut but at min_bytes itself.
    chunker.Scan(std::string_view(bytes).substr(100, before));
    chunker.Reset(17);
    EXPECT_EQ(chunker.Scan(bytes), first);
  }
}

TEST(GearChunkerTest, KeepsMinMaxAndMeanOnRandomBytes) {
  std::mt19937_64 random(TestSeed());
  const std::string bytes = RandomBytes(32 << 20, random);
  std::vector<size_t> lengths = Lengths(bytes);
  lengths.pop_back();  // the rest
  EXPECT_GE(*std::min_element(lengths.begin(), lengths.end()),
            kSmall.min_bytes);
  EXPECT_LE(*std::max_element(lengths.begin(), lengths.end()),
            kSmall.max_bytes);
  const double mean = static_cast<double>(bytes.size()) / lengths.size();
  EXPECT_GT(mean, 0.8 * kSmall.average_bytes);
  EXPECT_LT(mean, 1.2 * kSmall.average_bytes);
}

TEST(GearChunkerTest, TurnsARunOfOneByteValueIntoChunksOfMaxBytes) {
  // The smallest average has the easiest cut test.
  const ChunkerSpec spec = {"gear-v1", 4 << 10, 8 << 10, 16 << 10};
  for (int value = 0; value < 256; ++value) {
    const std::string run(8 * spec.max_bytes, static_cast<char>(value));
    EXPECT_THAT(Lengths(run, spec), Each(spec.max_bytes)) << value;
  }
}

TEST(GearChunkerTest, CutsPeriodicBytesWithinMinAndMax) {
  std::mt19937_64 random(TestSeed());
  for (const size_t period : {2, 3, 16, 63, 64, 65, 512, 4096, 5000, 100000}) {
    const std::string pattern = RandomBytes(period, random);
    std::string bytes;
    while (bytes.size() < 1 << 20) bytes += pattern;
    std::vector<size_t> lengths = Lengths(bytes);
    lengths.pop_back();
    for (const size_t length : lengths) {
      EXPECT_GE(length, kSmall.min_bytes);
      EXPECT_LE(length, kSmall.max_bytes);
    }
  }
}

// How many of the chunks of `after` are chunks of `before` too.
double ShareKnown(std::string_view before, std::string_view after) {
  const std::vector<std::string_view> old_chunks = Chunks(before);
  const std::set<std::string_view> known(old_chunks.begin(), old_chunks.end());
  const std::vector<std::string_view> chunks = Chunks(after);
  const auto found = std::count_if(
      chunks.begin(), chunks.end(),
      [&](std::string_view chunk) { return known.contains(chunk); });
  return static_cast<double>(found) / chunks.size();
}

TEST(GearChunkerTest, FindsItsBoundariesAgainAfterAnEdit) {
  std::mt19937_64 random(TestSeed());
  const std::string before = RandomBytes(8 << 20, random);
  const int kEdits = 8;
  for (const char* kind : {"insert", "delete", "overwrite"}) {
    std::string after = before;
    for (int i = 0; i < kEdits; ++i) {
      const size_t at = Between(0, after.size() - 1000, random);
      const std::string bytes = RandomBytes(Between(1, 500, random), random);
      if (*kind == 'i') after.insert(at, bytes);
      if (*kind == 'd') after.erase(at, bytes.size());
      if (*kind == 'o') after.replace(at, bytes.size(), bytes);
    }
    // An edit costs its own chunk and few more until the next boundary that
    // both have: 3 on average, of about 450 chunks.
    EXPECT_GT(ShareKnown(before, after), 0.85) << kind;
    EXPECT_LT(ShareKnown(before, after), 1.0) << kind;
  }
}

}  // namespace
}  // namespace cairn
