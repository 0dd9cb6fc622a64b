#include "common/model/uuid.h"

#include <random>
#include <set>
#include <string>

#include "absl/random/bit_gen_ref.h"
#include "absl/strings/ascii.h"
#include "common/testing/seed.h"
#include "common/testing/status_matchers.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

constexpr char kText[] = "01234567-89ab-cdef-0123-456789abcdef";

TEST(UuidTest, RoundTrips) {
  ASSERT_OK_AND_ASSIGN(const Uuid uuid, Uuid::Parse(kText));
  EXPECT_EQ(uuid.ToString(), kText);
  EXPECT_EQ(uuid.bytes[0], 0x01);
  EXPECT_EQ(uuid.bytes[15], 0xef);
  EXPECT_THAT(Uuid::FromBytes(uuid.view()), IsOkAndHolds(uuid));
}

TEST(UuidTest, ReadsUpperCaseAndWritesLower) {
  ASSERT_OK_AND_ASSIGN(const Uuid uuid,
                       Uuid::Parse(absl::AsciiStrToUpper(kText)));
  EXPECT_EQ(uuid.ToString(), kText);
}

TEST(UuidTest, RefusesOtherTexts) {
  const std::string good(kText);
  for (const std::string& bad :
       {std::string(), good.substr(1), good + "0", "{" + good + "}",
        std::string("0123456789abcdef0123456789abcdef"),
        std::string("0123456-789ab-cdef-0123-456789abcdef"),
        std::string("g1234567-89ab-cdef-0123-456789abcdef"),
        std::string("01234567-89ab-cdef-0123-456789abcde "),
        std::string("01234567_89ab_cdef_0123_456789abcdef"),
        std::string("01234567-89ab-cdef-0123-456789abcde\0", 36),
        std::string(36, '-'), std::string(1 << 20, 'a')}) {
    EXPECT_THAT(Uuid::Parse(bad), StatusIs(absl::StatusCode::kInvalidArgument))
        << bad.substr(0, 80);
  }
}

TEST(UuidTest, RefusesBytesOfAnotherLength) {
  for (const size_t length : {0, 15, 17, 36}) {
    EXPECT_THAT(Uuid::FromBytes(std::string(length, 'x')),
                StatusIs(absl::StatusCode::kInvalidArgument));
  }
}

TEST(UuidTest, RandomIsVersionFourAndDistinct) {
  std::mt19937_64 random(TestSeed());
  std::set<Uuid> seen;
  for (int i = 0; i < 1000; ++i) {
    const Uuid uuid = Uuid::Random(random);
    const std::string text = uuid.ToString();
    EXPECT_EQ(text[14], '4') << text;
    EXPECT_NE(std::string("89ab").find(text[19]), std::string::npos) << text;
    EXPECT_TRUE(seen.insert(uuid).second) << text;
    EXPECT_THAT(Uuid::Parse(text), IsOkAndHolds(uuid));
  }
}

TEST(UuidTest, SameSeedSameUuid) {
  std::mt19937_64 first(7);
  std::mt19937_64 second(7);
  EXPECT_EQ(Uuid::Random(first), Uuid::Random(second));
}

TEST(UuidTest, ZeroIsNone) {
  EXPECT_TRUE(Uuid{}.is_zero());
  std::mt19937_64 random(TestSeed());
  EXPECT_FALSE(Uuid::Random(random).is_zero());
}

}  // namespace
}  // namespace cairn
