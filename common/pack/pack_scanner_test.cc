#include "common/pack/pack_scanner.h"

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "common/digest/sha256.h"
#include "common/testing/seed.h"
#include "common/testing/status_matchers.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

const Uuid kPack = {{0xaa, 1, 2, 3}};
const Uuid kDatastore = {{0xdd, 9}};

// The bytes of a pack in the making.
class PackBytes {
 public:
  PackBytes()
      : bytes_(EncodePackHeader({kPack, kDatastore, PackClass::kData})) {}

  void Add(const std::string& payload) {
    RecordHeader header;
    header.key.digest = Sha256(payload);
    header.plain_length = header.stored_length =
        static_cast<uint32_t>(payload.size());
    header.payload_digest = header.key.digest;
    header.epoch = 4;
    entries_.push_back(EntryOf(header, bytes_.size()));
    bytes_ += EncodeRecordHeader(header, kPack, bytes_.size()) + payload;
    bytes_.resize(AlignUp(bytes_.size(), kRecordAlignment));
  }
  void AlignToBlock() {
    bytes_.resize(AlignUp(bytes_.size(), kPackBlockBytes));
  }
  void AddFooter() {
    AlignToBlock();
    bytes_ += EncodePackFooter(kPack, bytes_.size(), entries_);
  }

  std::string& bytes() { return bytes_; }
  const std::vector<PackEntry>& entries() const { return entries_; }

 private:
  std::string bytes_;
  std::vector<PackEntry> entries_;
};

PackRead ReadFrom(const std::string& bytes) {
  return
      [&bytes](uint64_t offset, size_t length) -> absl::StatusOr<std::string> {
        return offset < bytes.size() ? bytes.substr(offset, length) : "";
      };
}

struct Scan {
  std::vector<PackEntry> entries;
  std::optional<PackHeader> header;
  uint64_t damaged_bytes = 0;
  std::vector<PackScanner::DamagedRange> damaged;
};

Scan ScanAll(const PackRead& read, uint64_t size, const Uuid& pack = kPack) {
  PackScanner scanner(pack, size, read);
  Scan scan;
  for (;;) {
    const auto entry = scanner.Next();
    EXPECT_OK(entry);
    if (!entry.ok() || !entry->has_value()) break;
    scan.entries.push_back(**entry);
  }
  scan.header = scanner.header();
  scan.damaged_bytes = scanner.damaged_bytes();
  scan.damaged = scanner.damaged();
  return scan;
}
Scan ScanAll(const std::string& bytes, const Uuid& pack = kPack) {
  return ScanAll(ReadFrom(bytes), bytes.size(), pack);
}

TEST(PackScannerTest, FindsEveryRecord) {
  PackBytes pack;
  pack.Add("");
  pack.Add("short");
  pack.AlignToBlock();
  pack.Add(std::string(3000000, 'x'));  // longer than a window
  pack.Add(std::string(64, 'y'));
  const Scan scan = ScanAll(pack.bytes());
  EXPECT_EQ(scan.entries, pack.entries());
  EXPECT_EQ(scan.damaged_bytes, 0u);
  ASSERT_TRUE(scan.header.has_value());
  EXPECT_EQ(scan.header->datastore, kDatastore);
}

TEST(PackScannerTest, FindsNothingInNothing) {
  EXPECT_TRUE(ScanAll("").entries.empty());
  EXPECT_TRUE(ScanAll(std::string(4096, '\0')).entries.empty());
  EXPECT_EQ(ScanAll(std::string(9000, '\0')).damaged_bytes, 0u);
  EXPECT_EQ(ScanAll(std::string(9000, 'q')).damaged_bytes, 9000u);
}

TEST(PackScannerTest, ATornHeaderBlockHidesNoRecord) {
  PackBytes pack;
  pack.Add("still here");
  pack.bytes().replace(0, 512, 512, '\0');
  pack.bytes()[700] = 'x';
  const Scan scan = ScanAll(pack.bytes());
  EXPECT_EQ(scan.entries, pack.entries());
  EXPECT_FALSE(scan.header.has_value());
  EXPECT_EQ(scan.damaged_bytes, 4096u);
}

TEST(PackScannerTest, SkipsADamagedPayloadAndReportsItsRange) {
  PackBytes pack;
  pack.Add("first");
  pack.Add(std::string(1000, 'b'));
  pack.Add("third");
  const PackEntry& second = pack.entries()[1];
  pack.bytes()[second.offset + kRecordHeaderBytes + 500] ^= 1;
  const Scan scan = ScanAll(pack.bytes());
  EXPECT_EQ(scan.entries,
            (std::vector<PackEntry>{pack.entries()[0], pack.entries()[2]}));
  ASSERT_EQ(scan.damaged.size(), 1u);
  EXPECT_EQ(scan.damaged[0].offset, second.offset);
  EXPECT_EQ(scan.damaged[0].length, RecordExtent(second.stored_length));
}

TEST(PackScannerTest, EveryFlippedBitCostsAtMostItsRecord) {
  PackBytes pack;
  pack.Add("first");
  pack.Add("the second");
  pack.Add("third");
  for (size_t bit = 4096 * 8; bit < pack.bytes().size() * 8; ++bit) {
    std::string bytes = pack.bytes();
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << bit % 8));
    std::vector<PackEntry> expected;
    for (const PackEntry& entry : pack.entries()) {
      const uint64_t end =
          entry.offset + kRecordHeaderBytes + entry.stored_length;
      if (bit / 8 < entry.offset || bit / 8 >= end) expected.push_back(entry);
    }
    const Scan scan = ScanAll(bytes);
    ASSERT_EQ(scan.entries, expected) << "bit " << bit;
    ASSERT_TRUE(scan.damaged_bytes > 0 || expected.size() == 3);
  }
}

TEST(PackScannerTest, EveryTruncationKeepsTheRecordsBefore) {
  PackBytes pack;
  pack.Add("first");
  pack.Add("the second");
  for (size_t length = 0; length < pack.bytes().size(); ++length) {
    std::vector<PackEntry> expected;
    for (const PackEntry& entry : pack.entries()) {
      if (entry.offset + kRecordHeaderBytes + entry.stored_length <= length) {
        expected.push_back(entry);
      }
    }
    ASSERT_EQ(ScanAll(pack.bytes().substr(0, length)).entries, expected)
        << "length " << length;
  }
}

TEST(PackScannerTest, APackStoredAsAPayloadIsOneRecord) {
  PackBytes inner;
  inner.Add("a record of another pack");
  PackBytes outer;
  outer.Add(inner.bytes());
  // Also where the outer header is gone and the payload lies bare.
  EXPECT_EQ(ScanAll(outer.bytes()).entries, outer.entries());
  outer.bytes()[4096] ^= 1;
  EXPECT_TRUE(ScanAll(outer.bytes()).entries.empty());
}

TEST(PackScannerTest, RecordsOfAnotherPackAreDamage) {
  PackBytes pack;
  pack.Add("mine");
  const Scan scan = ScanAll(pack.bytes(), Uuid{{0xbb}});
  EXPECT_TRUE(scan.entries.empty());
  EXPECT_FALSE(scan.header.has_value());
  EXPECT_GT(scan.damaged_bytes, 4096u);
}

TEST(PackScannerTest, GoesOnBeyondWhatCannotBeRead) {
  PackBytes pack;
  pack.Add("first");
  pack.AlignToBlock();
  pack.Add("unreadable");
  pack.AlignToBlock();
  pack.Add("third");
  const std::string& bytes = pack.bytes();
  const auto read = [&](uint64_t offset,
                        size_t length) -> absl::StatusOr<std::string> {
    const uint64_t end = std::min<uint64_t>(offset + length, bytes.size());
    if (offset < 12288 && end > 8192) return absl::DataLossError("sector");
    return bytes.substr(offset, length);
  };
  const Scan scan = ScanAll(read, bytes.size());
  EXPECT_EQ(scan.entries,
            (std::vector<PackEntry>{pack.entries()[0], pack.entries()[2]}));
  // The sector, and the place before it whose header would reach into it.
  EXPECT_EQ(scan.damaged_bytes, 4096u + 64u);
}

TEST(PackScannerTest, AnotherErrorEndsTheScan) {
  PackScanner scanner(
      kPack, 10000, [](uint64_t, size_t) { return absl::InternalError("no"); });
  EXPECT_THAT(scanner.Next(), StatusIs(absl::StatusCode::kInternal));
}

TEST(PackScannerTest, RandomDamageNeverYieldsAWrongRecord) {
  std::mt19937_64 random(TestSeed());
  for (int round = 0; round < 100; ++round) {
    PackBytes pack;
    std::map<uint64_t, PackEntry> written;
    for (int i = 0; i < 12; ++i) {
      std::string payload(random() % 5000, '\0');
      for (char& c : payload) c = static_cast<char>(random());
      pack.Add(payload);
      if (random() % 3 == 0) pack.AlignToBlock();
    }
    for (const PackEntry& entry : pack.entries()) written[entry.offset] = entry;
    std::string bytes = pack.bytes();
    for (int i = 0; i < 6; ++i) {
      // Runs of bytes change, move or go.
      const size_t from = random() % bytes.size();
      const size_t length =
          std::min<size_t>(random() % 700, bytes.size() - from);
      switch (random() % 3) {
        case 0:
          for (size_t at = from; at < from + length; ++at) {
            bytes[at] = static_cast<char>(random());
          }
          break;
        case 1:
          bytes.replace(random() % bytes.size(), 0, bytes.substr(from, length));
          break;
        default:
          bytes.erase(from, length);
      }
      if (bytes.empty()) bytes = "x";
    }
    for (const PackEntry& entry : ScanAll(bytes).entries) {
      ASSERT_EQ(written.at(entry.offset), entry);
      ASSERT_EQ(Sha256(bytes.substr(entry.offset + kRecordHeaderBytes,
                                    entry.stored_length)),
                entry.key.digest);
    }
  }
}

TEST(ReadPackFooterTest, ReadsWhatWasWritten) {
  PackBytes pack;
  pack.Add("first");
  pack.Add("second");
  pack.AddFooter();
  ASSERT_OK_AND_ASSIGN(
      const auto contents,
      ReadPackFooter(kPack, pack.bytes().size(), ReadFrom(pack.bytes())));
  ASSERT_TRUE(contents.has_value());
  EXPECT_EQ(contents->entries, pack.entries());
  EXPECT_EQ(contents->footer_offset, 8192u);
}

TEST(ReadPackFooterTest, AnyDamageOrTruncationMeansNoFooter) {
  PackBytes pack;
  pack.Add("first");
  pack.AddFooter();
  for (size_t at = 8192; at < pack.bytes().size(); ++at) {
    std::string changed = pack.bytes();
    changed[at] ^= 0x20;
    const auto damaged =
        ReadPackFooter(kPack, changed.size(), ReadFrom(changed));
    ASSERT_TRUE(damaged.ok() && !damaged->has_value()) << at;
    const std::string cut = pack.bytes().substr(0, at);
    const auto truncated = ReadPackFooter(kPack, cut.size(), ReadFrom(cut));
    ASSERT_TRUE(truncated.ok() && !truncated->has_value()) << at;
  }
}

}  // namespace
}  // namespace cairn
