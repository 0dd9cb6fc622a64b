#include "services/index/domain/text_rules.h"

#include <string>

#include "common/testing/status_matchers.h"
#include "gtest/gtest.h"

namespace cairn::index {
namespace {

using ::testing::HasSubstr;
constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

TEST(TextRulesTest, TakesUtf8UpToTheLimit) {
  EXPECT_OK(CheckText("notes", "", 4));
  EXPECT_OK(CheckText("notes", "\u00e4\u00f6", 4));
  EXPECT_THAT(CheckText("notes", "12345", 4),
              StatusIs(kInvalid, HasSubstr("notes is 5 bytes")));
}

TEST(TextRulesTest, RefusesWhatIsNoUtf8) {
  for (const std::string& text :
       {std::string("ab\xff"), std::string("\xc3"), std::string("\xc0\x80")}) {
    EXPECT_THAT(CheckText("notes", text, 100),
                StatusIs(kInvalid, HasSubstr("notes is not UTF-8")));
  }
}

TEST(TextRulesTest, PrincipalsAreNotEmpty) {
  EXPECT_OK(CheckPrincipal("owner", "root@unix"));
  EXPECT_THAT(CheckPrincipal("owner", ""), StatusIs(kInvalid));
  EXPECT_THAT(CheckPrincipal("owner", std::string(257, 'x')),
              StatusIs(kInvalid));
}

}  // namespace
}  // namespace cairn::index
