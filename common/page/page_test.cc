#include "common/page/page.h"

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "common/model/archive.h"
#include "common/model/digest.h"
#include "common/model/record.h"
#include "common/page/random_entries.h"
#include "common/testing/seed.h"
#include "common/testing/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

Digest Filled(uint8_t value) {
  Digest digest;
  digest.bytes.fill(value);
  return digest;
}

ChunkEntry Chunk(uint64_t length, uint8_t id, uint64_t repeat = 1) {
  return {.length = length, .repeat = repeat, .digest = Filled(id)};
}
ChunkEntry Hole(uint64_t length) { return {.is_hole = true, .length = length}; }

std::string Hex(const std::string& bytes) {
  return absl::BytesToHexString(bytes);
}
std::string Bytes(const std::string& hex) {
  return absl::HexStringToBytes(hex);
}
// "CPG1"
const std::string kMagicHex = "43504731";
const std::string kOnes = Hex(std::string(32, '\x11'));

Page RandomPage(std::mt19937_64& random) {
  Page page;
  page.level = static_cast<uint32_t>(Between(0, kMaxPageLevel, random));
  const size_t count = Between(1, 40, random);
  if (page.level == 0) {
    page.entries = Joined(RandomEntries(count, random));
    return page;
  }
  for (size_t i = 0; i < count; ++i) {
    Page leaf;
    leaf.entries = RandomEntries(Between(1, 5, random), random);
    page.children.push_back(SummarizePage(RandomDigest(random), leaf));
  }
  return page;
}

TEST(PageTest, EncodesEachFormAsDocumented) {
  ChunkEntry in_domain = Chunk(5, 0x11);
  in_domain.domain.bytes.fill(0x22);
  ChunkEntry run_in_domain = Chunk(6, 0x11, 2);
  run_in_domain.domain.bytes.fill(0x22);
  const Page page = {.level = 0,
                     .entries = {Chunk(300, 0x11), Chunk(1, 0x11, 128),
                                 Hole(1 << 20), in_domain, run_in_domain}};
  const std::string domain = Hex(std::string(16, '\x22'));
  EXPECT_EQ(Hex(EncodePage(page)), kMagicHex + "00" + "05" + "00ac02" + kOnes +
                                       "01018001" + kOnes + "02808040" +
                                       "0305" + domain + kOnes + "040602" +
                                       domain + kOnes);
  EXPECT_THAT(DecodePage(EncodePage(page)), IsOkAndHolds(page));
}

TEST(PageTest, EncodesInnerPagesAsDocumented) {
  const Page page = {.level = 2,
                     .children = {{.page = Filled(0x11),
                                   .size_bytes = 300,
                                   .chunk_count = 2,
                                   .hole_bytes = 128}}};
  EXPECT_EQ(Hex(EncodePage(page)),
            kMagicHex + "02" + "01" + "ac02" + "02" + "8001" + kOnes);
  EXPECT_THAT(DecodePage(EncodePage(page)), IsOkAndHolds(page));
}

TEST(PageTest, EncodesAnEmptyArchive) {
  EXPECT_EQ(Hex(EncodePage(Page{})), kMagicHex + "0000");
  EXPECT_THAT(DecodePage(EncodePage(Page{})), IsOkAndHolds(Page{}));
}

TEST(PageTest, DecodesWhatItEncoded) {
  std::mt19937_64 random(TestSeed());
  for (int i = 0; i < 300; ++i) {
    const Page page = RandomPage(random);
    EXPECT_THAT(DecodePage(EncodePage(page)), IsOkAndHolds(page));
  }
}

TEST(PageTest, StaysBelowTheLargestSize) {
  Page page;
  for (uint32_t i = 0; i < kMaxPageEntries; ++i) {
    ChunkEntry entry = Chunk(kMaxRecordPlainBytes, i % 2 + 1);
    entry.repeat = kMaxArchiveBytes / kMaxRecordPlainBytes / kMaxPageEntries;
    entry.domain.bytes.fill(1);
    page.entries.push_back(entry);
  }
  const std::string encoded = EncodePage(page);
  EXPECT_LE(encoded.size(), kMaxPageBytes);
  EXPECT_THAT(DecodePage(encoded), IsOkAndHolds(page));
}

TEST(PageTest, SumsUpEntriesAndChildren) {
  const Page leaf = {.level = 0,
                     .entries = {Chunk(10, 1), Chunk(5, 2, 100), Hole(1000)}};
  const PageChild expected = {.page = Filled(9),
                              .size_bytes = 1510,
                              .chunk_count = 101,
                              .hole_bytes = 1000};
  EXPECT_EQ(SummarizePage(Filled(9), leaf), expected);
  const Page inner = {.level = 1, .children = {expected, expected}};
  EXPECT_EQ(SummarizePage(Filled(8), inner), (PageChild{.page = Filled(8),
                                                        .size_bytes = 3020,
                                                        .chunk_count = 202,
                                                        .hole_bytes = 2000}));
}

TEST(DecodePageTest, RefusesWhatIsNotCanonical) {
  struct Case {
    std::string hex;
    const char* text;
  };
  const std::string leaf = kMagicHex + "00";
  const std::string inner = kMagicHex + "01";
  const std::string max = "ffffffffffffffff7f";      // 2^63 - 1
  const std::string above = "80808080808080808001";  // 2^63
  const std::string zero_domain = Hex(std::string(16, '\0'));
  for (const Case& c : std::vector<Case>{
           {"", "at byte 0: it does not begin with CPG1"},
           {"43504732"
            "00"
            "00",
            "does not begin with CPG1"},
           {kMagicHex, "ends too early"},
           {leaf, "ends too early"},
           {leaf + "8000", "shortest form"},
           {leaf + "0000", "1 bytes after its last entry"},
           {kMagicHex + "0801", "page level is 8"},
           {inner + "00", "has 0 entries"},
           {leaf + "8108", "has 1025 entries"},
           {leaf + "03"
                   "0205",
            "3 entries in 2 bytes"},
           {leaf + "01"
                   "0505",
            "entry form is 5"},
           {leaf + "01"
                   "0001"
                   "11",
            "ends too early"},
           {leaf +
                "01"
                "0000" +
                kOnes,
            "at byte 6: entry has length 0"},
           {leaf + "01"
                   "0200",
            "entry has length 0"},
           {leaf +
                "01"
                "00818080"
                "08" +
                kOnes,
            "chunk has 16777217 bytes"},
           {leaf +
                "01"
                "010101" +
                kOnes,
            "repeats less than twice"},
           {leaf +
                "01"
                "010100" +
                kOnes,
            "repeats less than twice"},
           {leaf +
                "01"
                "02" +
                above,
            "bytes in all"},
           {leaf +
                "01"
                "0102" +
                max + kOnes,
            "bytes in all"},
           {leaf +
                "01"
                "0305" +
                zero_domain + kOnes,
            "domain is zero"},
           {leaf + "02"
                   "0205"
                   "0206",
            "at byte 8: entry is not joined"},
           {leaf +
                "02"
                "0005" +
                kOnes + "0005" + kOnes,
            "not joined"},
           {leaf +
                "02"
                "0005" +
                kOnes + "010502" + kOnes,
            "not joined"},
           {leaf +
                "02"
                "02" +
                max + "0005" + kOnes,
            "page has more than"},
           {inner +
                "01"
                "000000" +
                kOnes,
            "child page has 0 bytes"},
           {inner + "01" + above + "0100" + kOnes, "child page has"},
           {inner +
                "01"
                "050006" +
                kOnes,
            "child page of 5 bytes"},
           {inner +
                "01"
                "050600" +
                kOnes,
            "child page of 5 bytes"},
           {inner +
                "01"
                "050105" +
                kOnes,
            "child page of 5 bytes"},
           {inner +
                "01"
                "050000" +
                kOnes,
            "child page of 5 bytes"},
           {inner +
                "01"
                "81808008"
                "01"
                "00" +
                kOnes,
            "and 1 chunks"},
           {inner + "02" + max + "00" + max + kOnes + "010100" + kOnes,
            "page has more than"},
       }) {
    EXPECT_THAT(
        DecodePage(Bytes(c.hex)),
        StatusIs(absl::StatusCode::kDataLoss,
                 AllOf(HasSubstr("page encoding at byte"), HasSubstr(c.text))))
        << c.hex;
  }
}

TEST(DecodePageTest, RefusesMoreThanTheLargestSize) {
  EXPECT_THAT(
      DecodePage("CPG1" + std::string(kMaxPageBytes, '\0')),
      StatusIs(absl::StatusCode::kDataLoss, HasSubstr("it has 98308 bytes")));
}

// Changes a valid encoding in one of the ways that bytes go wrong.
std::string Mutated(std::string bytes, std::mt19937_64& random) {
  const size_t at = Between(0, bytes.size() - 1, random);
  switch (Between(0, 5, random)) {
    case 0:
      bytes[at] ^= static_cast<char>(1 << Between(0, 7, random));
      break;
    case 1:
      bytes[at] = static_cast<char>(random());
      break;
    case 2:
      bytes.resize(at);
      break;
    case 3:
      bytes.insert(at, 1, static_cast<char>(random()));
      break;
    case 4:
      bytes.erase(at, Between(1, 40, random));
      break;
    default:  // a piece of it once more, elsewhere
      bytes.insert(at, bytes.substr(Between(0, bytes.size() - 1, random),
                                    Between(1, 100, random)));
  }
  return bytes;
}

TEST(DecodePageTest, NeverAcceptsASecondEncodingOfAPage) {
  std::mt19937_64 random(TestSeed());
  int accepted = 0;
  for (int i = 0; i < 200; ++i) {
    const std::string valid = EncodePage(RandomPage(random));
    for (int j = 0; j < 200; ++j) {
      const std::string bytes = Mutated(valid, random);
      const absl::StatusOr<Page> page = DecodePage(bytes);
      if (!page.ok()) {
        EXPECT_EQ(page.status().code(), absl::StatusCode::kDataLoss);
        continue;
      }
      ++accepted;
      ASSERT_EQ(EncodePage(*page), bytes);
    }
  }
  // A flipped bit of a digest gives another page, and a valid one.
  EXPECT_GT(accepted, 0);
}

TEST(DecodePageTest, SurvivesNoise) {
  std::mt19937_64 random(TestSeed());
  for (int i = 0; i < 20000; ++i) {
    std::string bytes = "CPG1";
    bytes.push_back(static_cast<char>(Between(0, 8, random)));
    const size_t size = Between(0, 200, random);
    for (size_t j = 0; j < size; ++j) {
      // Small numbers are what forms, lengths and counts are made of.
      bytes.push_back(
          static_cast<char>(random() % 4 == 0 ? random() : random() % 6));
    }
    const absl::StatusOr<Page> page = DecodePage(bytes);
    if (!page.ok()) continue;
    ASSERT_EQ(EncodePage(*page), bytes);
  }
}

TEST(ValidateEntryTest, KnowsWhatAnEntryMayBe) {
  EXPECT_OK(ValidateEntry(Chunk(1, 1)));
  EXPECT_OK(ValidateEntry(Chunk(kMaxRecordPlainBytes, 0)));
  EXPECT_OK(ValidateEntry(Hole(kMaxArchiveBytes)));
  ChunkEntry odd_hole = Hole(5);
  odd_hole.digest = Filled(1);
  for (const ChunkEntry& entry :
       {Chunk(0, 1), Chunk(1, 1, 0), Chunk(kMaxRecordPlainBytes + 1, 1),
        Chunk(3, 1, kMaxArchiveBytes / 3 + 1), Hole(0),
        Hole(kMaxArchiveBytes + 1), odd_hole,
        ChunkEntry{.is_hole = true, .length = 5, .repeat = 2}}) {
    EXPECT_THAT(ValidateEntry(entry),
                StatusIs(absl::StatusCode::kInvalidArgument));
  }
}

}  // namespace
}  // namespace cairn
