#include "common/model/record.h"

#include <string>

#include "common/model/digest.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

// The numbers are on disk.
TEST(RecordTest, NumbersAndNamesNeverChange) {
  const struct {
    RecordKind kind;
    int number;
    std::string_view name;
  } kinds[] = {{RecordKind::kChunk, 1, "chunk"},
               {RecordKind::kPage, 2, "page"},
               {RecordKind::kManifest, 3, "manifest"},
               {RecordKind::kEvent, 4, "event"}};
  for (const auto& row : kinds) {
    EXPECT_EQ(static_cast<int>(row.kind), row.number);
    EXPECT_EQ(RecordKindName(row.kind), row.name);
  }
  const struct {
    Encoding encoding;
    int number;
    std::string_view name;
    bool encrypted;
  } encodings[] = {{Encoding::kRaw, 1, "raw", false},
                   {Encoding::kZstd, 2, "zstd", false},
                   {Encoding::kEncryptedRaw, 3, "encrypted-raw", true},
                   {Encoding::kEncryptedZstd, 4, "encrypted-zstd", true}};
  for (const auto& row : encodings) {
    EXPECT_EQ(static_cast<int>(row.encoding), row.number);
    EXPECT_EQ(EncodingName(row.encoding), row.name);
    EXPECT_EQ(IsEncrypted(row.encoding), row.encrypted);
  }
}

TEST(RecordTest, NamesNumbersOutsideTheList) {
  EXPECT_EQ(RecordKindName(static_cast<RecordKind>(200)), "unknown");
  EXPECT_EQ(EncodingName(static_cast<Encoding>(0)), "unknown");
  EXPECT_FALSE(IsEncrypted(static_cast<Encoding>(77)));
}

TEST(RecordKeyTest, PrintsTheWholeDigestAndADomainIfAny) {
  RecordKey key;
  key.digest.bytes[0] = 0xab;
  const std::string hex = "ab" + std::string(62, '0');
  EXPECT_EQ(key.ToString(), "chunk " + hex);
  key.kind = RecordKind::kPage;
  key.domain.bytes[15] = 1;
  EXPECT_EQ(key.ToString(),
            "page " + hex + " of domain " + std::string(31, '0') + "1");
}

TEST(RecordKeyTest, KindsAndDomainsHaveIdSpacesOfTheirOwn) {
  RecordKey chunk;
  RecordKey page;
  page.kind = RecordKind::kPage;
  RecordKey encrypted;
  encrypted.domain.bytes[0] = 1;
  EXPECT_NE(chunk, page);
  EXPECT_NE(chunk, encrypted);
  EXPECT_TRUE(chunk.domain.is_plaintext());
  EXPECT_FALSE(encrypted.domain.is_plaintext());
}

}  // namespace
}  // namespace cairn
