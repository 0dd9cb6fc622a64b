#include "client/cli/program.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "client/testing/grpc_fake_ingest.h"
#include "client/testing/program_console.h"
#include "common/status/reason.h"
#include "common/testing/seed.h"
#include "common/testing/temp_dir.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cairn::client {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// The whole program, against a server in this process.
class ProgramTest : public ProgramConsole {
 protected:
  ProgramTest() { variables_["CAIRN_SERVER"] = server_.address(); }

  std::string File(const std::string& name, const std::string& content) {
    std::ofstream(dir_.Join(name), std::ios::binary) << content;
    return dir_.Join(name);
  }

  TempDir dir_;
  FakeIngest server_{TestSeed()};
};

TEST_F(ProgramTest, BacksUpListsAndRestores) {
  const std::string source = File("source", "some content");
  ASSERT_EQ(Run({"backup", "host/web1", "a.raw:" + source, "--notes", "n1"}), 0)
      << err();
  EXPECT_THAT(out(), HasSubstr("snapshot datastores/default/groups/host/web1"));
  ASSERT_EQ(Run({"snapshot", "list", "host/web1"}), 0);
  EXPECT_THAT(out(), AllOf(HasSubstr("host/web1/20"), HasSubstr("a.raw"),
                           HasSubstr("n1")));
  ASSERT_EQ(Run({"restore", "host/web1/latest", "a.raw", dir_.Join("back")}), 0)
      << err();
  EXPECT_EQ(std::ifstream(dir_.Join("back")).get(), 's');
  EXPECT_EQ(std::filesystem::file_size(dir_.Join("back")), 12u);
}

TEST_F(ProgramTest, JsonIsOneDocument) {
  const std::string source = File("source", "some content");
  ASSERT_EQ(Run({"--output-format", "json", "backup", "vm/1", "a.img:" + source,
                 "--backup-time", "2026-01-02T03:04:05Z"}),
            0);
  const Json backup = json();
  EXPECT_EQ(backup["snapshot"]["name"],
            "datastores/default/groups/vm/1/snapshots/2026-01-02T03:04:05Z");
  EXPECT_EQ(backup["archives"][0]["size_bytes"], 12);
  EXPECT_EQ(backup["problems"], Json::array());
  ASSERT_EQ(Run({"snapshot", "show", "vm/1/latest", "--output-format", "json"}),
            0);
  EXPECT_EQ(json()["publish_time"], "2026-01-02T03:04:05Z");
  EXPECT_EQ(json()["archives"][0]["kind"], "image");
  ASSERT_EQ(Run({"status", "--output-format", "json"}), 0);
  EXPECT_EQ(json()["server_version"], "9.8.7");
  ASSERT_EQ(Run({"snapshot", "show", "vm/2/latest", "--output-format", "json"}),
            10);
  EXPECT_EQ(json()["error"]["exit_code"], 10);
  EXPECT_EQ(json()["error"]["code"], "NOT_FOUND");
  EXPECT_THAT(err(), StartsWith("cairn: "));
}

TEST_F(ProgramTest, DiffPrintsRanges) {
  const std::string first =
      "datastores/default/groups/vm/1/snapshots/2026-01-01T00:00:00Z";
  std::string changed(1000, 'x');
  for (const size_t at : {10, 11, 500}) changed[at] = 'y';
  server_.AddSnapshot(first, {{"a.img", {.content = std::string(1000, 'x')}}});
  server_.AddSnapshot(
      "datastores/default/groups/vm/1/snapshots/2026-01-02T00:00:00Z",
      {{"a.img", {.content = changed}}, {"b.img", {.content = changed + "z"}}});
  ASSERT_EQ(Run({"diff", first, "a.img", "vm/1/latest"}), 0) << err();
  EXPECT_EQ(out(), "10 2\n500 1\n");
  EXPECT_EQ(err(), "2 ranges, 3 B of 1000 B\n");
  ASSERT_EQ(Run({"diff", first, "a.img", first, "--quiet"}), 0) << err();
  EXPECT_EQ(out() + err(), "");
  // The stream breaks, and the command goes on.
  server_.SetFaults({.read_cuts = 1, .max_cut_bytes = 500});
  ASSERT_EQ(Run({"diff", "vm/1/latest", "a.img", "vm/1/latest", "b.img",
                 "--output-format", "json"}),
            0)
      << err();
  EXPECT_EQ(out(), "{\"offset\":1000,\"length\":1}\n");
  server_.SetFaults({.read_cuts = 2, .max_cut_bytes = 100});
  ASSERT_EQ(Run({"diff", first, "a.img", "vm/1/latest", "b.img"}), 0) << err();
  EXPECT_EQ(out(), "10 2\n500 1\n1000 1\n");
  EXPECT_GE(server_.cuts_made(), 2);
  EXPECT_EQ(Run({"diff", first, "c.img", "vm/1/latest"}), 10);
  EXPECT_EQ(Run({"diff", first, "a.img"}), 2);
}

TEST_F(ProgramTest, BacksUpWhatChangedSinceABase) {
  std::string content(1000, 'x');
  const std::string source = File("disk", content);
  ASSERT_EQ(Run({"backup", "vm/1", "a.img:" + source}), 0) << err();
  ASSERT_EQ(Run({"snapshot", "show", "vm/1/latest", "--output-format", "json"}),
            0);
  const std::string base = json()["name"];
  File("disk", content.replace(500, 7, "changed"));
  const std::vector<std::string> changes = {"backup",
                                            "vm/1",
                                            "a.img:" + source,
                                            "--base",
                                            "vm/1/latest",
                                            "--changed-ranges",
                                            File("list", "0x1f4 7  # 500\n")};
  ASSERT_EQ(Run(changes), 0) << err();
  EXPECT_THAT(out(), HasSubstr("a.img: 1000 B, new 7 B"));
  EXPECT_THAT(out(), HasSubstr("reused 993 B"));
  EXPECT_EQ(server_.Published("a.img")->content, content);
  std::vector<std::string> as_json = changes;
  as_json[6] = "a.img=" + as_json[6];
  as_json.insert(as_json.end(), {"--output-format", "json"});
  ASSERT_EQ(Run(as_json), 0) << err();
  EXPECT_EQ(json()["archives"][0]["read_bytes"], 7);
  EXPECT_EQ(json()["archives"][0]["reused_bytes"], 993);
  EXPECT_THAT(json()["archives"][0]["base"],
              AllOf(StartsWith("datastores/default/groups/vm/1/"), Not(base)));
  // An empty list may be a mistake.
  File("list", "");
  ASSERT_EQ(Run(changes), 0);
  EXPECT_THAT(err(), HasSubstr("names no range"));
  EXPECT_EQ(server_.Published("a.img")->content, content);
  // The first is no base any more.
  std::vector<std::string> old = changes;
  old[4] = base;
  ASSERT_EQ(Run(old), 14);
  EXPECT_THAT(err(), AllOf(HasSubstr("cannot be the base"),
                           HasSubstr("back up whole: the same command")));
  File("list", "x\n");
  ASSERT_EQ(Run(changes), 2);
  EXPECT_THAT(err(), HasSubstr("list line 1: \"x\" has 1 word"));
}

TEST_F(ProgramTest, ChangesThatMakeNoSenseAreWrongUsage) {
  const std::string source = File("disk", "content");
  const std::string list = File("list", "0 1\n");
  ASSERT_EQ(Run({"backup", "vm/1", "a.img:" + source}), 0) << err();
  const std::vector<std::vector<std::string>> kWrong = {
      {"a.img:" + source, "--base", "vm/1/latest"},
      {"a.img:" + source, "--changed-ranges", list},
      {"a.img:" + source, "--base", "vm/1/now", "--changed-ranges", list},
      {"a.img:-"},
      {"a.img:-", "--base", "vm/1/latest", "--changed-ranges", "-"},
      {"a.raw:" + source, "--base", "vm/1/latest", "--changed-ranges", list},
      {"a.img:" + source, "b.img:" + source, "--base", "vm/1/latest",
       "--changed-ranges", list},
      {"a.img:" + source, "--base", "vm/1/latest", "--changed-ranges", list,
       "--changed-ranges", "a.img=" + list},
  };
  for (const std::vector<std::string>& wrong : kWrong) {
    std::vector<std::string> arguments = {"backup", "vm/1"};
    arguments.insert(arguments.end(), wrong.begin(), wrong.end());
    EXPECT_EQ(Run(arguments), 2) << err();
    EXPECT_THAT(err(), StartsWith("cairn: "));
  }
  ASSERT_EQ(Run({"backup", "vm/1", "a.img:" + source, "--base", "vm/1/latest",
                 "--changed-ranges", dir_.Join("none")}),
            74);
  ASSERT_EQ(Run({"backup", "vm/2", "a.img:" + source, "--base", "vm/2/latest",
                 "--changed-ranges", list}),
            14);
  EXPECT_THAT(err(), HasSubstr("has no snapshot"));
}

TEST_F(ProgramTest, ListsAreWholeOverSeveralPages) {
  const std::string source = File("source", "x");
  for (int i = 1; i <= 5; ++i) {
    ASSERT_EQ(Run({"backup", "host/h" + std::to_string(i), "a.raw:" + source}),
              0);
  }
  ASSERT_EQ(Run({"snapshot", "list", "--output-format", "json"}), 0);
  EXPECT_EQ(json()["snapshots"].size(), 5u);
  ASSERT_EQ(Run({"group", "list", "--output-format", "json"}), 0);
  EXPECT_EQ(json()["groups"].size(), 5u);
}

TEST_F(ProgramTest, LatestIsTheNewestOfSeveralPages) {
  for (int day = 1; day <= 5; ++day) {
    server_.AddSnapshot("datastores/default/groups/host/a/snapshots/2026-01-0" +
                            std::to_string(day) + "T00:00:00Z",
                        {{"a.raw", {.content = std::to_string(day)}}});
  }
  ASSERT_EQ(Run({"restore", "host/a/latest", "a.raw", dir_.Join("back")}), 0)
      << err();
  EXPECT_EQ(std::ifstream(dir_.Join("back")).get(), '5');
}

TEST_F(ProgramTest, NotesAndProtection) {
  const std::string source = File("source", "x");
  ASSERT_EQ(Run({"backup", "host/a", "a.raw:" + source}), 0);
  ASSERT_EQ(Run({"snapshot", "notes", "host/a/latest", "a text"}), 0);
  ASSERT_EQ(Run({"snapshot", "notes", "host/a/latest"}), 0);
  EXPECT_EQ(out(), "a text\n");
  ASSERT_EQ(Run({"snapshot", "notes", "host/a/latest", ""}), 0);
  ASSERT_EQ(Run({"snapshot", "notes", "host/a/latest"}), 0);
  EXPECT_EQ(out(), "\n");
  ASSERT_EQ(Run({"snapshot", "protect", "host/a/latest"}), 0);
  ASSERT_EQ(
      Run({"snapshot", "show", "host/a/latest", "--output-format", "json"}), 0);
  EXPECT_EQ(json()["protected"], true);
  ASSERT_EQ(Run({"snapshot", "unprotect", "host/a/latest"}), 0);
}

TEST_F(ProgramTest, ForgetsAndUndeletes) {
  const std::string group = "datastores/default/groups/host/a/snapshots/";
  const std::string old = group + "2026-01-01T00:00:00Z";
  const std::string kept = group + "2026-01-02T00:00:00Z";
  const std::string newest = group + "2026-01-03T00:00:00Z";
  for (const std::string& name : {old, kept, newest}) {
    server_.AddSnapshot(name, {{"a.img", {.content = "x"}}});
  }
  ASSERT_EQ(Run({"snapshot", "protect", kept}), 0);

  ASSERT_EQ(Run({"forget", old, "host/a/2026-01-03T00:00:00Z", old, "--dry-run",
                 "--output-format", "json"}),
            0)
      << err();
  EXPECT_EQ(json()["forgotten"], Json({old, newest}));
  EXPECT_EQ(json()["trash_until"], nullptr);
  ASSERT_EQ(Run({"snapshot", "list"}), 0);
  EXPECT_THAT(out(), HasSubstr("2026-01-01T")) << "a dry run does nothing";

  EXPECT_EQ(Run({"forget", old, kept}), 14);
  EXPECT_THAT(err(), AllOf(HasSubstr("protected"), HasSubstr("unprotect")));
  ASSERT_EQ(Run({"snapshot", "list", "--trash"}), 0);
  EXPECT_THAT(out(), HasSubstr("no snapshots in trash of datastores/default"));

  ASSERT_EQ(Run({"forget", "--group", "host/a", "--all", "--trash-time", "2d"}),
            0)
      << err();
  EXPECT_EQ(out(),
            "forgot 2 snapshots; `cairn undelete` takes back until "
            "2027-01-17T08:00:00Z\nprotected, so kept: 1 snapshot\n");
  ASSERT_EQ(Run({"snapshot", "list"}), 0);
  EXPECT_THAT(out(),
              AllOf(HasSubstr("2026-01-02T"), Not(HasSubstr("2026-01-01T"))));
  ASSERT_EQ(Run({"snapshot", "list", "host/a", "--trash"}), 0);
  EXPECT_THAT(out(), AllOf(HasSubstr("UNDOABLE UNTIL"),
                           HasSubstr("2027-01-17T08:00:00Z"),
                           Not(HasSubstr("2026-01-02T"))));
  ASSERT_EQ(Run({"snapshot", "show", old}), 0);
  EXPECT_THAT(out(), HasSubstr("undoable until 2027-01-17T08:00:00Z"));
  ASSERT_EQ(Run({"forget", old, "--output-format", "json"}), 0);
  EXPECT_EQ(json()["in_trash_already"], Json({old}));

  ASSERT_EQ(Run({"undelete", old, kept, "--output-format", "json"}), 0)
      << err();
  EXPECT_EQ(json()["undeleted"], Json({old}));
  EXPECT_EQ(json()["listed_already"], Json({kept}));
  EXPECT_EQ(Run({"undelete", "host/a/latest"}), 2);
  EXPECT_EQ(Run({"undelete", "host/a/2026-02-01T00:00:00Z"}), 10);
  ASSERT_EQ(Run({"undelete", "--all"}), 0);
  EXPECT_EQ(out(), "undeleted 1 snapshot\n");
  ASSERT_EQ(Run({"snapshot", "list"}), 0);
  EXPECT_THAT(out(), HasSubstr("2026-01-03T"));
}

TEST_F(ProgramTest, ForgettingAllIsSaidAndDoneInBatches) {
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{
           {"forget"},
           {"forget", "--group", "host/a"},
           {"forget", "host/a/latest", "--all"},
           {"forget", "host/a/latest", "--trash-time", "soon"},
           {"forget", "host/a/latest", "--trash-time", "-1h"},
           {"forget", "host/a/latest", "--trash-time", "1m"},
           {"forget", "host/a/latest", "--trash-time", "500ms"},
           {"forget", "host/a/latest", "--trash-time", "1.5h"},
           {"forget", "host/a/latest", "--trash-time", "3651d"},
           {"undelete"}}) {
    EXPECT_EQ(Run(arguments), 2) << out();
  }
  for (int i = 0; i < 1001; ++i) {
    server_.AddSnapshot("datastores/default/groups/host/" + std::to_string(i) +
                            "/snapshots/2026-01-01T00:00:00Z",
                        {{"a.img", {.content = "x"}}});
  }
  ASSERT_EQ(Run({"forget", "--all"}), 0) << err();
  EXPECT_THAT(out(), StartsWith("forgot 1001 snapshots; "));
  EXPECT_EQ(err(), "forgot 1000 of 1001\n");
  ASSERT_EQ(Run({"undelete", "--all", "--quiet"}), 0) << err();
  EXPECT_EQ(out(), "undeleted 1001 snapshots\n");
  EXPECT_EQ(err(), "");
}

TEST_F(ProgramTest, AnInterruptedForgetTellsHowFarItIs) {
  for (int i = 0; i < 1001; ++i) {
    server_.AddSnapshot("datastores/default/groups/host/" + std::to_string(i) +
                            "/snapshots/2026-01-01T00:00:00Z",
                        {{"a.img", {.content = "x"}}});
  }
  RaisingBuffer buffer(&interrupt_, "1000 of 1001");
  err_.std::ostream::rdbuf(&buffer);
  EXPECT_EQ(Run({"forget", "--all", "--output-format", "json"}), 130);
  EXPECT_EQ(json()["error"]["reason"], "CHANGE_UNKNOWN");
  EXPECT_THAT(buffer.str(),
              AllOf(HasSubstr("interrupted: forgot 1000 of 1001"),
                    HasSubstr("--trash"), Not(HasSubstr("backup"))));
}

TEST_F(ProgramTest, NamespacesAndDatastores) {
  ASSERT_EQ(Run({"namespace", "create", "a/b", "--comment", "c"}), 0) << err();
  ASSERT_EQ(Run({"namespace", "list"}), 0);
  EXPECT_THAT(out(), HasSubstr("a/b"));
  ASSERT_EQ(Run({"--namespace", "a", "namespace", "delete", "b"}), 0) << err();
  ASSERT_EQ(Run({"namespace", "list"}), 0);
  EXPECT_THAT(out(), HasSubstr("no namespaces"));
  ASSERT_EQ(Run({"namespace", "delete", "a/b"}), 10);
  ASSERT_EQ(Run({"datastore", "create", "second"}), 0);
  ASSERT_EQ(Run({"datastore", "create", "second"}), 14);
  ASSERT_EQ(Run({"datastore", "list"}), 0);
  EXPECT_THAT(out(), AllOf(HasSubstr("default"), HasSubstr("second")));
  ASSERT_EQ(Run({"datastore", "create", "x"}), 2);
}

TEST_F(ProgramTest, LeasesAreSafeForTheTerminal) {
  ASSERT_EQ(Run({"lease", "list"}), 0);
  EXPECT_THAT(out(), AllOf(HasSubstr("backup"), HasSubstr("host ?[31mweb1"),
                           HasSubstr("1 min 5 s"), Not(HasSubstr("\033"))));
}

TEST_F(ProgramTest, ErrorsSayWhatAndWhatNext) {
  variables_["CAIRN_SERVER"] = "unix:/nowhere/nobody";
  EXPECT_EQ(Run({"status"}), 75);
  EXPECT_THAT(err(),
              AllOf(StartsWith("cairn: server unix:"),
                    HasSubstr("/nowhere/nobody"), HasSubstr("\nnext: ")));
  EXPECT_EQ(out(), "");
}

TEST_F(ProgramTest, UsageErrorsAreTwo) {
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{
           {},
           {"bogus"},
           {"backup"},
           {"backup", "host/a"},
           {"backup", "host", "a.raw:/x"},
           {"backup", "host/a", "a.exe:/x"},
           {"backup", "host/a", "a.raw:/x", "--backup-time", "now"},
           {"backup", "host/a", "a.raw:/x", "--retry-for", "soon"},
           {"backup", "host/a", "a.raw:/x", "--zstd-level", "0"},
           {"backup", "host/a", "a.raw:/x", "--zstd-level", "20"},
           {"backup", "host/a", "a.raw:/x", "--rate", "fast"},
           {"backup", "host/a", "a.raw:/x", "--rate", "-1"},
           {"backup", "host/a", "a.raw:/x", "--rate", "50MB/s"},
           {"backup", "host/a", "a.raw:/x", "--rate", "100"},
           {"restore", "host/a/latest", "a.raw", "/x", "--rate", ""},
           {"snapshot"},
           {"snapshot", "show", "host/a"},
           {"restore", "host/a/latest", "a.raw"},
           {"benchmark", "--size", "some"},
           {"benchmark", "--restore", "host/a/latest"},
           {"status", "--output-format", "xml"},
           {"status", "--namespace", "../x", "extra"},
           {"health", "--timeout", "0"},
           {"health", "--timeout", "soon"},
           {"completion", "tcsh"}}) {
    EXPECT_EQ(Run(arguments), 2) << err();
    EXPECT_THAT(err(), AllOf(StartsWith("cairn: "), HasSubstr("\nnext: ")));
  }
}

TEST_F(ProgramTest, ARateIsKeptByBothWaysInAndOut) {
  // Bytes that no compression makes fewer; 512 KiB take half a second.
  std::string content(512 << 10, 0);
  for (char& byte : content) byte = static_cast<char>(random_());
  const std::string source = "a.raw:" + File("source", content);
  for (const std::string way : {"chunks", "stream"}) {
    ASSERT_EQ(Run({"backup", "host/" + way, source, "--rate=1MiB", "--way", way,
                   "--output-format", "json"}),
              0)
        << err();
    EXPECT_GE(json()["duration_seconds"].get<double>(), 0.39) << way;
    ASSERT_EQ(Run({"restore", "host/" + way + "/latest", "a.raw",
                   dir_.Join("back"), "--overwrite", "--rate=1MiB", "--way",
                   way, "--output-format", "json"}),
              0)
        << err();
    EXPECT_GE(json()["duration_seconds"].get<double>(), 0.39) << way;
    EXPECT_EQ(std::filesystem::file_size(dir_.Join("back")), content.size());
  }
}

TEST_F(ProgramTest, ARateComesFromWhereOtherSettingsDo) {
  const std::string source = "a.raw:" + File("source", "x");
  variables_["CAIRN_RATE"] = "fast";
  EXPECT_EQ(Run({"backup", "host/a", source}), 2);
  EXPECT_THAT(err(), AllOf(HasSubstr("CAIRN_RATE"), HasSubstr("fast"),
                           HasSubstr("50MiB")));
  // What moves no contents does not mind, and the flag goes first.
  EXPECT_EQ(Run({"snapshot", "list"}), 0) << err();
  EXPECT_EQ(Run({"backup", "host/a", source, "--rate=0"}), 0) << err();
  variables_.erase("CAIRN_RATE");
  variables_["CAIRN_PROFILE_FILE"] =
      File("profile.yaml", "default: {rate: slow}");
  EXPECT_EQ(Run({"restore", "host/a/latest", "a.raw", dir_.Join("back")}), 2);
  EXPECT_THAT(err(), HasSubstr("slow"));
}

TEST_F(ProgramTest, ABenchmarkPublishesNothing) {
  ASSERT_EQ(
      Run({"benchmark", "--size=1MiB", "--runs=2", "--output-format", "json"}),
      0)
      << err();
  const Json stages = json()["server"]["stages"];
  ASSERT_EQ(stages.size(), 2u);
  EXPECT_EQ(stages[0]["name"], "upload-chunks");
  EXPECT_EQ(stages[1]["name"], "upload-stream");
  EXPECT_EQ(stages[1]["run_seconds"].size(), 2u);
  EXPECT_EQ(server_.NewestSessionState(), model::v1::SESSION_STATE_ABORTED);
  // Nor does one that a server does not bear, and no number has a retry in it.
  server_.SetFaults({.write_cuts = 1, .max_cut_bytes = 1000});
  EXPECT_EQ(Run({"benchmark", "--size=1MiB", "--runs=2"}), 75) << err();
  EXPECT_EQ(server_.NewestSessionState(), model::v1::SESSION_STATE_ABORTED);
  EXPECT_THAT(out(), AllOf(HasSubstr("sha256"), Not(HasSubstr("upload"))));
  // A server that takes no chunks is measured by what it takes.
  server_.SetFaults({});
  server_.ForgetChunks();
  ASSERT_EQ(Run({"benchmark", "--size=1MiB", "--runs=1"}), 0) << err();
  EXPECT_THAT(out(), AllOf(HasSubstr("upload-stream"),
                           Not(HasSubstr("upload-chunks"))));
}

TEST_F(ProgramTest, ABenchmarkReadsWhatIsThere) {
  const std::string name =
      "datastores/default/groups/vm/1/snapshots/2026-01-01T00:00:00Z";
  server_.AddSnapshot(name, {{"a.img", {.content = std::string(5000, 'x')}},
                             {"empty.img", {}}});
  ASSERT_EQ(Run({"benchmark", "--size=1MiB", "--runs=1", "--restore",
                 "vm/1/latest", "a.img", "--output-format", "json"}),
            0)
      << err();
  const Json stages = json()["server"]["stages"];
  ASSERT_EQ(stages.size(), 4u);
  EXPECT_EQ(stages[2]["name"], "restore-chunks");
  EXPECT_EQ(stages[2]["bytes"], 5000);
  EXPECT_EQ(stages[3]["name"], "restore-stream");
  EXPECT_EQ(stages[3]["bytes"], 5000);
  EXPECT_EQ(Run({"benchmark", "--size=1MiB", "--runs=1", "--restore",
                 "vm/1/latest", "empty.img"}),
            14);
}

TEST_F(ProgramTest, AMissingSourceIsSeventyFour) {
  EXPECT_EQ(Run({"backup", "host/a", "a.raw:" + dir_.Join("none")}), 74);
  EXPECT_THAT(err(), HasSubstr(dir_.Join("none")));
}

TEST_F(ProgramTest, BusyIsEleven) {
  server_.SetFaults(
      {.open_error = WithReason(absl::FailedPreconditionError("group is held"),
                                reason::kLeaseHeld)});
  EXPECT_EQ(Run({"backup", "host/a", "a.raw:" + File("f", "x")}), 11);
  EXPECT_THAT(err(), HasSubstr("cairn lease list"));
}

TEST_F(ProgramTest, DamageIsThirteen) {
  server_.AddSnapshot(
      "datastores/default/groups/host/a/snapshots/2026-01-01T00:00:00Z",
      {{"a.raw", {.content = "x"}}});
  server_.SetFaults({.read_error = WithReason(absl::DataLossError("chunk 1"),
                                              reason::kRecordDamaged)});
  EXPECT_EQ(Run({"restore", "host/a/latest", "a.raw", dir_.Join("back")}), 13);
}

TEST_F(ProgramTest, AnErrorIsNeverAmongRestoredData) {
  server_.AddSnapshot(
      "datastores/default/groups/host/a/snapshots/2026-01-01T00:00:00Z",
      {{"a.raw", {.content = "x"}}});
  server_.SetFaults({.read_error = WithReason(absl::DataLossError("chunk 1"),
                                              reason::kRecordDamaged)});
  ASSERT_EQ(Run({"--output-format", "json", "restore", "host/a/latest", "a.raw",
                 "-"}),
            13);
  EXPECT_EQ(out(), "");
  const std::string text = err();
  ASSERT_THAT(text, HasSubstr("{"));
  EXPECT_EQ(Json::parse(text.substr(text.find('{')))["error"]["exit_code"], 13);
}

TEST_F(ProgramTest, AnInterruptedFinishIsNotCalledNoSnapshot) {
  // Its first retry is that of the finish.
  RaisingBuffer buffer(&interrupt_, "trying again");
  err_.std::ostream::rdbuf(&buffer);
  server_.SetFaults({.lost_answers = 1'000'000});
  EXPECT_EQ(Run({"backup", "host/a", "a.raw:" + File("f", "x")}), 130);
  EXPECT_THAT(buffer.str(),
              AllOf(HasSubstr("is not known"), HasSubstr("cairn snapshot list"),
                    Not(HasSubstr("leaves no snapshot"))));
}

TEST_F(ProgramTest, ProblemsOfASourceAreThree) {
  // A name whose content root cannot read either: a directory that is too
  // deep is left out and told.
  std::filesystem::path deep = dir_.Join("tree");
  std::filesystem::create_directory(deep);
  const int here = open(".", O_RDONLY | O_DIRECTORY);
  ASSERT_EQ(chdir(deep.c_str()), 0);
  for (int i = 0; i < 520; ++i) {
    ASSERT_EQ(mkdir("d", 0755), 0);
    ASSERT_EQ(chdir("d"), 0);
  }
  ASSERT_EQ(fchdir(here), 0);
  close(here);
  EXPECT_EQ(Run({"backup", "host/a", "a.tar:" + deep.string()}), 3);
  EXPECT_THAT(err(), HasSubstr("problem: "));
}

TEST_F(ProgramTest, HelpTeaches) {
  ASSERT_EQ(Run({"--help"}), 0);
  EXPECT_THAT(out(), AllOf(HasSubstr("Exit codes:"), HasSubstr("  130  "),
                           HasSubstr("CAIRN_SERVER")));
  for (const std::vector<std::string>& command :
       std::vector<std::vector<std::string>>{{"backup"},
                                             {"restore"},
                                             {"snapshot"},
                                             {"snapshot", "list"},
                                             {"snapshot", "show"},
                                             {"snapshot", "notes"},
                                             {"snapshot", "protect"},
                                             {"snapshot", "unprotect"},
                                             {"forget"},
                                             {"undelete"},
                                             {"group"},
                                             {"group", "list"},
                                             {"namespace"},
                                             {"namespace", "create"},
                                             {"namespace", "list"},
                                             {"namespace", "delete"},
                                             {"datastore"},
                                             {"datastore", "create"},
                                             {"datastore", "list"},
                                             {"lease"},
                                             {"lease", "list"},
                                             {"prune"},
                                             {"prune", "simulate"},
                                             {"status"},
                                             {"health"},
                                             {"benchmark"},
                                             {"version"},
                                             {"completion"}}) {
    std::vector<std::string> arguments = command;
    arguments.push_back("--help");
    ASSERT_EQ(Run(arguments), 0);
    EXPECT_THAT(out(),
                AllOf(HasSubstr("Example:"), HasSubstr("cairn " + command[0])));
  }
}

TEST_F(ProgramTest, WaysOfBytesAreToldAndChecked) {
  const std::string source = File("source", std::string(3 << 20, 'x'));
  for (const std::string way : {"best", "chunks", "stream"}) {
    ASSERT_EQ(Run({"backup", "vm/" + way, "a.img:" + source, "--way", way,
                   "--output-format", "json"}),
              0)
        << err();
    const Json archive = json()["archives"][0];
    EXPECT_EQ(archive["read_bytes"], 3 << 20);
    EXPECT_EQ(archive["sent_bytes"] > (3 << 20), way == "stream");
    EXPECT_EQ(json()["resumed"], false);
    ASSERT_EQ(Run({"restore", "vm/" + way + "/latest", "a.img",
                   dir_.Join("back"), "--overwrite", "--way", way}),
              0)
        << err();
    EXPECT_EQ(std::filesystem::file_size(dir_.Join("back")), 3u << 20);
  }
  ASSERT_EQ(Run({"backup", "vm/1", "a.img:" + source, "--way", "pigeon"}), 2);
  server_.ForgetChunks();
  ASSERT_EQ(Run({"restore", "vm/best/latest", "a.img", dir_.Join("back"),
                 "--overwrite"}),
            0);
  ASSERT_EQ(Run({"restore", "vm/best/latest", "a.img", dir_.Join("back"),
                 "--overwrite", "--way", "chunks"}),
            14);
}

TEST_F(ProgramTest, CompletionScriptsLoadAndComplete) {
  ASSERT_EQ(Run({"completion", "bash"}), 0);
  const std::string bash = File("completion.bash", out());
  const std::string complete =
      "bash --norc -c 'source " + bash +
      "; COMP_WORDS=(cairn snapshot \"\"); COMP_CWORD=2; _cairn;"
      " [[ \"${COMPREPLY[*]}\" == *unprotect* ]] || exit 1;"
      " COMP_WORDS=(cairn benchmark --rest); COMP_CWORD=2; _cairn;"
      " [[ \"${COMPREPLY[*]}\" == --restore ]] || exit 4;"
      " COMP_WORDS=(cairn backup --ret); COMP_CWORD=2; _cairn;"
      " [[ \"${COMPREPLY[*]}\" == --retry-for ]] || exit 2;"
      " COMP_WORDS=(cairn prune simulate --keep-w); COMP_CWORD=3; _cairn;"
      " [[ \"${COMPREPLY[*]}\" == \"--keep-weekly --keep-within\" ]] ||"
      " exit 5;"
      " COMP_WORDS=(cairn st); COMP_CWORD=1; _cairn;"
      " [[ \"${COMPREPLY[*]}\" == status ]] || exit 3;"
      " COMP_WORDS=(cairn forget --trash); COMP_CWORD=2; _cairn;"
      " [[ \"${COMPREPLY[*]}\" == --trash-time ]] || exit 5'";
  EXPECT_EQ(std::system(complete.c_str()), 0);
  ASSERT_EQ(Run({"completion", "zsh"}), 0);
  EXPECT_THAT(out(), StartsWith("#compdef cairn\n"));
  const std::string zsh = File("_cairn", out());
  if (std::system("command -v zsh >/dev/null 2>&1") == 0) {
    EXPECT_EQ(std::system(("zsh -n " + zsh).c_str()), 0);
    EXPECT_EQ(std::system(("zsh -f -c 'source " + zsh +
                           "; whence -w _cairn | grep -q function'")
                              .c_str()),
              0);
  }
}

TEST_F(ProgramTest, RestoresATreeThatWasBackedUp) {
  std::filesystem::create_directories(dir_.Join("tree/sub"));
  File("tree/sub/file", "content");
  ASSERT_EQ(Run({"backup", "host/a", "t.tar:" + dir_.Join("tree")}), 0)
      << err();
  server_.SetFaults({.read_cuts = 1, .max_cut_bytes = 1});
  ASSERT_EQ(Run({"restore", "host/a/latest", "t.tar", dir_.Join("back")}), 0)
      << err();
  EXPECT_TRUE(std::filesystem::exists(dir_.Join("back/sub/file")));
  EXPECT_THAT(err(), HasSubstr("trying again in"));
  ASSERT_EQ(Run({"restore", "host/a/latest", "t.tar", dir_.Join("back")}), 14);
  ASSERT_EQ(Run({"restore", "host/a/latest", "t.tar", dir_.Join("as.tar")}), 0);
  EXPECT_TRUE(std::filesystem::is_regular_file(dir_.Join("as.tar")));
}

TEST_F(ProgramTest, VersionNeedsNoServer) {
  variables_.clear();
  ASSERT_EQ(Run({"version"}), 0);
  EXPECT_THAT(out(), StartsWith("cairn "));
}

}  // namespace
}  // namespace cairn::client
