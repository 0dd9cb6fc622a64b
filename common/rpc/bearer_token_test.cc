#include "common/rpc/bearer_token.h"

#include <random>
#include <string>
#include <vector>

#include "common/rpc/token_directory.h"
#include "common/testing/seed.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

using Kind = ShownToken::Kind;

ShownToken Read(const std::vector<std::string_view>& values) {
  return ReadBearerToken(values);
}

TEST(BearerTokenTest, ReadsOneToken) {
  EXPECT_EQ(Read({}).kind, Kind::kNone);
  for (const char* value :
       {"Bearer aZ09-._~+/==", "bearer aZ09-._~+/==", "BEARER aZ09-._~+/=="}) {
    const ShownToken shown = Read({value});
    EXPECT_EQ(shown.kind, Kind::kToken) << value;
    EXPECT_EQ(shown.token, "aZ09-._~+/==") << value;
  }
  const std::string longest(TokenDirectory::kMaxTokenBytes, 'a');
  EXPECT_EQ(Read({"Bearer " + longest}).token, longest);
}

TEST(BearerTokenTest, RefusesWhatIsNoToken) {
  const std::string too_long(TokenDirectory::kMaxTokenBytes + 1, 'a');
  const std::vector<std::string> values = {
      "",         "Bearer",    "Bearer ",     "Bearer  a",         "Bearera",
      "Basic YQ", " Bearer a", "Bearer a ",   "Bearer a b",        "Bearer =a",
      "Bearer =", "Bearer a,", "Bearer a=b",  "Bearer \x80",       "Bearer a\n",
      "a",        "Bearer\ta", "bear er abc", "Bearer " + too_long};
  for (const std::string& value : values) {
    EXPECT_EQ(Read({value}).kind, Kind::kMalformed) << value;
    EXPECT_EQ(Read({value}).token, "") << value;
  }
  EXPECT_EQ(Read({std::string_view("Bearer a\0b", 10)}).kind, Kind::kMalformed);
  EXPECT_EQ(Read({"Bearer a", "Bearer a"}).kind, Kind::kMalformed);
  EXPECT_EQ(Read({"Bearer a", ""}).kind, Kind::kMalformed);
}

TEST(BearerTokenTest, SurvivesAnyBytes) {
  std::mt19937_64 random(TestSeed());
  for (int i = 0; i < 20000; ++i) {
    std::string value = i % 2 == 0 ? "Bearer " : "";
    const size_t size = random() % 200;
    while (value.size() < size) value += static_cast<char>(random());
    const ShownToken shown = Read({value});
    if (shown.kind != Kind::kToken) continue;
    EXPECT_GE(shown.token.size(), 1u);
    EXPECT_LE(shown.token.size(), TokenDirectory::kMaxTokenBytes);
    EXPECT_EQ(shown.token.find_first_of(" \n\r\t,"), std::string_view::npos);
  }
}

}  // namespace
}  // namespace cairn
