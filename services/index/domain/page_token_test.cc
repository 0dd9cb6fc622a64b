#include "services/index/domain/page_token.h"

#include <random>
#include <string>

#include "common/digest/sha256.h"
#include "common/status/reason.h"
#include "common/testing/seed.h"
#include "common/testing/status_matchers.h"
#include "gtest/gtest.h"

namespace cairn::index {
namespace {

TEST(PageTokenTest, GivesThePositionBack) {
  const Digest query = Sha256("query");
  for (const std::string& position :
       {std::string(), std::string("key\0with zero", 13),
        std::string(600, '\xff')}) {
    EXPECT_THAT(DecodePageToken(query, EncodePageToken(query, position)),
                IsOkAndHolds(position));
  }
}

TEST(PageTokenTest, RefusesAnotherQuery) {
  const std::string token = EncodePageToken(Sha256("query"), "position");
  const auto position = DecodePageToken(Sha256("other"), token);
  EXPECT_THAT(position, StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(position, HasReasonCode(reason::kPageTokenInvalid));
}

TEST(PageTokenTest, RefusesEveryGarbledToken) {
  std::mt19937_64 random(TestSeed());
  const Digest query = Sha256("query");
  const std::string token = EncodePageToken(query, "some position");
  for (size_t i = 0; i < token.size(); ++i) {
    std::string garbled = token;
    do {
      garbled[i] = static_cast<char>(random());
    } while (garbled[i] == token[i]);
    EXPECT_THAT(DecodePageToken(query, garbled),
                HasReasonCode(reason::kPageTokenInvalid))
        << garbled;
    EXPECT_THAT(DecodePageToken(query, token.substr(0, i)),
                HasReasonCode(reason::kPageTokenInvalid));
  }
  EXPECT_THAT(DecodePageToken(query, token + "A"),
              HasReasonCode(reason::kPageTokenInvalid));
  EXPECT_THAT(DecodePageToken(query, std::string(1 << 20, 'A')),
              HasReasonCode(reason::kPageTokenInvalid));
}

}  // namespace
}  // namespace cairn::index
