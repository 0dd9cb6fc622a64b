#include "services/maintenance/options.h"

#include <sstream>
#include <vector>

#include "common/testing/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cairn::maintenance {
namespace {

using ::testing::HasSubstr;

absl::Status Parse(std::vector<const char*> args, Options& options) {
  Settings settings("test", "Tests.", "0");
  RegisterSettings(settings, "maintenance-", &options);
  args.insert(args.begin(), "test");
  std::ostringstream out;
  const auto command =
      settings.Parse(static_cast<int>(args.size()), args.data(), out);
  return command.ok() ? options.Validate() : command.status();
}

TEST(MaintenanceOptionsTest, DefaultsAreValidAndSettingsAreRead) {
  Options options;
  ASSERT_OK(Parse({}, options));
  EXPECT_EQ(options.Coordinator().max_leases_per_datastore, 10000u);
  ASSERT_OK(Parse(
      {"--maintenance-default-lease-ttl=5s", "--maintenance-max-leases=7"},
      options));
  EXPECT_EQ(options.Coordinator().default_ttl, absl::Seconds(5));
  EXPECT_EQ(options.Coordinator().max_leases_per_datastore, 7u);
}

TEST(MaintenanceOptionsTest, RefusesWhatIsOutOfRange) {
  for (const char* flag :
       {"--maintenance-default-lease-ttl=999ms",
        "--maintenance-default-lease-ttl=25h", "--maintenance-max-leases=0",
        "--maintenance-round-period=0s",
        "--maintenance-database-ballast=1GiB"}) {
    Options options;
    EXPECT_THAT(Parse({flag}, options),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr(flag[14] == 'd' && flag[15] == 'a'
                                       ? "database-ballast"
                                       : "maintenance-")))
        << flag;
  }
}

}  // namespace
}  // namespace cairn::maintenance
