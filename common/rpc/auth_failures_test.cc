#include "common/rpc/auth_failures.h"

#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/log/log.h"
#include "common/testing/fake_clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

using ::testing::HasSubstr;

class AuthFailuresTest : public ::testing::Test {
 protected:
  AuthFailuresTest() {
    SetLogSink(
        [this](LogLevel, std::string_view line) { lines_.emplace_back(line); });
  }
  ~AuthFailuresTest() override { SetLogSink(nullptr); }

  void Refuse(AuthFailure failure) {
    failures_.Refused(failure, "ipv4:10.0.0.1:5", "web1@tls", "a.B/C", "no");
  }

  std::vector<std::string> lines_;
  FakeClock clock_;
  MetricRegistry registry_;
  AuthFailures failures_{&registry_, &clock_};
};

TEST_F(AuthFailuresTest, HasEveryReasonFromTheStart) {
  std::set<std::string> names;
  for (int i = 0; i < kAuthFailures; ++i) {
    const std::string name(AuthFailureName(static_cast<AuthFailure>(i)));
    EXPECT_TRUE(names.insert(name).second) << name;
    EXPECT_THAT(registry_.Text(),
                HasSubstr(absl::StrCat("cairn_auth_failures_total{reason=\"",
                                       name, "\"} 0\n")));
  }
  EXPECT_EQ(AuthFailureName(AuthFailure::kNotOwner), "not_owner");
}

TEST_F(AuthFailuresTest, CountsAllAndLogsSome) {
  for (int i = 0; i < 25; ++i) Refuse(AuthFailure::kBadToken);
  EXPECT_THAT(registry_.Text(), HasSubstr("{reason=\"bad_token\"} 25\n"));
  EXPECT_THAT(registry_.Text(), HasSubstr("{reason=\"wrong_role\"} 0\n"));
  ASSERT_EQ(lines_.size(), 10u);
  EXPECT_THAT(lines_[0], HasSubstr("refused reason=bad_token "
                                   "peer=ipv4:10.0.0.1:5 caller=web1@tls "
                                   "method=a.B/C suppressed=0 why: no"));
  clock_.Advance(AuthFailures::kLogPeriod - absl::Seconds(1));
  Refuse(AuthFailure::kBadToken);
  EXPECT_EQ(lines_.size(), 10u);
  clock_.Advance(absl::Seconds(1));
  Refuse(AuthFailure::kBadToken);
  ASSERT_EQ(lines_.size(), 11u);
  EXPECT_THAT(lines_[10], HasSubstr("suppressed=16"));
}

}  // namespace
}  // namespace cairn
