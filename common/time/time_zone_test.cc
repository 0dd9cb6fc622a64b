#include "common/time/time_zone.h"

#include <string>

#include "absl/status/status.h"
#include "common/testing/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

using ::testing::HasSubstr;

std::string Local(const absl::TimeZone& zone, int64_t unix_seconds) {
  return absl::FormatTime("%F %T", absl::FromUnixSeconds(unix_seconds), zone);
}

TEST(LoadTimeZoneTest, KnowsTheChangesOfAZone) {
  ASSERT_OK_AND_ASSIGN(const absl::TimeZone vienna,
                       LoadTimeZone("Europe/Vienna"));
  EXPECT_EQ(vienna.name(), "Europe/Vienna");
  // 2020-10-25T00:59:59Z and a second later.
  EXPECT_EQ(Local(vienna, 1603587599), "2020-10-25 02:59:59");
  EXPECT_EQ(Local(vienna, 1603587600), "2020-10-25 02:00:00");
}

TEST(LoadTimeZoneTest, KnowsUtcAndNamesOfManyForms) {
  for (const char* name : {"UTC", "Etc/GMT+5", "America/Port-au-Prince",
                           "America/Argentina/Buenos_Aires"}) {
    EXPECT_OK(LoadTimeZone(name)) << name;
  }
}

TEST(LoadTimeZoneTest, RefusesWhatIsNoZone) {
  for (const std::string& name :
       {std::string(), std::string("Europe/Wien"), std::string("Europe"),
        std::string("europe/../Europe/Vienna"),
        std::string("../zoneinfo/Europe/Vienna"),
        std::string("/usr/share/zoneinfo/Europe/Vienna"),
        std::string("file:Europe/Vienna"), std::string("UTC\n"),
        std::string("UTC\0", 4), std::string(65, 'x')}) {
    EXPECT_THAT(LoadTimeZone(name), StatusIs(absl::StatusCode::kInvalidArgument,
                                             HasSubstr("Europe/Vienna")))
        << name;
  }
}

}  // namespace
}  // namespace cairn
