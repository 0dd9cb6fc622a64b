#include "services/index/domain/raw_record.h"

#include "common/digest/sha256.h"
#include "gtest/gtest.h"

namespace cairn::index {
namespace {

TEST(RawRecordTest, RecordsAreAddressedByTheDigestOfTheirPayload) {
  const Record record = MakeRawRecord(RecordKind::kManifest, 7, "payload");
  EXPECT_EQ(record.key.kind, RecordKind::kManifest);
  EXPECT_TRUE(record.key.domain.is_plaintext());
  EXPECT_EQ(record.key.digest, Sha256("payload"));
  EXPECT_EQ(record.payload_digest, Sha256("payload"));
  EXPECT_EQ(record.encoding, Encoding::kRaw);
  EXPECT_EQ(record.plain_length, 7u);
  EXPECT_EQ(record.sequence, 7u);
}

}  // namespace
}  // namespace cairn::index
