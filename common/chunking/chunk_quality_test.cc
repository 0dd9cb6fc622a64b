// Whether "poly-v1" cuts as well as a plain gear hash: one 64 bit sum over a
// table of random values, which has been studied for years.
#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/random/distributions.h"
#include "common/chunking/chunker.h"
#include "common/model/archive.h"
#include "common/testing/seed.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

// Small chunks, so that a few MiB have enough of them.
const ChunkerSpec kSpec = {"poly-v1", 4 << 10, 16 << 10, 64 << 10};
constexpr size_t kCorpusBytes = 32 << 20;

using Chunks = std::vector<std::string_view>;

Chunks CutByPoly(std::string_view bytes) {
  const auto chunker = NewChunker(kSpec).value();
  Chunks chunks;
  while (const size_t used = chunker->Scan(bytes)) {
    chunks.push_back(bytes.substr(0, used));
    bytes.remove_prefix(used);
  }
  if (!bytes.empty()) chunks.push_back(bytes);
  return chunks;
}

using GearTable = std::array<uint64_t, 256>;

GearTable MakeGearTable(uint64_t seed) {
  GearTable table;
  std::mt19937_64 random(seed);
  for (uint64_t& value : table) value = random();
  return table;
}

// The same minimum, normalised tests and maximum.
Chunks CutByGear(std::string_view bytes,
                 const GearTable& table = MakeGearTable(1)) {
  const int bits = std::countr_zero(kSpec.average_bytes);
  Chunks chunks;
  uint64_t hash = 0;
  size_t length = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    hash = 2 * hash + table[static_cast<uint8_t>(bytes[i])];
    ++length;
    if (length < kSpec.min_bytes) continue;
    const int top = length < kSpec.average_bytes ? bits + 2 : bits - 2;
    if (hash >> (64 - top) != 0 && length < kSpec.max_bytes) continue;
    chunks.push_back(bytes.substr(i + 1 - length, length));
    length = 0;
    hash = 0;
  }
  if (length > 0) chunks.push_back(bytes.substr(bytes.size() - length));
  return chunks;
}

double MeanLength(const Chunks& chunks) {
  double sum = 0;
  for (const std::string_view chunk : chunks) sum += chunk.size();
  return sum / chunks.size();
}

// How many of the bytes are in chunks that only the maximum ended.
double ForcedShare(const Chunks& chunks) {
  double sum = 0;
  double forced = 0;
  for (const std::string_view chunk : chunks) {
    sum += chunk.size();
    if (chunk.size() == kSpec.max_bytes) forced += chunk.size();
  }
  return forced / sum;
}

// The bytes that a store of both needs.
double UniqueBytes(const Chunks& a, const Chunks& b) {
  std::set<std::string_view> unique(a.begin(), a.end());
  unique.insert(b.begin(), b.end());
  double sum = 0;
  for (const std::string_view chunk : unique) sum += chunk.size();
  return sum;
}

std::string RandomBytes(size_t size, std::mt19937_64& random) {
  std::string bytes(size, '\0');
  for (size_t i = 0; i < size; i += sizeof(uint64_t)) {
    const uint64_t value = random();
    std::memcpy(&bytes[i], &value, std::min(sizeof(value), size - i));
  }
  return bytes;
}

// The files below `root` one after another in the order of their names, every
// n-th, so that they come from everywhere, and no more than kCorpusBytes.
std::string FilesBelow(const std::string& root) {
  std::error_code error;
  std::vector<std::string> paths;
  uint64_t sum = 0;
  const std::filesystem::recursive_directory_iterator end;
  for (std::filesystem::recursive_directory_iterator it(
           root, std::filesystem::directory_options::skip_permission_denied,
           error);
       !error && it != end && paths.size() < 200'000; it.increment(error)) {
    if (it->is_symlink(error) || !it->is_regular_file(error)) continue;
    paths.push_back(it->path().string());
    sum += it->file_size(error);
  }
  std::sort(paths.begin(), paths.end());
  const size_t step = 1 + sum / (2 * kCorpusBytes);
  std::string bytes;
  for (size_t i = 0; i < paths.size() && bytes.size() < kCorpusBytes;
       i += step) {
    std::ifstream file(paths[i], std::ios::binary);
    std::string part(std::min<uint64_t>(kCorpusBytes - bytes.size(), 4 << 20),
                     '\0');
    file.read(part.data(), static_cast<std::streamsize>(part.size()));
    bytes.append(part, 0, static_cast<size_t>(file.gcount()));
  }
  return bytes;
}

const std::map<std::string, std::string>& Corpora() {
  static const std::map<std::string, std::string> corpora = [] {
    std::mt19937_64 random(TestSeed());
    std::map<std::string, std::string> found = {
        {"random", RandomBytes(kCorpusBytes, random)}};
    for (const char* root : {"/usr/include", "/usr/lib", "/usr/share"}) {
      std::string bytes = FilesBelow(root);
      if (bytes.size() >= 8 << 20) found[root] = std::move(bytes);
    }
    return found;
  }();
  return corpora;
}

// Tables differ by 4% in the mean on real files; poly is one draw more.
TEST(ChunkQualityTest, LengthsAreLikeThoseOfGear) {
  constexpr int kTables = 5;
  for (const auto& [name, bytes] : Corpora()) {
    const Chunks poly = CutByPoly(bytes);
    double mean = 0;
    double forced = 0;
    for (int seed = 1; seed <= kTables; ++seed) {
      const Chunks gear = CutByGear(bytes, MakeGearTable(seed));
      mean += MeanLength(gear) / kTables;
      forced += ForcedShare(gear) / kTables;
    }
    std::cout << name << ", " << bytes.size() << " bytes: mean "
              << MeanLength(poly) << " gear " << mean << ", forced "
              << ForcedShare(poly) << " gear " << forced << std::endl;
    const double tolerance = name == "random" ? 0.05 : 0.1;
    EXPECT_NEAR(MeanLength(poly) / mean, 1, tolerance) << name;
    EXPECT_LT(ForcedShare(poly), forced + 0.02) << name;
  }
}

// Unique bytes within the corpus.
TEST(ChunkQualityTest, FindsRepeatsAsGearDoes) {
  for (const auto& [name, bytes] : Corpora()) {
    const double poly = UniqueBytes(CutByPoly(bytes), {});
    const double gear = UniqueBytes(CutByGear(bytes), {});
    std::cout << name << ": unique share " << poly / bytes.size() << " gear "
              << gear / bytes.size() << std::endl;
    EXPECT_LT(poly, 1.03 * gear) << name;
  }
}

std::string Edit(std::string bytes, const std::string& kind, int edits,
                 std::mt19937_64& random) {
  for (int i = 0; i < edits; ++i) {
    const size_t length = absl::Uniform<size_t>(random, 1, 1000);
    const size_t at = absl::Uniform<size_t>(random, 0, bytes.size() - length);
    if (kind == "insert") bytes.insert(at, RandomBytes(length, random));
    if (kind == "delete") bytes.erase(at, length);
    if (kind == "overwrite") {
      bytes.replace(at, length, RandomBytes(length, random));
    }
  }
  return bytes;
}

TEST(ChunkQualityTest, AnEditCostsAsMuchAsWithGear) {
  constexpr int kRounds = 8;
  constexpr int kEdits = 24;
  constexpr size_t kBytes = 4 << 20;
  std::mt19937_64 random(TestSeed());
  for (const auto& [name, corpus] : Corpora()) {
    for (const char* kind : {"insert", "delete", "overwrite"}) {
      double poly_extra = 0;
      double gear_extra = 0;
      for (int round = 0; round < kRounds; ++round) {
        const std::string before = corpus.substr(
            absl::Uniform<size_t>(random, 0, corpus.size() - kBytes), kBytes);
        const std::string after = Edit(before, kind, kEdits, random);
        const Chunks poly = CutByPoly(before);
        const Chunks gear = CutByGear(before);
        poly_extra +=
            UniqueBytes(poly, CutByPoly(after)) - UniqueBytes(poly, {});
        gear_extra +=
            UniqueBytes(gear, CutByGear(after)) - UniqueBytes(gear, {});
      }
      std::cout << name << ", " << kind << ": an edit costs "
                << poly_extra / kRounds / kEdits << " bytes, gear "
                << gear_extra / kRounds / kEdits << std::endl;
      EXPECT_LT(poly_extra, 1.3 * gear_extra) << name << ", " << kind;
    }
  }
}

}  // namespace
}  // namespace cairn
