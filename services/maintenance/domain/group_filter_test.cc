#include "services/maintenance/domain/group_filter.h"

#include <string>
#include <vector>

#include "common/testing/status_matchers.h"
#include "gtest/gtest.h"

namespace cairn::maintenance {
namespace {

using Rules = std::vector<std::string>;

bool Passes(const Rules& include, const Rules& exclude,
            const std::string& group) {
  const auto filter = GroupFilter::Compile(include, exclude);
  EXPECT_OK(filter);
  const auto name =
      GroupName::Parse("datastores/main/namespaces/a/groups/" + group);
  EXPECT_OK(name);
  return filter.ok() && name.ok() && filter->Passes(*name);
}

TEST(GroupFilterTest, WithoutRulesAllPass) {
  EXPECT_TRUE(Passes({}, {}, "vm/100"));
}

TEST(GroupFilterTest, MatchesTypeGroupAndPattern) {
  EXPECT_TRUE(Passes({"type:vm"}, {}, "vm/100"));
  EXPECT_FALSE(Passes({"type:vm"}, {}, "host/vm"));
  EXPECT_TRUE(Passes({"group:host/web1"}, {}, "host/web1"));
  EXPECT_FALSE(Passes({"group:host/web1"}, {}, "host/web10"));
  EXPECT_TRUE(Passes({"regex:^vm/1"}, {}, "vm/100"));
  EXPECT_FALSE(Passes({"regex:^vm/1"}, {}, "vm/200"));
  EXPECT_TRUE(Passes({"regex:00$"}, {}, "vm/200"));
}

TEST(GroupFilterTest, OneOfTheIncludedAndNoneOfTheExcluded) {
  const Rules include = {"type:vm", "group:host/web1"};
  EXPECT_TRUE(Passes(include, {}, "host/web1"));
  EXPECT_TRUE(Passes(include, {"regex:^vm/2"}, "vm/100"));
  EXPECT_FALSE(Passes(include, {"regex:^vm/2"}, "vm/200"));
  EXPECT_FALSE(Passes(include, {}, "ct/1"));
}

TEST(GroupFilterTest, RefusesWhatIsNoRule) {
  for (const char* const text :
       {"", "vm", "type:", "type:lxc", "group:web1", "group:vm/../x", "regex:(",
        "regex:a{1000}{1000}", "Type:vm"}) {
    EXPECT_THAT(GroupFilter::Compile({text}, {}).status(),
                StatusIs(absl::StatusCode::kInvalidArgument))
        << text;
  }
  EXPECT_THAT(
      GroupFilter::Compile({"regex:" + std::string(300, 'a')}, {}).status(),
      StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(GroupFilter::Compile({}, Rules(101, "type:vm")).status(),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

// A pattern at which a backtracking matcher would take for ever.
TEST(GroupFilterTest, TakesLinearTime) {
  EXPECT_FALSE(Passes({"regex:^(host/(a+)+)+$"}, {},
                      "host/" + std::string(60, 'a') + "b"));
}

}  // namespace
}  // namespace cairn::maintenance
