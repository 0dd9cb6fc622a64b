#include "common/model/digest.h"

#include <string>
#include <unordered_map>

#include "absl/hash/hash_testing.h"
#include "common/testing/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

using ::testing::HasSubstr;

TEST(DigestTest, RoundTripsThroughHexAndBytes) {
  std::string raw;
  for (int i = 0; i < 32; ++i) raw.push_back(static_cast<char>(i * 8 + 7));
  ASSERT_OK_AND_ASSIGN(const Digest digest, Digest::FromBytes(raw));
  EXPECT_EQ(digest.view(), raw);
  EXPECT_EQ(digest.ToHex(),
            "070f171f272f373f474f575f676f777f"
            "878f979fa7afb7bfc7cfd7dfe7eff7ff");
  EXPECT_THAT(Digest::FromHex(digest.ToHex()), IsOkAndHolds(digest));
}

TEST(DigestTest, RefusesBytesOfAnotherLength) {
  for (const size_t length : {0, 1, 31, 33, 64, 1 << 20}) {
    EXPECT_THAT(
        Digest::FromBytes(std::string(length, 'x')),
        StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("must be 32")))
        << length;
  }
}

TEST(DigestTest, RefusesOtherHex) {
  const std::string good(64, 'a');
  ASSERT_OK(Digest::FromHex(good));
  EXPECT_THAT(Digest::FromHex(""),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(Digest::FromHex(good.substr(1)),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(Digest::FromHex(good + "a"),
              StatusIs(absl::StatusCode::kInvalidArgument));
  for (const char c : std::string("Ag/:`@ \xff\0-", 10)) {
    for (const size_t at : {size_t{0}, size_t{31}, size_t{63}}) {
      std::string bad = good;
      bad[at] = c;
      EXPECT_THAT(Digest::FromHex(bad),
                  StatusIs(absl::StatusCode::kInvalidArgument))
          << bad;
    }
  }
}

TEST(DigestTest, ComparesBytewise) {
  Digest low;
  low.bytes[0] = 0x7f;
  Digest high;
  high.bytes[0] = 0x80;
  EXPECT_LT(low, high);
  EXPECT_LT(Digest{}, low);
  EXPECT_TRUE(
      absl::VerifyTypeImplementsAbslHashCorrectly({Digest{}, low, high}));
}

}  // namespace
}  // namespace cairn
