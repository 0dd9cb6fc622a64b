#include "services/chunk_storage/storage/place_codec.h"

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "common/digest/sha256.h"
#include "common/testing/seed.h"
#include "common/testing/status_matchers.h"
#include "gtest/gtest.h"

namespace cairn::chunk_storage {
namespace {

RecordKey RandomKey(std::mt19937_64& random) {
  RecordKey key;
  key.kind = static_cast<RecordKind>(1 + random() % 4);
  if (random() % 2 == 0) {
    key.domain.bytes[random() % 16] = static_cast<uint8_t>(1 + random() % 255);
  }
  for (uint8_t& byte : key.digest.bytes) byte = static_cast<uint8_t>(random());
  return key;
}

TEST(PlaceCodecTest, ATypicalRowTakesLessThan60Bytes) {
  const RecordKey key = {RecordKind::kChunk, Domain(), Sha256("c")};
  const Place place = {.pack = 40000,
                       .ordinal = 300,
                       .offset = uint64_t{200} << 20,
                       .stored_length = 1500000,
                       .plain_length = 4 << 20,
                       .encoding = Encoding::kZstd};
  EXPECT_LT(EncodePlaceKey(3, key).size() + EncodePlace(place).size(), 60u);
}

// A change here is a change of the format.
TEST(PlaceCodecTest, RowsHaveTheBytesThatTheyAlwaysHad) {
  RecordKey key = {.kind = RecordKind::kChunk};
  key.digest.bytes.fill(0x11);
  const std::string digest(64, '1');
  EXPECT_EQ(absl::BytesToHexString(EncodePlaceKey(3, key)),
            "000000030100" + digest);
  key.kind = RecordKind::kPage;
  key.domain.bytes.fill(0x22);
  EXPECT_EQ(absl::BytesToHexString(EncodePlaceKey(3, key)),
            "000000030201" + std::string(32, '2') + digest);

  Place place = {.pack = 300,
                 .ordinal = 5,
                 .offset = 4096,
                 .stored_length = 77,
                 .plain_length = 1 << 20,
                 .encoding = Encoding::kZstd};
  EXPECT_EQ(absl::BytesToHexString(EncodePlace(place)), "ac0240054d80804002");
  place.bad = true;
  EXPECT_EQ(absl::BytesToHexString(EncodePlace(place)), "ac0240054d80804082");
}

TEST(PlaceCodecTest, RoundTripsPlaces) {
  std::mt19937_64 random(TestSeed());
  for (int i = 0; i < 2000; ++i) {
    const Place place = {
        .pack = static_cast<uint32_t>(random() >> (random() % 32 + 32)),
        .ordinal = static_cast<uint32_t>(random() % kMaxPackRecords),
        .offset = (random() >> (8 + random() % 50)) * kRecordAlignment,
        .stored_length =
            static_cast<uint32_t>(random() % (kMaxRecordStoredBytes + 1)),
        .plain_length =
            static_cast<uint32_t>(random() % (kMaxRecordPlainBytes + 1)),
        .encoding = static_cast<Encoding>(1 + random() % 4),
        .bad = random() % 2 == 0};
    ASSERT_THAT(DecodePlace(EncodePlace(place)), IsOkAndHolds(place));
  }
}

TEST(PlaceCodecTest, KeysRoundTripAndSortAsRecordKeysDo) {
  std::mt19937_64 random(TestSeed());
  std::vector<RecordKey> keys;
  for (int i = 0; i < 500; ++i) keys.push_back(RandomKey(random));
  std::sort(keys.begin(), keys.end());
  std::string previous;
  for (const RecordKey& key : keys) {
    const std::string bytes = EncodePlaceKey(7, key);
    ASSERT_THAT(DecodePlaceKey(bytes), IsOkAndHolds(key));
    ASSERT_LT(previous, bytes);
    ASSERT_TRUE(bytes.starts_with(DatastorePrefix(7)));
    previous = bytes;
  }
  EXPECT_LT(previous, DatastorePrefix(8));
}

TEST(PlaceCodecTest, HostileRowsAreRefusedOrDecodeWithinBounds) {
  std::mt19937_64 random(TestSeed());
  const std::string good = EncodePlace({.pack = 5, .offset = 4096});
  for (size_t length = 0; length < good.size(); ++length) {
    EXPECT_THAT(DecodePlace(good.substr(0, length)),
                StatusIs(absl::StatusCode::kDataLoss));
  }
  EXPECT_THAT(DecodePlace(good + "x"), StatusIs(absl::StatusCode::kDataLoss));
  for (int i = 0; i < 20000; ++i) {
    std::string bytes(random() % 24, '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    const auto place = DecodePlace(bytes);
    if (!place.ok()) continue;
    ASSERT_LE(place->stored_length, kMaxRecordStoredBytes);
    ASSERT_LE(place->plain_length, kMaxRecordPlainBytes);
    ASSERT_EQ(place->offset % kRecordAlignment, 0u);
  }
  const std::string key = EncodePlaceKey(1, RandomKey(random));
  for (size_t length = 0; length < key.size(); ++length) {
    EXPECT_FALSE(DecodePlaceKey(key.substr(0, length)).ok());
  }
}

}  // namespace
}  // namespace cairn::chunk_storage
