#include "common/pack/pack_format.h"

#include <string>
#include <vector>

#include "common/digest/sha256.h"
#include "common/testing/status_matchers.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

const Uuid kPack = {{0xaa, 1, 2, 3}};
const Uuid kDatastore = {{0xdd, 9}};

RecordHeader SampleHeader() {
  RecordHeader header;
  header.key = {RecordKind::kPage, Domain{{1, 2, 3}}, Sha256("plain")};
  header.encoding = Encoding::kEncryptedZstd;
  header.plain_length = 16 << 20;
  header.stored_length = 77;
  header.epoch = 0x0102030405060708;
  header.sequence = 0x1112131415161718;
  header.payload_digest = Sha256("payload");
  return header;
}

std::vector<PackEntry> SampleEntries() {
  PackEntry first = EntryOf(SampleHeader(), 4096);
  PackEntry second = first;
  second.offset = 4096 + RecordExtent(first.stored_length);
  second.key.kind = RecordKind::kChunk;
  return {first, second};
}

// Calls `accepts` with every single bit of `bytes` flipped, and with every
// shorter length: none may be accepted.
template <typename Accepts>
void ExpectEveryChangeRefused(const std::string& bytes, Accepts accepts) {
  ASSERT_TRUE(accepts(bytes));
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string changed = bytes;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << bit % 8));
    EXPECT_FALSE(accepts(changed)) << "bit " << bit;
  }
  for (size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_FALSE(accepts(bytes.substr(0, length))) << "length " << length;
  }
  EXPECT_FALSE(accepts(bytes + '\0'));
}

// Computed by a separate program from the drawing in the header alone. A
// change here is a change of the format.
TEST(PackFormatTest, HasTheBytesThatItAlwaysHad) {
  EXPECT_EQ(Sha256(EncodePackHeader({kPack, kDatastore, PackClass::kMetadata}))
                .ToHex(),
            "7cd66bf778a406e5bc50547229670a9e03a8258b225f0f6e22c7515a063903df");
  EXPECT_EQ(Sha256(EncodeRecordHeader(SampleHeader(), kPack, 8192)).ToHex(),
            "c8f25a3297a7b343715d9219814d8848759b312566b19cfd8a9e3656815e059b");
  EXPECT_EQ(Sha256(EncodePackFooter(kPack, 8192, SampleEntries())).ToHex(),
            "01ed779826f39303b7e27b1dd5c6759e7b4b521f79fb2e365e576d375f1e9833");
}

TEST(PackFormatTest, RoundTripsTheHeaderBlock) {
  for (const PackClass pack_class : {PackClass::kData, PackClass::kMetadata}) {
    const PackHeader header = {kPack, kDatastore, pack_class};
    const std::string block = EncodePackHeader(header);
    EXPECT_EQ(block.size(), kPackBlockBytes);
    EXPECT_THAT(DecodePackHeader(block), IsOkAndHolds(header));
  }
}

TEST(PackFormatTest, RefusesEveryChangeOfTheHeaderBlock) {
  ExpectEveryChangeRefused(
      EncodePackHeader({kPack, kDatastore, PackClass::kData}),
      [](const std::string& bytes) { return DecodePackHeader(bytes).ok(); });
}

TEST(PackFormatTest, RoundTripsARecordHeader) {
  const std::string bytes = EncodeRecordHeader(SampleHeader(), kPack, 8192);
  EXPECT_EQ(bytes.size(), kRecordHeaderBytes);
  EXPECT_THAT(DecodeRecordHeader(bytes, kPack, 8192),
              IsOkAndHolds(SampleHeader()));
}

TEST(PackFormatTest, RefusesEveryChangeOfARecordHeader) {
  ExpectEveryChangeRefused(EncodeRecordHeader(SampleHeader(), kPack, 8192),
                           [](const std::string& bytes) {
                             return DecodeRecordHeader(bytes, kPack, 8192).ok();
                           });
}

TEST(PackFormatTest, ARecordHeaderIsValidInItsPackAndPlaceOnly) {
  const std::string bytes = EncodeRecordHeader(SampleHeader(), kPack, 8192);
  EXPECT_THAT(DecodeRecordHeader(bytes, kPack, 8256),
              StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(DecodeRecordHeader(bytes, Uuid{{0xab}}, 8192),
              StatusIs(absl::StatusCode::kDataLoss));
}

TEST(PackFormatTest, RefusesLengthsThatNoRecordHas) {
  RecordHeader header = SampleHeader();
  header.plain_length = kMaxRecordPlainBytes + 1;
  EXPECT_FALSE(
      DecodeRecordHeader(EncodeRecordHeader(header, kPack, 0), kPack, 0).ok());
  header = SampleHeader();
  header.stored_length = kMaxRecordStoredBytes + 1;
  EXPECT_FALSE(
      DecodeRecordHeader(EncodeRecordHeader(header, kPack, 0), kPack, 0).ok());
}

TEST(PackFormatTest, RefusesUnknownKindsAndEncodings) {
  for (const uint8_t number : {0, 5, 255}) {
    RecordHeader header = SampleHeader();
    header.key.kind = static_cast<RecordKind>(number);
    EXPECT_FALSE(
        DecodeRecordHeader(EncodeRecordHeader(header, kPack, 0), kPack, 0)
            .ok());
    header = SampleHeader();
    header.encoding = static_cast<Encoding>(number);
    EXPECT_FALSE(
        DecodeRecordHeader(EncodeRecordHeader(header, kPack, 0), kPack, 0)
            .ok());
  }
}

TEST(PackFormatTest, RoundTripsAFooter) {
  const std::vector<PackEntry> entries = SampleEntries();
  constexpr uint64_t kOffset = 8192;
  const std::string footer = EncodePackFooter(kPack, kOffset, entries);
  EXPECT_EQ(footer.size(),
            entries.size() * kPackEntryBytes + kPackTrailerBytes);
  ASSERT_OK_AND_ASSIGN(
      const PackTrailer trailer,
      DecodePackTrailer(footer.substr(footer.size() - kPackTrailerBytes),
                        kOffset + footer.size()));
  EXPECT_EQ(trailer.footer_offset, kOffset);
  EXPECT_EQ(trailer.count, entries.size());
  EXPECT_THAT(DecodePackFooter(footer, kPack, kOffset), IsOkAndHolds(entries));
}

TEST(PackFormatTest, RoundTripsAnEmptyFooter) {
  const std::string footer = EncodePackFooter(kPack, 4096, {});
  EXPECT_THAT(DecodePackFooter(footer, kPack, 4096),
              IsOkAndHolds(::testing::IsEmpty()));
}

TEST(PackFormatTest, RefusesEveryChangeOfAFooter) {
  ExpectEveryChangeRefused(EncodePackFooter(kPack, 8192, SampleEntries()),
                           [](const std::string& bytes) {
                             return DecodePackFooter(bytes, kPack, 8192).ok();
                           });
}

TEST(PackFormatTest, AFooterIsValidInItsPackAndPlaceOnly) {
  const std::string footer = EncodePackFooter(kPack, 8192, SampleEntries());
  EXPECT_FALSE(DecodePackFooter(footer, Uuid{{0xab}}, 8192).ok());
  EXPECT_FALSE(DecodePackFooter(footer, kPack, 8256).ok());
}

TEST(PackFormatTest, RefusesEntriesThatNoWriterMakes) {
  const std::vector<PackEntry> good = SampleEntries();
  std::vector<std::vector<PackEntry>> bad(5, good);
  bad[0][0].offset = 4096 + 32;    // not aligned
  bad[1][1].offset = 4096;         // overlaps
  bad[2][0].offset = 0;            // in the header block
  bad[3][1].offset = 8192;         // in the footer
  bad[4][1].stored_length = 5000;  // reaches into the footer
  for (const auto& entries : bad) {
    EXPECT_FALSE(
        DecodePackFooter(EncodePackFooter(kPack, 8192, entries), kPack, 8192)
            .ok());
  }
}

TEST(PackFormatTest, ATrailerMustFitItsFile) {
  const std::string footer = EncodePackFooter(kPack, 8192, SampleEntries());
  const std::string trailer = footer.substr(footer.size() - kPackTrailerBytes);
  const uint64_t size = 8192 + footer.size();
  EXPECT_OK(DecodePackTrailer(trailer, size));
  EXPECT_FALSE(DecodePackTrailer(trailer, size + 1).ok());
  EXPECT_FALSE(DecodePackTrailer(trailer, 100).ok());
  EXPECT_FALSE(DecodePackTrailer(trailer, 0).ok());
}

}  // namespace
}  // namespace cairn
