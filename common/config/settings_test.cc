#include "common/config/settings.h"

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <regex>
#include <sstream>

#include "common/testing/status_matchers.h"
#include "common/testing/temp_dir.h"

namespace cairn {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct Fields {
  std::string name = "default";
  bool quick = false;
  int64_t count = 3;
  absl::Duration pause = absl::Seconds(30);
  uint64_t size = 1 << 20;
  std::vector<std::string> listen = {"a"};
};

class SettingsTest : public ::testing::Test {
 protected:
  void TearDown() override {
    for (const char* name :
         {"CAIRN_NAME", "CAIRN_LISTEN", "CAIRN_MAX_COUNT", "CAIRN_CONFIG",
          "CAIRN_NMAE", "CAIRN_SERVER", "CAIRN_INDEX_PORT"}) {
      unsetenv(name);
    }
  }

  absl::StatusOr<ParsedCommand> Parse(std::vector<const char*> arguments) {
    fields_ = Fields();
    settings_ = std::make_unique<Settings>("cairn-test", "A test.", "1.2.3");
    settings_->Add("name", &fields_.name, "What it is called");
    settings_->Add("quick", &fields_.quick, "Whether to hurry");
    settings_->Add("max-count", &fields_.count, 1, 10, "How many",
                   TakesEffect::kReload);
    settings_->Add("pause", &fields_.pause, absl::Seconds(1), absl::Hours(1),
                   "How long", TakesEffect::kReload);
    settings_->AddBytes("size", &fields_.size, 1024, uint64_t{1} << 40,
                        "How large");
    settings_->Add("listen", &fields_.listen, "Where");
    arguments.insert(arguments.begin(), "cairn-test");
    out_.str("");
    return settings_->Parse(static_cast<int>(arguments.size()),
                            arguments.data(), out_);
  }

  std::string File(const std::string& text) {
    const std::string path = directory_.path() + "/config.yaml";
    std::ofstream(path) << text;
    return path;
  }
  absl::StatusOr<ParsedCommand> ParseFile(const std::string& text) {
    const std::string flag = "--config=" + File(text);
    return Parse({flag.c_str()});
  }

  TempDir directory_;
  Fields fields_;
  std::unique_ptr<Settings> settings_;
  std::ostringstream out_;
};

TEST_F(SettingsTest, DefaultsStandWhereNothingIsSaid) {
  EXPECT_THAT(Parse({}), IsOkAndHolds(ParsedCommand::kRun));
  EXPECT_EQ(fields_.name, "default");
  EXPECT_THAT(fields_.listen, ElementsAre("a"));
}

TEST_F(SettingsTest, EveryTypeIsReadFromFlags) {
  ASSERT_OK(Parse({"--name=x", "--quick=true", "--max-count", "7", "--pause=2m",
                   "--size=64MiB", "--listen=b,c", "--listen=d"}));
  EXPECT_EQ(fields_.name, "x");
  EXPECT_TRUE(fields_.quick);
  EXPECT_EQ(fields_.count, 7);
  EXPECT_EQ(fields_.pause, absl::Minutes(2));
  EXPECT_EQ(fields_.size, 64u << 20);
  EXPECT_THAT(fields_.listen, ElementsAre("b", "c", "d"));
}

TEST_F(SettingsTest, AFlagBeatsTheEnvironmentBeatsTheFile) {
  const std::string flag = "--config=" + File(
                                             "name: file\nmax-count: 5\n"
                                             "listen: [x, y]\nquick: true\n");
  setenv("CAIRN_NAME", "environment", 1);
  setenv("CAIRN_MAX_COUNT", "6", 1);
  ASSERT_OK(Parse({flag.c_str(), "--name=flag"}));
  EXPECT_EQ(fields_.name, "flag");
  EXPECT_EQ(fields_.count, 6);
  EXPECT_TRUE(fields_.quick);
  EXPECT_THAT(fields_.listen, ElementsAre("x", "y"));
}

TEST_F(SettingsTest, TheFileItselfMayBeNamedByTheEnvironment) {
  setenv("CAIRN_CONFIG", File("name: file").c_str(), 1);
  ASSERT_OK(Parse({}));
  EXPECT_EQ(fields_.name, "file");
}

TEST_F(SettingsTest, AnEmptyListIsAList) {
  ASSERT_OK(Parse({"--listen="}));
  EXPECT_THAT(fields_.listen, IsEmpty());
  ASSERT_OK(ParseFile("listen: []"));
  EXPECT_THAT(fields_.listen, IsEmpty());
}

TEST_F(SettingsTest, AnErrorNamesSettingSourceFoundAndAllowed) {
  EXPECT_THAT(Parse({"--max-count=11"}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("max-count"), HasSubstr("'11'"),
                             HasSubstr("1 to 10"))));
  EXPECT_THAT(ParseFile("name: x\npause: soon\n"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("pause"), HasSubstr("config.yaml:2"),
                             HasSubstr("'soon'"))));
  setenv("CAIRN_MAX_COUNT", "many", 1);
  EXPECT_THAT(Parse({}), StatusIs(absl::StatusCode::kInvalidArgument,
                                  HasSubstr("CAIRN_MAX_COUNT")));
}

TEST_F(SettingsTest, UnknownAndRepeatedNamesAreRefused) {
  const auto invalid = absl::StatusCode::kInvalidArgument;
  EXPECT_THAT(Parse({"--nmae=x"}), StatusIs(invalid, HasSubstr("nmae")));
  EXPECT_THAT(Parse({"stray"}), StatusIs(invalid));
  EXPECT_THAT(Parse({"--name=a", "--name=b"}), StatusIs(invalid));
  EXPECT_THAT(ParseFile("nmae: x"), StatusIs(invalid, HasSubstr("nmae")));
  EXPECT_THAT(ParseFile("name: x\nname: y"),
              StatusIs(invalid, HasSubstr("second time")));
}

TEST_F(SettingsTest, AFileThatIsNoFlatMappingIsRefused) {
  for (const char* text :
       {"[a, b]", "name", "name: {a: b}", "listen: [[a]]", "name: &a x",
        "a: &a x\nb: *a", "name: 'x", "---\nname: x\n---\nname: y", "a: [b",
        "name: [x]", "? {a: b}\n: c"}) {
    EXPECT_THAT(ParseFile(text), StatusIs(absl::StatusCode::kInvalidArgument))
        << text;
  }
  EXPECT_THAT(ParseFile(std::string((1 << 20) + 1, '#')),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_OK(ParseFile(""));
  EXPECT_THAT(Parse({"--config=/does/not/exist"}),
              StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(SettingsTest, ThePrintedConfigurationReadsBackTheSame) {
  ASSERT_THAT(
      Parse({"--print-config", "--name=a \"b\"\\\t: #", "--listen=x,y"}),
      IsOkAndHolds(ParsedCommand::kExit));
  const std::string printed = out_.str();
  ASSERT_OK(ParseFile(printed));
  EXPECT_EQ(fields_.name, "a \"b\"\\\t: #");
  EXPECT_EQ(settings_->ToYaml(), printed);
}

TEST_F(SettingsTest, TheExampleExplainsEverySettingAndChangesNone) {
  ASSERT_THAT(Parse({"--print-example-config", "--name=x"}),
              IsOkAndHolds(ParsedCommand::kExit));
  const std::string example = out_.str();
  EXPECT_THAT(example,
              AllOf(HasSubstr("# How many\n# [1 to 10, CAIRN_MAX_COUNT, "
                              "reloadable]\n#max-count: \"3\"\n"),
                    HasSubstr("# [CAIRN_NAME, needs a restart]\n"
                              "#name: \"default\"\n"),
                    HasSubstr("#listen: [\"a\"]\n")));
  ASSERT_OK(ParseFile(example));
  EXPECT_EQ(fields_.name, "default");
  // Without the marks it says the same.
  const std::string defaults = settings_->ToYaml();
  ASSERT_OK(
      ParseFile(std::regex_replace(example, std::regex("\n#([a-z])"), "\n$1")));
  EXPECT_EQ(settings_->ToYaml(), defaults);
}

TEST_F(SettingsTest, AReloadTakesWhatMayChangeAndNamesTheRest) {
  ASSERT_OK(ParseFile("max-count: 4\nname: a\nsize: 2KiB"));
  File("max-count: 5\nname: b\nsize: 2KiB");
  ASSERT_OK_AND_ASSIGN(const SettingChanges changes,
                       settings_->Reload([] { return absl::OkStatus(); }));
  EXPECT_THAT(changes.taken, ElementsAre("max-count"));
  EXPECT_THAT(changes.need_restart, ElementsAre("name"));
  EXPECT_EQ(fields_.count, 5);
  EXPECT_EQ(fields_.name, "a");
  EXPECT_EQ(fields_.size, 2048u);
}

TEST_F(SettingsTest, AReloadKeepsThePrecedence) {
  setenv("CAIRN_MAX_COUNT", "6", 1);
  const std::string flag = "--config=" + File("pause: 1m\nmax-count: 4");
  ASSERT_OK(Parse({flag.c_str(), "--pause=2m"}));
  File("pause: 3m\nmax-count: 5");
  ASSERT_OK_AND_ASSIGN(const SettingChanges changes,
                       settings_->Reload([] { return absl::OkStatus(); }));
  EXPECT_THAT(changes.taken, IsEmpty());
  EXPECT_EQ(fields_.pause, absl::Minutes(2));
  EXPECT_EQ(fields_.count, 6);
}

TEST_F(SettingsTest, AReloadOfWhatIsNoLongerSaidGivesTheDefault) {
  ASSERT_OK(ParseFile("max-count: 4"));
  File("");
  ASSERT_OK(settings_->Reload([] { return absl::OkStatus(); }));
  EXPECT_EQ(fields_.count, 3);
}

TEST_F(SettingsTest, AWrongFileIsRefusedAsAWhole) {
  ASSERT_OK(ParseFile("max-count: 4"));
  const auto fine = [] { return absl::OkStatus(); };
  for (const char* text : {"max-count: 5\nnmae: x", "max-count: 5\nsize: 1",
                           "max-count: 5\npause: soon", "max-count: ["}) {
    File(text);
    EXPECT_THAT(settings_->Reload(fine),
                StatusIs(absl::StatusCode::kInvalidArgument))
        << text;
    EXPECT_EQ(fields_.count, 4) << text;
    EXPECT_EQ(fields_.size, 1u << 20) << text;
  }
  std::remove((directory_.path() + "/config.yaml").c_str());
  EXPECT_THAT(settings_->Reload(fine), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_EQ(fields_.count, 4);
}

TEST_F(SettingsTest, AReloadIsRefusedWhereTheWholeWouldNotBeValid) {
  ASSERT_OK(ParseFile("max-count: 4\nname: long"));
  // More than four are for those with another name only, which waits for a
  // restart.
  const auto validate = [this] {
    return fields_.count > 4 && fields_.name == "long"
               ? absl::InvalidArgumentError("too many")
               : absl::OkStatus();
  };
  File("max-count: 5\nname: short");
  EXPECT_THAT(settings_->Reload(validate),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("name"), HasSubstr("too many"))));
  EXPECT_EQ(fields_.count, 4);
  EXPECT_EQ(fields_.name, "long");
}

TEST_F(SettingsTest, AReloadThatCannotBeTakenOverChangesNothing) {
  ASSERT_OK(ParseFile("max-count: 4"));
  File("max-count: 5");
  const auto fine = [] { return absl::OkStatus(); };
  EXPECT_THAT(
      settings_->Reload(fine,
                        [this] {
                          EXPECT_EQ(fields_.count, 5);
                          return absl::ResourceExhaustedError("threads");
                        }),
      StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_EQ(fields_.count, 4);
  // The change is still to be made.
  ASSERT_OK_AND_ASSIGN(const SettingChanges changes, settings_->Reload(fine));
  EXPECT_THAT(changes.taken, ElementsAre("max-count"));
}

TEST_F(SettingsTest, VariablesThatAreNoSettingAreTold) {
  setenv("CAIRN_NMAE", "x", 1);
  setenv("CAIRN_NAME", "x", 1);
  setenv("CAIRN_SERVER", "unix:/s", 1);
  setenv("CAIRN_INDEX_PORT", "tcp://10.0.0.1:9441", 1);
  ASSERT_OK(Parse({}));
  EXPECT_THAT(settings_->UnknownVariables(), ElementsAre("CAIRN_NMAE"));
}

TEST_F(SettingsTest, HelpNamesEverySettingWithItsVariable) {
  EXPECT_THAT(Parse({"--help"}), IsOkAndHolds(ParsedCommand::kExit));
  EXPECT_THAT(out_.str(),
              AllOf(HasSubstr("--max-count"), HasSubstr("How many"),
                    HasSubstr("CAIRN_MAX_COUNT"), HasSubstr("reloadable")));
  EXPECT_THAT(Parse({"--version"}), IsOkAndHolds(ParsedCommand::kExit));
  EXPECT_THAT(out_.str(), HasSubstr("1.2.3"));
}

TEST_F(SettingsTest, CheckConfigStillParses) {
  EXPECT_THAT(Parse({"--check-config"}), IsOkAndHolds(ParsedCommand::kRun));
  EXPECT_TRUE(settings_->check_only());
}

TEST(ByteSizeTest, ReadsAndPrintsPowers) {
  EXPECT_THAT(ParseByteSize("0"), IsOkAndHolds(0u));
  EXPECT_THAT(ParseByteSize("256KiB"), IsOkAndHolds(256u << 10));
  EXPECT_THAT(ParseByteSize("2TiB"), IsOkAndHolds(uint64_t{2} << 40));
  for (const char* text : {"", "KiB", "-1", "+1", "1.5GiB", "1 GiB", "1kb",
                           "8388608TiB", "9223372036854775808", "1KiBKiB"}) {
    EXPECT_THAT(ParseByteSize(text),
                StatusIs(absl::StatusCode::kInvalidArgument))
        << text;
  }
  EXPECT_EQ(FormatByteSize(1 << 20), "1MiB");
  EXPECT_EQ(FormatByteSize(1000), "1000");
}

}  // namespace
}  // namespace cairn
