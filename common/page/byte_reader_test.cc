#include "common/page/byte_reader.h"

#include <cstdint>
#include <limits>
#include <optional>
#include <random>
#include <string>

#include "common/testing/seed.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

using namespace std::string_literals;

std::string Varint(uint64_t value) {
  std::string out;
  AppendVarint(value, out);
  return out;
}

TEST(VarintTest, HasTheBytesOfLeb128) {
  EXPECT_EQ(Varint(0), "\x00"s);
  EXPECT_EQ(Varint(127), "\x7f");
  EXPECT_EQ(Varint(128), "\x80\x01");
  EXPECT_EQ(Varint(300), "\xac\x02");
  EXPECT_EQ(Varint(std::numeric_limits<uint64_t>::max()),
            "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
}

TEST(VarintTest, ReadsBackWhatWasWritten) {
  std::mt19937_64 random(TestSeed());
  for (int i = 0; i < 10000; ++i) {
    const uint64_t value = random() >> (random() % 64);
    const std::string bytes = Varint(value);
    ByteReader reader(bytes);
    EXPECT_EQ(reader.Varint(), value);
    EXPECT_EQ(reader.remaining(), 0u);
  }
}

TEST(VarintTest, RefusesWhatIsCutOffTooLongOrTooLarge) {
  for (const std::string& bytes :
       {""s, "\x80"s, "\xff\xff"s, "\x80\x00"s, "\xff\x80\x00"s,
        "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"s,
        "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x81\x00"s,
        "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"s}) {
    ByteReader reader(bytes);
    EXPECT_EQ(reader.Varint(), std::nullopt);
    EXPECT_EQ(reader.position(), 0u);
  }
}

TEST(ByteReaderTest, ReadsUpToTheEndAndNotBeyond) {
  ByteReader reader("abcd");
  EXPECT_EQ(reader.Byte(), 'a');
  EXPECT_EQ(reader.Bytes(4), std::nullopt);
  EXPECT_EQ(reader.Bytes(2), "bc");
  EXPECT_EQ(reader.Bytes(0), "");
  EXPECT_EQ(reader.position(), 3u);
  EXPECT_EQ(reader.Byte(), 'd');
  EXPECT_EQ(reader.Byte(), std::nullopt);
  EXPECT_EQ(reader.Bytes(SIZE_MAX), std::nullopt);
}

}  // namespace
}  // namespace cairn
