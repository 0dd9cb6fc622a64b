#include "client/cli/local_health.h"

#include <fstream>
#include <map>
#include <optional>
#include <string>

#include "common/testing/status_matchers.h"
#include "common/testing/temp_dir.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cairn::client {
namespace {

class LocalHealthTest : public testing::Test {
 protected:
  absl::StatusOr<std::string> Address(
      const std::map<std::string, std::string>& variables) {
    return LocalHealthAddress(
        [&variables](const std::string& name) -> std::optional<std::string> {
          const auto found = variables.find(name);
          if (found == variables.end()) return std::nullopt;
          return found->second;
        });
  }
  std::string File(const std::string& text) {
    const std::string path = directory_.Join("config.yaml");
    std::ofstream(path) << text;
    return path;
  }

  const TempDir directory_;
};

TEST_F(LocalHealthTest, TheServersOwnVariableNamesIt) {
  EXPECT_THAT(Address({{"CAIRN_HEALTH_LISTEN", "127.0.0.1:9453"}}),
              IsOkAndHolds("127.0.0.1:9453"));
}

TEST_F(LocalHealthTest, EveryInterfaceIsAskedAtLoopback) {
  EXPECT_THAT(Address({{"CAIRN_HEALTH_LISTEN", "0.0.0.0:9450"}}),
              IsOkAndHolds("127.0.0.1:9450"));
  EXPECT_THAT(Address({{"CAIRN_HEALTH_LISTEN", "[::]:9450"}}),
              IsOkAndHolds("[::1]:9450"));
}

TEST_F(LocalHealthTest, TheServersFileNamesItUnlessItsVariableDoes) {
  const std::string file =
      File("listen: [\"127.0.0.1:1\"]\nhealth-listen: \"0.0.0.0:9451\"\n");
  EXPECT_THAT(Address({{"CAIRN_CONFIG", file}}),
              IsOkAndHolds("127.0.0.1:9451"));
  EXPECT_THAT(Address({{"CAIRN_CONFIG", file},
                       {"CAIRN_HEALTH_LISTEN", "127.0.0.1:9453"}}),
              IsOkAndHolds("127.0.0.1:9453"));
  EXPECT_THAT(Address({{"CAIRN_CONFIG", "/does/not/exist"}}),
              StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(Address({{"CAIRN_CONFIG", File("listen: [")}}),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(LocalHealthTest, ElseThereAreDefaults) {
  const std::string default_address = *Address({});
  EXPECT_THAT(default_address,
              testing::AnyOf(kDefaultHealthAddress,
                             std::string("unix:") + kDefaultSocket));
  EXPECT_THAT(Address({{"CAIRN_CONFIG", File("log-level: info")}}),
              IsOkAndHolds(default_address));
}

}  // namespace
}  // namespace cairn::client
