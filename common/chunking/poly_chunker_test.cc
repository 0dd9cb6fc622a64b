#include "common/chunking/poly_chunker.h"

#include <algorithm>
#include <cstdint>
#include <memory>
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

const ChunkerSpec kSmall = {"poly-v1", 4 << 10, 16 << 10, 64 << 10};

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
std::vector<size_t> BoundariesBy(PolyMethod method, std::string_view bytes,
                                 NextSize next_size, const ChunkerSpec& spec) {
  PolyChunker chunker(spec, method);
  std::vector<size_t> boundaries;
  size_t done = 0;
  while (done < bytes.size()) {
    const std::string_view given = bytes.substr(done, next_size());
    done += given.size();
    // A place of its own: what lies beside a piece is not of the archive.
    const std::unique_ptr<char[]> own(new char[given.size()]);
    std::copy(given.begin(), given.end(), own.get());
    std::string_view piece(own.get(), given.size());
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

// The same by every method, which must agree.
template <typename NextSize>
std::vector<size_t> Boundaries(std::string_view bytes, NextSize next_size,
                               const ChunkerSpec& spec = kSmall) {
  std::vector<size_t> boundaries =
      BoundariesBy(PolyMethod::kPortable, bytes, next_size, spec);
  for (const PolyMethod method : PolyMethods()) {
    EXPECT_EQ(BoundariesBy(method, bytes, next_size, spec), boundaries);
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

// Computed by a separate program from the rule in the headers alone. A change
// here is a change of the format and needs a new name.
TEST(PolyChunkerTest, CutsTheReferenceInputWhereItAlwaysDid) {
  std::mt19937_64 random(1);
  const std::string bytes = RandomBytes(512 << 10, random);
  EXPECT_THAT(Boundaries(bytes),
              ElementsAre(19943, 36782, 54863, 74526, 79351, 90537, 102310,
                          113891, 136714, 160350, 181705, 205448, 224204,
                          232540, 253817, 277761, 294903, 311658, 329964,
                          349462, 367846, 389227, 408163, 427347, 435471,
                          455171, 471675, 488610, 515254, 524288));
}

TEST(PolyChunkerTest, CutsAStreamWhereItAlwaysDid) {
  std::mt19937_64 random(1);
  const std::string bytes = RandomBytes(8 << 20, random);
  EXPECT_THAT(Boundaries(bytes, {"poly-v1", 256 << 10, 1 << 20, 4 << 20}),
              ElementsAre(1227157, 2331126, 3405137, 4586981, 5654707, 7061471,
                          8120148, 8388608));
}

TEST(PolyChunkerTest, CutsAlikeHoweverBytesArrive) {
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

// A piece that ends at any byte around where the window begins, where tests
// begin, and where a chunk ends; and a short one behind it.
TEST(PolyChunkerTest, CutsAlikeWhereverAPieceEnds) {
  std::mt19937_64 random(TestSeed());
  const std::string bytes = RandomBytes(kSmall.max_bytes, random);
  const size_t cut = Boundaries(bytes).front();
  const std::string_view view = std::string_view(bytes).substr(0, cut + 300);
  for (const size_t near :
       {size_t{kSmall.min_bytes} - 64, size_t{kSmall.min_bytes}, cut}) {
    for (size_t end = near - 70; end <= near + 70; ++end) {
      for (const size_t second : {1, 31, 32, 63, 64, 65}) {
        std::vector<size_t> sizes = {view.size(), second, end};
        const auto next_size = [&] {
          const size_t size = sizes.back();
          if (sizes.size() > 1) sizes.pop_back();
          return size;
        };
        for (const PolyMethod method : PolyMethods()) {
          sizes = {view.size(), second, end};
          ASSERT_EQ(BoundariesBy(method, view, next_size, kSmall).front(), cut)
              << end << " and " << second;
        }
      }
    }
  }
}

TEST(PolyChunkerTest, CutsAlikeAtEveryAddress) {
  std::mt19937_64 random(TestSeed());
  const std::string bytes = RandomBytes(kSmall.max_bytes, random);
  const size_t cut = Boundaries(bytes).front();
  for (const PolyMethod method : PolyMethods()) {
    for (size_t shift = 1; shift < 64; ++shift) {
      const std::string moved = std::string(shift, 'x') + bytes;
      PolyChunker chunker(kSmall, method);
      EXPECT_EQ(chunker.Scan(std::string_view(moved).substr(shift)), cut);
    }
  }
}

TEST(PolyChunkerTest, MayBeRestartedAtAnyBoundary) {
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

TEST(PolyChunkerTest, StartsAnewAfterReset) {
  std::mt19937_64 random(TestSeed());
  const std::string bytes = RandomBytes(256 << 10, random);
  const size_t first = Boundaries(bytes).front();
  PolyChunker chunker(kSmall);
  for (const size_t before : {1u, 4000u, 4096u - 64u, 4096u}) {
    // Nothing shorter than min_bytes is cut but at min_bytes itself.
    chunker.Scan(std::string_view(bytes).substr(100, before));
    chunker.Reset(17);
    EXPECT_EQ(chunker.Scan(bytes), first);
  }
}

TEST(PolyChunkerTest, KeepsMinMaxAndMeanOnRandomBytes) {
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

TEST(PolyChunkerTest, TurnsARunOfOneByteValueIntoChunksOfMaxBytes) {
  // The smallest average has the easiest cut test.
  const ChunkerSpec spec = {"poly-v1", 4 << 10, 8 << 10, 16 << 10};
  for (int value = 0; value < 256; ++value) {
    const std::string run(8 * spec.max_bytes, static_cast<char>(value));
    EXPECT_THAT(Lengths(run, spec), Each(spec.max_bytes)) << value;
  }
}

TEST(PolyChunkerTest, CutsPeriodicBytesWithinMinAndMax) {
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

TEST(PolyChunkerTest, FindsItsBoundariesAgainAfterAnEdit) {
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
