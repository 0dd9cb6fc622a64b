#include "client/cli/settings.h"

#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "common/testing/status_matchers.h"
#include "common/testing/temp_dir.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cairn::client {
namespace {

using ::testing::HasSubstr;

GetEnvironment Environment(std::map<std::string, std::string> variables) {
  return [variables = std::move(variables)](
             const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  };
}

TEST(MergeSettingsTest, FlagBeforeEnvironmentBeforeProfileBeforeDefault) {
  SettingSource flags, environment, profile;
  EXPECT_EQ(MergeSettings(flags, environment, profile).datastore, "default");
  profile.datastore = "profile";
  EXPECT_EQ(MergeSettings(flags, environment, profile).datastore, "profile");
  environment.datastore = "environment";
  EXPECT_EQ(MergeSettings(flags, environment, profile).datastore,
            "environment");
  flags.datastore = "flag";
  EXPECT_EQ(MergeSettings(flags, environment, profile).datastore, "flag");
}

TEST(MergeSettingsTest, EachSettingIsMergedByItself) {
  SettingSource flags, environment, profile;
  flags.server = "a:1";
  environment.name_space = "b/c";
  profile.tls_ca = "/ca.pem";
  const Settings settings = MergeSettings(flags, environment, profile);
  EXPECT_EQ(settings.server, "a:1");
  EXPECT_EQ(settings.name_space, "b/c");
  EXPECT_EQ(settings.tls_ca, "/ca.pem");
  EXPECT_EQ(settings.tls_key, "");
}

TEST(MergeSettingsTest, TellsWhetherTheServerWasNamed) {
  SettingSource profile;
  EXPECT_FALSE(MergeSettings({}, {}, profile).server_was_named);
  profile.server = "a:1";
  EXPECT_TRUE(MergeSettings({}, {}, profile).server_was_named);
}

TEST(MergeSettingsTest, MaintenanceIsWhereTheServerIsUnlessNamed) {
  SettingSource flags, environment, profile;
  EXPECT_EQ(MergeSettings({}, {}, {}).maintenance_server,
            MergeSettings({}, {}, {}).server);
  profile.server = "a:1";
  EXPECT_EQ(MergeSettings({}, {}, profile).maintenance_server, "a:1");
  profile.maintenance_server = "a:4";
  EXPECT_EQ(MergeSettings({}, {}, profile).maintenance_server, "a:4");
  environment.maintenance_server = "unix:run/m";
  EXPECT_EQ(MergeSettings({}, environment, profile).maintenance_server,
            "unix:" + std::filesystem::current_path().string() + "/run/m");
  flags.maintenance_server = "f:4";
  EXPECT_EQ(MergeSettings(flags, environment, profile).maintenance_server,
            "f:4");
}

TEST(MergeSettingsTest, MaintenanceOfAnotherServerIsNotTaken) {
  SettingSource flags, profile;
  profile.server = "a:1";
  profile.maintenance_server = "a:4";
  flags.server = "b:1";
  EXPECT_EQ(MergeSettings(flags, {}, profile).maintenance_server, "b:1");
  EXPECT_EQ(MergeSettings({}, flags, profile).maintenance_server, "b:1");
  profile.server.reset();
  EXPECT_EQ(MergeSettings({}, {}, profile).maintenance_server, "a:4");
}

TEST(MergeSettingsTest, TheTokenOfAProfileIsForItsServerAlone) {
  SettingSource flags, environment, profile;
  profile.server = "a:1";
  profile.token_file = "/profile";
  EXPECT_EQ(MergeSettings({}, {}, profile).token_file, "/profile");
  flags.server = "b:1";
  EXPECT_EQ(MergeSettings(flags, {}, profile).token_file, "");
  EXPECT_EQ(MergeSettings({}, flags, profile).token_file, "");
  // One that was named for this run goes where this run goes.
  environment.token_file = "/environment";
  EXPECT_EQ(MergeSettings(flags, environment, profile).token_file,
            "/environment");
  flags.token_file = "/flag";
  EXPECT_EQ(MergeSettings(flags, environment, profile).token_file, "/flag");
}

TEST(MergeSettingsTest, PathsBecomeAbsolute) {
  SettingSource flags;
  flags.server = "unix:run/socket";
  flags.tls_key = "key.pem";
  const Settings settings = MergeSettings(flags, {}, {});
  const std::string here = std::filesystem::current_path().string();
  EXPECT_EQ(settings.server, "unix:" + here + "/run/socket");
  EXPECT_EQ(settings.tls_key, here + "/key.pem");
}

TEST(SettingsFromEnvironmentTest, ReadsAllVariables) {
  const SettingSource source =
      SettingsFromEnvironment(Environment({{"CAIRN_SERVER", "s:1"},
                                           {"CAIRN_MAINTENANCE_SERVER", "m:1"},
                                           {"CAIRN_TLS_CA", "ca"},
                                           {"CAIRN_TLS_CERT", "cert"},
                                           {"CAIRN_TLS_KEY", ""},
                                           {"CAIRN_TOKEN_FILE", "token"},
                                           {"CAIRN_DATASTORE", "d"},
                                           {"CAIRN_NAMESPACE", "n"},
                                           {"CAIRN_RATE", "1MiB"}}));
  EXPECT_EQ(source.server, "s:1");
  EXPECT_EQ(source.maintenance_server, "m:1");
  EXPECT_EQ(source.tls_ca, "ca");
  EXPECT_EQ(source.tls_cert, "cert");
  EXPECT_EQ(source.tls_key, std::nullopt);
  EXPECT_EQ(source.token_file, "token");
  EXPECT_EQ(source.datastore, "d");
  EXPECT_EQ(source.name_space, "n");
  EXPECT_EQ(source.rate, "1MiB");
}

TEST(ParseProfileTest, ReadsOneOfSeveral) {
  constexpr char kYaml[] =
      "default: {server: a:1}\n"
      "site:\n  server: b:2\n  tls_ca: /ca\n  namespace: x/y\n"
      "  rate: 2MiB\n";
  ASSERT_OK_AND_ASSIGN(const SettingSource site, ParseProfile(kYaml, "site"));
  EXPECT_EQ(site.server, "b:2");
  EXPECT_EQ(site.tls_ca, "/ca");
  EXPECT_EQ(site.name_space, "x/y");
  EXPECT_EQ(site.rate, "2MiB");
  EXPECT_EQ(site.datastore, std::nullopt);
  EXPECT_THAT(ParseProfile(kYaml, "none"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("none")));
}

TEST(ParseProfileTest, NamesWhatItDoesNotKnow) {
  EXPECT_THAT(
      ParseProfile("a: {sever: b:2}", "a"),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("\"sever\"")));
  for (const char* yaml :
       {"", "just text", "a: text", "a: [1, 2]", "a: {server: {b: c}}",
        "a: {server: [x]}", "a: {{{", "\t- x: ]"}) {
    EXPECT_FALSE(ParseProfile(yaml, "a").ok()) << yaml;
  }
}

TEST(LoadProfileTest, FindsTheFileAndTheProfile) {
  const TempDir dir;
  std::filesystem::create_directories(dir.Join(".config/cairn"));
  std::ofstream(dir.Join(".config/cairn/profile.yaml"))
      << "default: {server: a:1}\nother: {server: b:2}\n";
  const std::string home = dir.path();
  ASSERT_OK_AND_ASSIGN(const SettingSource by_default,
                       LoadProfile({}, Environment({{"HOME", home}})));
  EXPECT_EQ(by_default.server, "a:1");
  ASSERT_OK_AND_ASSIGN(
      const SettingSource by_variable,
      LoadProfile({},
                  Environment({{"HOME", home}, {"CAIRN_PROFILE", "other"}})));
  EXPECT_EQ(by_variable.server, "b:2");
  ASSERT_OK_AND_ASSIGN(
      const SettingSource by_flag,
      LoadProfile("default",
                  Environment({{"HOME", home}, {"CAIRN_PROFILE", "other"}})));
  EXPECT_EQ(by_flag.server, "a:1");
  EXPECT_THAT(LoadProfile("none", Environment({{"HOME", home}})),
              StatusIs(absl::StatusCode::kNotFound));
}

TEST(LoadProfileTest, NeedsNoFileUnlessAProfileIsAskedFor) {
  const TempDir dir;
  const auto environment = Environment({{"HOME", dir.path()}});
  ASSERT_OK_AND_ASSIGN(const SettingSource none, LoadProfile({}, environment));
  EXPECT_EQ(none.server, std::nullopt);
  EXPECT_FALSE(LoadProfile("site", environment).ok());
  EXPECT_OK(LoadProfile({}, Environment({})));
}

}  // namespace
}  // namespace cairn::client
