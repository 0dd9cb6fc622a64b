#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "client/testing/grpc_fake_ingest.h"
#include "client/testing/grpc_fake_maintenance.h"
#include "client/testing/program_console.h"
#include "common/status/reason.h"
#include "common/testing/seed.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cairn::client {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

using namespace maintenance::v1;  // NOLINT: as much as client's

// prune, gc, verify, task and job, against a server in this process.
class MaintenanceTest : public ProgramConsole {
 protected:
  using Script = FakeMaintenance::Script;

  MaintenanceTest() { variables_["CAIRN_SERVER"] = server_.address(); }

  int RunJson(std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--output-format", "json"});
    return Run(arguments);
  }

  // A run, with this end, of gc that is waited for.
  int RunToEnd(TaskState end, const absl::Status& status) {
    server_.SetScript({.end = end, .status = status});
    return RunJson({"gc", "--wait"});
  }

  FakeMaintenance server_;
};

TEST_F(MaintenanceTest, StartsAndTellsHowToFollow) {
  ASSERT_EQ(Run({"gc"}), 0) << err();
  EXPECT_THAT(out(), AllOf(StartsWith("gc datastores/default/tasks/"),
                           HasSubstr(" running\n"),
                           HasSubstr("cairn task watch datastores/default/")));
  ASSERT_EQ(server_.tasks().size(), 1u);
  EXPECT_EQ(server_.tasks()[0].state(), TASK_STATE_RUNNING);
  EXPECT_EQ(server_.tasks()[0].request_id().size(), 36u);
  EXPECT_EQ(server_.watches(), 0);
  // Another of its kind is refused, one of another is not.
  ASSERT_EQ(RunJson({"gc"}), 11);
  EXPECT_EQ(json()["error"]["reason"], "TASK_RUNNING");
  ASSERT_EQ(RunJson({"verify"}), 0);
  EXPECT_EQ(json()["task"]["kind"], "verify");
  EXPECT_EQ(json()["attached"], false);
}

TEST_F(MaintenanceTest, OptionsOfGcReachTheServer) {
  ASSERT_EQ(Run({"gc", "--datastore", "other", "--live-percent=100",
                 "--copy-rate=50MiB", "--max-copy=2GiB", "--max-time=1h30min",
                 "--confirm-clock", "--allow-empty", "--request-id=x"}),
            0)
      << err();
  const GcOptions options = server_.tasks()[0].options().gc();
  EXPECT_EQ(options.datastore(), "datastores/other");
  EXPECT_EQ(options.live_percent(), 100u);
  EXPECT_EQ(options.copy_bytes_per_second(), 50u << 20);
  EXPECT_EQ(options.max_copy_bytes(), uint64_t{2} << 30);
  EXPECT_EQ(options.max_time().seconds(), 5400);
  EXPECT_TRUE(options.confirm_clock());
  EXPECT_TRUE(options.allow_empty());
  EXPECT_FALSE(options.validate_only());
  EXPECT_EQ(server_.tasks()[0].request_id(), "x");
}

TEST_F(MaintenanceTest, OptionsOfPruneReachTheServer) {
  ASSERT_EQ(Run({"prune",
                 "--namespace",
                 "servers",
                 "--recursive",
                 "--keep-last=1",
                 "--keep-hourly=2",
                 "--keep-daily=3",
                 "--keep-weekly=4",
                 "--keep-monthly=5",
                 "--keep-yearly=6",
                 "--keep-within=1y2m",
                 "--timezone=Europe/Vienna",
                 "--include=type:vm",
                 "--include=regex:^host/",
                 "--exclude=group:vm/7",
                 "--trash-time=0",
                 "--allow-last-good",
                 "--confirm-clock",
                 "--allow-share",
                 "--max-share=75",
                 "--plan=abc"}),
            0)
      << err();
  const PruneOptions options = server_.tasks()[0].options().prune();
  EXPECT_EQ(options.scope(), "datastores/default/namespaces/servers");
  EXPECT_EQ(options.max_depth(), 7u);
  EXPECT_EQ(options.keep().keep_last(), 1u);
  EXPECT_EQ(options.keep().keep_hourly(), 2u);
  EXPECT_EQ(options.keep().keep_daily(), 3u);
  EXPECT_EQ(options.keep().keep_weekly(), 4u);
  EXPECT_EQ(options.keep().keep_monthly(), 5u);
  EXPECT_EQ(options.keep().keep_yearly(), 6u);
  EXPECT_EQ(options.keep().keep_within(), "1y2m");
  EXPECT_EQ(options.keep().time_zone(), "Europe/Vienna");
  EXPECT_THAT(options.include(), ElementsAre("type:vm", "regex:^host/"));
  EXPECT_THAT(options.exclude(), ElementsAre("group:vm/7"));
  // Said to be 0, which is not the default.
  EXPECT_TRUE(options.has_trash_time());
  EXPECT_EQ(options.trash_time().seconds(), 0);
  EXPECT_TRUE(options.allow_last_good());
  EXPECT_TRUE(options.confirm_clock());
  EXPECT_TRUE(options.allow_share());
  EXPECT_EQ(options.max_share_percent(), 75u);
  EXPECT_EQ(options.plan_hash(), "abc");
}

TEST_F(MaintenanceTest, PruneOfAGroupOrANamespaceAlone) {
  ASSERT_EQ(Run({"prune", "--group", "vm/100", "--keep-last=1", "--wait"}), 0)
      << err();
  ASSERT_EQ(Run({"prune", "--keep-last=1", "--wait"}), 0) << err();
  ASSERT_EQ(Run({"prune", "--keep-last=1", "--max-depth=2", "--wait"}), 0);
  const std::vector<Task> tasks = server_.tasks();
  EXPECT_EQ(tasks[0].options().prune().scope(),
            "datastores/default/groups/vm/100");
  EXPECT_FALSE(tasks[0].options().prune().has_trash_time());
  EXPECT_EQ(tasks[1].options().prune().scope(), "datastores/default");
  EXPECT_EQ(tasks[1].options().prune().max_depth(), 0u);
  EXPECT_EQ(tasks[2].options().prune().max_depth(), 2u);
}

TEST_F(MaintenanceTest, OptionsOfVerifyReachTheServer) {
  ASSERT_EQ(Run({"verify", "--light", "--outdated-after=30d", "--max-time=4h",
                 "--max-bytes=500GiB", "--max-share=3.4", "--read-rate=1MiB",
                 "--wait"}),
            0)
      << err();
  ASSERT_EQ(Run({"verify", "vm/1/2026-01-02T03:04:05Z", "--wait"}), 0) << err();
  ASSERT_EQ(Run({"verify", "--namespace", "a/b", "--max-depth=0", "--wait"}),
            0);
  const std::vector<Task> tasks = server_.tasks();
  const VerifyOptions options = tasks[0].options().verify();
  EXPECT_EQ(options.scope(), "datastores/default");
  EXPECT_EQ(options.max_depth(), 7u);
  EXPECT_TRUE(options.light());
  EXPECT_EQ(options.outdated_after().seconds(), 30 * 86400);
  EXPECT_EQ(options.max_time().seconds(), 4 * 3600);
  EXPECT_EQ(options.max_bytes(), uint64_t{500} << 30);
  EXPECT_EQ(options.max_share_permille(), 34u);
  EXPECT_EQ(options.read_bytes_per_second(), 1u << 20);
  EXPECT_EQ(tasks[1].options().verify().scope(),
            "datastores/default/groups/vm/1/snapshots/2026-01-02T03:04:05Z");
  EXPECT_EQ(tasks[1].options().verify().max_depth(), 0u);
  EXPECT_EQ(tasks[2].options().verify().scope(),
            "datastores/default/namespaces/a/namespaces/b");
  EXPECT_EQ(tasks[2].options().verify().max_depth(), 0u);
}

TEST_F(MaintenanceTest, WhatMakesNoSenseIsWrongUsage) {
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{
           {"prune", "--keep-last", "many"},
           {"prune", "--keep-last=1", "--keep-within="},
           {"prune", "--keep-within=soon"},
           {"prune", "--keep-last=1", "--timezone="},
           {"prune", "simulate", "--group", "vm/1"},
           {"prune", "--keep-last=1", "simulate"},
           {"prune", "--group", "web1"},
           {"prune", "--group", "vm/1", "--recursive"},
           {"prune", "--max-depth", "8"},
           {"prune", "--trash-time", "1m"},
           {"prune", "--max-share", "101"},
           {"prune", "--job", "nightly", "--keep-last=1"},
           {"prune", "--retry-for", "soon"},
           {"gc", "--live-percent", "0"},
           {"gc", "--copy-rate", "fast"},
           {"gc", "--max-copy", "much"},
           {"gc", "--job", "weekly", "--max-time=1h"},
           {"verify", "vm/1"},
           {"verify", "vm/1/latest", "--group", "vm/1"},
           {"verify", "vm/1/latest", "--job", "nightly"},
           {"verify", "--max-share", "0"},
           {"verify", "--dry-run"},
           {"task"},
           {"task", "show", "abc"},
           {"task", "show", "xyzw"},
           {"task", "show", "datastores/default/jobs/nightly"},
           {"task", "list", "--kind", "sync"},
           {"task", "list", "--state", "odd"},
           {"job", "set", "nightly"},
           {"job", "set", "nightly", "sync"},
           {"job", "set", "a b", "gc"},
           {"job", "show", "datastores/default/tasks/x"},
           {"job", "run"}}) {
    EXPECT_EQ(Run(arguments), 2) << arguments.back() << err();
    EXPECT_THAT(err(), AllOf(StartsWith("cairn: "), HasSubstr("\nnext: ")));
  }
  EXPECT_TRUE(server_.tasks().empty());
}

TEST_F(MaintenanceTest, WaitsForTheEndAndTellsOnceWhatHappened) {
  Script script;
  auto* const gc = script.result.mutable_gc();
  gc->set_freed_bytes(3 << 20);
  gc->set_removed_packs(2);
  auto* later = gc->add_later();
  later->set_reason(GcResult::Later::TRASH);
  later->set_bytes(1 << 20);
  later->mutable_until()->set_seconds(1'767'225'600);
  later = gc->add_later();
  later->set_reason(GcResult::Later::SESSION);
  later->set_bytes(5 << 20);
  later->set_holder("datastores/default/sessions/1234\033[31m");
  server_.SetScript(script);
  // The watch breaks twice, and the start is answered by nobody at first.
  server_.SetFaults({.unavailable_calls = 1, .watch_cuts = 2});
  ASSERT_EQ(Run({"gc", "--wait"}), 0) << err();
  EXPECT_GE(server_.watches(), 3);
  EXPECT_THAT(
      out(), AllOf(HasSubstr(" succeeded\n"), HasSubstr("now    3.0 MiB"),
                   HasSubstr("2 packs removed"),
                   HasSubstr("in trash until 2026-01-01T00:00:00Z"),
                   HasSubstr("an open backup may need it: datastores/default/"),
                   Not(HasSubstr("\033"))));
  for (const char* line : {" began\n", " went on\n", " ended\n"}) {
    const std::string text = err();
    EXPECT_THAT(text, HasSubstr(line));
    EXPECT_EQ(text.find(line), text.rfind(line)) << text;
  }
  EXPECT_THAT(err(), HasSubstr("trying again in"));
}

TEST_F(MaintenanceTest, AStartWhoseAnswerIsLostIsNoSecondTask) {
  server_.SetFaults({.lost_starts = 1});
  ASSERT_EQ(RunJson({"gc", "--wait"}), 0) << err();
  EXPECT_EQ(server_.tasks().size(), 1u);
  EXPECT_EQ(json()["attached"], true);
  EXPECT_EQ(json()["task"]["state"], "succeeded");
}

TEST_F(MaintenanceTest, TheSameRequestIsTheSameTask) {
  Script script;
  script.result.mutable_gc()->set_freed_bytes(4711);
  server_.SetScript(script);
  const std::vector<std::string> command = {"gc", "--wait", "--request-id=r1"};
  ASSERT_EQ(RunJson(command), 0) << err();
  const Json first = json();
  ASSERT_EQ(RunJson(command), 0) << err();
  EXPECT_EQ(first["attached"], false);
  EXPECT_EQ(json()["attached"], true);
  EXPECT_EQ(json()["task"], first["task"]);
  EXPECT_EQ(first["task"]["result"]["freed_bytes"], 4711);
  EXPECT_EQ(server_.tasks().size(), 1u);
  // One that has ended is reported, also if nobody wants to wait.
  ASSERT_EQ(RunJson({"gc", "--request-id=r1"}), 0);
  EXPECT_EQ(json()["task"]["result"]["freed_bytes"], 4711);
  ASSERT_EQ(Run({"gc", "--allow-empty", "--request-id=r1"}), 2);
  EXPECT_THAT(err(), HasSubstr("give another --request-id"));
}

TEST_F(MaintenanceTest, EachEndOfATaskHasItsExitCode) {
  EXPECT_EQ(RunToEnd(TASK_STATE_SUCCEEDED, absl::OkStatus()), 0);
  EXPECT_EQ(json()["error"], nullptr);
  EXPECT_EQ(RunToEnd(TASK_STATE_FAILED, absl::InternalError("boom")), 15);
  EXPECT_EQ(json()["task"]["state"], "failed");
  EXPECT_EQ(json()["task"]["status"]["message"], "boom");
  EXPECT_EQ(json()["error"]["reason"], "TASK_FAILED");
  EXPECT_EQ(json()["error"]["exit_code"], 15);
  EXPECT_THAT(err(), AllOf(HasSubstr("failed: boom"),
                           HasSubstr("next: `cairn task log`")));
  // The server behind it was away, not the one that was asked.
  EXPECT_EQ(RunToEnd(TASK_STATE_FAILED, absl::UnavailableError("index")), 15);
  EXPECT_EQ(RunToEnd(TASK_STATE_CANCELLED, absl::CancelledError("by ann")), 16);
  EXPECT_EQ(json()["task"]["state"], "cancelled");
  EXPECT_EQ(RunToEnd(TASK_STATE_INTERRUPTED, absl::AbortedError("restart")),
            17);
  EXPECT_THAT(err(), HasSubstr("run the command again"));
  const auto with = [](const char* reason) {
    return WithReason(absl::FailedPreconditionError("x"), reason);
  };
  EXPECT_EQ(RunToEnd(TASK_STATE_FAILED, with(reason::kPlanChanged)), 14);
  EXPECT_EQ(json()["error"]["reason"], "PLAN_CHANGED");
  EXPECT_EQ(json()["task"]["state"], "failed");
  EXPECT_EQ(RunToEnd(TASK_STATE_FAILED, with(reason::kClockJumped)), 14);
  EXPECT_THAT(err(), HasSubstr("--confirm-clock"));
  EXPECT_EQ(RunToEnd(TASK_STATE_FAILED, with(reason::kLeaseHeld)), 11);
  EXPECT_EQ(RunToEnd(TASK_STATE_FAILED, with(reason::kDraining)), 15);
}

TEST_F(MaintenanceTest, ResultsThatArePartlyBadHaveExitCodes) {
  Script script;
  script.result.mutable_prune()->set_refused(1);
  server_.SetScript(script);
  EXPECT_EQ(RunJson({"prune", "--keep-last=1", "--wait"}), 14);
  EXPECT_EQ(json()["task"]["result"]["refused"], 1);
  script.result.mutable_prune()->set_failed(2);
  server_.SetScript(script);
  EXPECT_EQ(Run({"prune", "--keep-last=1", "--wait"}), 3);
  EXPECT_THAT(out(), HasSubstr("2 could not be forgotten"));
  script.result.mutable_gc()->set_missing_records(1);
  server_.SetScript(script);
  EXPECT_EQ(Run({"gc", "--wait"}), 13);
  EXPECT_THAT(out(), HasSubstr("cairn verify"));
}

TEST_F(MaintenanceTest, VerifyNamesWhatIsDamaged) {
  Script script;
  auto* const verify = script.result.mutable_verify();
  verify->set_snapshots(2);
  verify->set_verified_ok(1);
  verify->set_verified_failed(1);
  verify->set_damaged_records(1);
  auto* const damage = verify->add_damage();
  damage->set_snapshot(
      "datastores/default/groups/vm/1/snapshots/"
      "2026-01-02T03:04:05Z");
  damage->set_damaged_bytes(300);
  auto* const range = damage->add_ranges();
  range->set_archive("disk.img");
  range->set_offset(4096);
  range->set_length(256);
  server_.SetScript(script);
  ASSERT_EQ(Run({"verify", "--wait"}), 13) << err();
  EXPECT_THAT(out(), AllOf(HasSubstr("2 snapshots: 1 good, 1 damaged"),
                           HasSubstr("disk.img"), HasSubstr("4096"),
                           HasSubstr("the budget was over"),
                           HasSubstr("and more"), HasSubstr("44")));
  ASSERT_EQ(RunJson({"verify", "--wait"}), 13);
  EXPECT_EQ(json()["task"]["result"]["damage"][0]["ranges"][0]["length"], 256);
  ASSERT_EQ(Run({"verify", "--debt"}), 0) << err();
  EXPECT_THAT(out(), AllOf(HasSubstr("1w"), HasSubstr("50.0 %"),
                           HasSubstr("never"), HasSubstr("25.0 %")));
}

TEST_F(MaintenanceTest, ADryRunOfPruneIsAPlan) {
  std::vector<PlanPruneResponse> plan(3);
  const std::string group = "datastores/default/groups/";
  const auto add = [&](PlanPruneResponse& message, const std::string& name,
                       PruneAction action, const std::string& reason) {
    auto* const decision = message.add_decisions();
    decision->set_snapshot(group + name);
    decision->set_action(action);
    decision->set_reason(reason);
  };
  add(plan[0], "vm/1/snapshots/2020-11-28T00:00:00Z", PRUNE_ACTION_REMOVE,
      "no rule keeps it");
  add(plan[0], "vm/1/snapshots/2020-11-29T00:00:00Z", PRUNE_ACTION_KEEP,
      "weekly 2020-W48");
  add(plan[1], "vm/2/snapshots/2020-11-29T00:00:00Z", PRUNE_ACTION_KEEP_PARTIAL,
      "unfinished\nand more");
  plan[2].mutable_result()->set_groups(2);
  plan[2].mutable_result()->set_kept(2);
  plan[2].mutable_result()->set_forgotten(1);
  plan[2].mutable_result()->set_plan_hash("cafe");
  server_.SetPlan(plan);
  server_.SetFaults({.plan_cuts = 1});
  const std::vector<std::string> command = {"prune", "--keep-weekly=1",
                                            "--dry-run"};
  ASSERT_EQ(Run(command), 0) << err();
  EXPECT_EQ(out(),
            group +
                "vm/1\n"
                "  2020-11-28T00:00:00Z  remove        no rule keeps it\n"
                "  2020-11-29T00:00:00Z  keep          weekly 2020-W48\n" +
                group +
                "vm/2\n"
                "  2020-11-29T00:00:00Z  keep-partial  unfinished and "
                "more\n\n"
                "2 groups: 2 snapshots to be kept, 1 to be forgotten\n"
                "plan cafe\n");
  EXPECT_TRUE(server_.planned().validate_only());
  EXPECT_EQ(server_.planned().keep().keep_weekly(), 1u);
  EXPECT_TRUE(server_.tasks().empty());
  ASSERT_EQ(RunJson(command), 0);
  EXPECT_EQ(json()["plan_hash"], "cafe");
  EXPECT_EQ(json()["decisions"].size(), 3u);
  EXPECT_EQ(json()["decisions"][2]["action"], "keep-partial");
  plan[2].mutable_result()->set_refused(1);
  server_.SetPlan(plan);
  EXPECT_EQ(RunJson(command), 14);
  // A plan without an end is none.
  plan.pop_back();
  server_.SetPlan(plan);
  EXPECT_EQ(Run({"prune", "--keep-weekly=1", "--dry-run", "--retry-for=0"}),
            75);
  EXPECT_EQ(out(), "");
}

TEST_F(MaintenanceTest, ADryRunOfGcIsFollowed) {
  ASSERT_EQ(RunJson({"gc", "--dry-run"}), 0) << err();
  EXPECT_TRUE(server_.tasks()[0].options().gc().validate_only());
  EXPECT_EQ(json()["task"]["state"], "succeeded");
}

TEST_F(MaintenanceTest, AnInterruptEndsTheWaitingAlone) {
  server_.SetScript({.endless = true});
  RaisingBuffer buffer(&interrupt_, "went on");
  err_.std::ostream::rdbuf(&buffer);
  EXPECT_EQ(RunJson({"gc", "--wait"}), 130);
  EXPECT_EQ(json()["task"]["state"], "running");
  EXPECT_EQ(json()["error"]["reason"], "TASK_GOES_ON");
  EXPECT_THAT(buffer.str(),
              AllOf(HasSubstr("goes on"), HasSubstr("cairn task cancel")));
  EXPECT_EQ(server_.tasks()[0].state(), TASK_STATE_RUNNING);
}

TEST_F(MaintenanceTest, AnInterruptEndsTheFollowingOfALogAlone) {
  server_.SetScript({.endless = true});
  ASSERT_EQ(Run({"gc"}), 0);
  RaisingBuffer buffer(&interrupt_, "began");
  out_.std::ostream::rdbuf(&buffer);
  EXPECT_EQ(Run({"task", "log", server_.tasks()[0].name(), "--follow"}), 130);
  EXPECT_THAT(err(), AllOf(HasSubstr(server_.tasks()[0].name() + " goes on"),
                           HasSubstr("cairn task cancel")));
}

TEST_F(MaintenanceTest, ATaskIsFoundByItsBeginning) {
  ASSERT_EQ(Run({"gc", "--wait"}), 0);
  ASSERT_EQ(Run({"verify"}), 0);
  ASSERT_EQ(Run({"prune", "--keep-last=1"}), 0);
  const std::vector<Task> tasks = server_.tasks();
  const std::string uuid = tasks[1].name().substr(tasks[1].name().size() - 36);
  for (const std::string& text :
       {uuid, uuid.substr(0, 8), tasks[1].name(), std::string("ABCD0202")}) {
    ASSERT_EQ(RunJson({"task", "show", text}), 0) << err();
    EXPECT_EQ(json()["task"]["name"], tasks[1].name());
  }
  ASSERT_EQ(Run({"task", "show", "abcd"}), 2);
  EXPECT_THAT(err(), AllOf(HasSubstr("several tasks"), HasSubstr(uuid)));
  ASSERT_EQ(Run({"task", "show", "abcdef"}), 10);
  EXPECT_THAT(err(), HasSubstr("cairn task list"));
  ASSERT_EQ(Run({"task", "show", uuid.substr(0, 35) + "9"}), 10);
}

TEST_F(MaintenanceTest, TasksAreListedAndShown) {
  ASSERT_EQ(Run({"task", "list"}), 0);
  EXPECT_THAT(out(), HasSubstr("no such tasks"));
  for (int i = 0; i < 4; ++i) ASSERT_EQ(Run({"gc", "--wait"}), 0);
  ASSERT_EQ(Run({"verify"}), 0);
  ASSERT_EQ(RunJson({"task", "list"}), 0);
  ASSERT_EQ(json()["tasks"].size(), 5u);
  EXPECT_EQ(json()["tasks"][0]["kind"], "verify");
  ASSERT_EQ(RunJson({"task", "list", "--active"}), 0);
  EXPECT_EQ(json()["tasks"].size(), 1u);
  ASSERT_EQ(RunJson({"task", "list", "--kind=gc"}), 0);
  EXPECT_EQ(json()["tasks"].size(), 4u);
  ASSERT_EQ(
      Run({"task", "list", "--state=failed", "--job=nightly", "--since=1d"}),
      0);
  EXPECT_EQ(server_.listed().state(), TASK_STATE_FAILED);
  EXPECT_EQ(server_.listed().job(), "datastores/default/jobs/nightly");
  EXPECT_NEAR(static_cast<double>(server_.listed().not_before().seconds()),
              static_cast<double>(absl::ToUnixSeconds(clock_.Now()) - 86400),
              60);
  ASSERT_EQ(Run({"task", "show", "abcd0101"}), 0);
  EXPECT_THAT(out(), AllOf(HasSubstr("state      succeeded"),
                           HasSubstr("ended      2023-11-14T22:14:21Z, after "
                                     "1 min 0 s"),
                           HasSubstr("freed 3.0 MiB")));
}

TEST_F(MaintenanceTest, LogsAreWholeAndFollowed) {
  server_.SetScript({.lines = {"one", "two", "three", "four\n", "five"}});
  ASSERT_EQ(Run({"gc"}), 0);
  ASSERT_EQ(Run({"task", "log", "abcd0101"}), 0);
  EXPECT_EQ(out(), "");
  server_.SetFaults({.watch_cuts = 3});
  ASSERT_EQ(Run({"task", "log", "abcd0101", "--follow"}), 0) << err();
  const std::string followed = out();
  EXPECT_THAT(followed, AllOf(StartsWith("2023-11-14T22:13:20Z one\n"),
                              HasSubstr("Z four \n"), HasSubstr("Z five\n")));
  ASSERT_EQ(Run({"task", "log", "abcd0101"}), 0);
  EXPECT_EQ(out(), followed);
  ASSERT_EQ(RunJson({"task", "log", "abcd0101"}), 0);
  EXPECT_THAT(out(), StartsWith("{\"sequence\":1,"));
}

TEST_F(MaintenanceTest, TasksAreWatchedPausedAndCancelled) {
  server_.SetScript({.endless = true});
  ASSERT_EQ(Run({"gc"}), 0);
  ASSERT_EQ(RunJson({"task", "pause", "abcd0101"}), 0) << err();
  EXPECT_EQ(json()["task"]["state"], "paused");
  ASSERT_EQ(Run({"task", "resume", "abcd0101"}), 0);
  EXPECT_THAT(out(), HasSubstr(" is running\n"));
  ASSERT_EQ(Run({"task", "cancel", "abcd0101"}), 0);
  EXPECT_EQ(RunJson({"task", "watch", "abcd0101"}), 16);
  EXPECT_EQ(json()["task"]["state"], "cancelled");
  ASSERT_EQ(Run({"task", "cancel", "abcd0101"}), 14);
  EXPECT_THAT(err(), HasSubstr("cairn task show"));
}

TEST_F(MaintenanceTest, JobsAreSetUpAndRun) {
  ASSERT_EQ(RunJson({"job", "set", "nightly", "prune", "--recursive",
                     "--keep-daily=7", "--schedule", "mon..fri 02:30",
                     "--timezone", "Europe/Vienna", "--comment", "c"}),
            0)
      << err();
  const Json job = json()["job"];
  EXPECT_EQ(job["name"], "datastores/default/jobs/nightly");
  EXPECT_EQ(job["kind"], "prune");
  EXPECT_EQ(job["schedule"], "mon..fri 02:30");
  EXPECT_EQ(job["time_zone"], "Europe/Vienna");
  EXPECT_EQ(job["options"]["keep"]["time_zone"], "Europe/Vienna");
  EXPECT_EQ(job["options"]["max_depth"], 7);
  EXPECT_EQ(job["enabled"], true);
  EXPECT_EQ(job["comment"], "c");
  ASSERT_EQ(Run({"job", "disable", "nightly"}), 0) << err();
  EXPECT_THAT(out(),
              AllOf(HasSubstr("enabled    no"), HasSubstr("--keep-daily=7"),
                    HasSubstr("next run   -")));
  ASSERT_EQ(Run({"job", "enable", "nightly"}), 0);
  EXPECT_THAT(out(), HasSubstr("enabled    yes"));
  // Once for each request.
  const std::vector<std::string> command = {"prune",  "--job",        "nightly",
                                            "--wait", "--request-id", "x"};
  ASSERT_EQ(RunJson(command), 0) << err();
  const Json first = json();
  EXPECT_EQ(first["task"]["job"], "datastores/default/jobs/nightly");
  ASSERT_EQ(RunJson(command), 0);
  EXPECT_EQ(json()["task"], first["task"]);
  ASSERT_EQ(server_.tasks().size(), 1u);
  EXPECT_EQ(server_.tasks()[0].options().prune().keep().keep_daily(), 7u);
  ASSERT_EQ(RunJson({"job", "run", "nightly", "--wait"}), 0);
  EXPECT_EQ(server_.tasks().size(), 2u);
  ASSERT_EQ(Run({"gc", "--job", "nightly"}), 2);
  EXPECT_THAT(err(), HasSubstr("is one of prune, not of gc"));
  ASSERT_EQ(Run({"prune", "--job", "nightly", "--dry-run", "--retry-for=0"}),
            75);
  EXPECT_EQ(server_.planned().keep().keep_daily(), 7u);
}

TEST_F(MaintenanceTest, JobsAreListedAndDeleted) {
  ASSERT_EQ(Run({"job", "list"}), 0);
  EXPECT_THAT(out(), HasSubstr("no jobs"));
  ASSERT_EQ(Run({"job", "set", "weekly", "gc", "--schedule=sat 04:00",
                 "--timezone=Europe/Vienna", "--max-time=8h", "--disable"}),
            0)
      << err();
  ASSERT_EQ(Run({"job", "set", "prove", "verify", "--outdated-after=30d"}), 0);
  // The name of a command is a name of a job too.
  ASSERT_EQ(Run({"job", "set", "backup", "gc"}), 0) << err();
  ASSERT_EQ(RunJson({"job", "list"}), 0);
  ASSERT_EQ(json()["jobs"].size(), 3u);
  EXPECT_EQ(json()["jobs"][1]["schedule"], nullptr);
  EXPECT_EQ(json()["jobs"][2]["time_zone"], "Europe/Vienna");
  EXPECT_EQ(json()["jobs"][2]["options"]["max_time_seconds"], 8 * 3600);
  ASSERT_EQ(Run({"job", "list"}), 0);
  EXPECT_THAT(out(), AllOf(HasSubstr("by hand"), HasSubstr("sat 04:00")));
  ASSERT_EQ(Run({"job", "show", "datastores/default/jobs/prove"}), 0);
  EXPECT_THAT(out(), HasSubstr("--outdated-after=30d"));
  ASSERT_EQ(Run({"job", "delete", "prove"}), 0);
  ASSERT_EQ(Run({"job", "show", "prove"}), 10);
  EXPECT_THAT(err(), HasSubstr("cairn job list"));
}

TEST_F(MaintenanceTest, AServerWithoutMaintenanceSaysWhereToAsk) {
  FakeIngest ingest(TestSeed());
  variables_["CAIRN_SERVER"] = ingest.address();
  for (const std::vector<std::string>& command :
       std::vector<std::vector<std::string>>{
           {"gc"},
           {"prune", "--keep-last=1", "--dry-run"},
           {"task", "list"},
           {"job", "list"}}) {
    ASSERT_EQ(RunJson(command), 2) << err();
    EXPECT_EQ(json()["error"]["reason"], "NO_MAINTENANCE");
    EXPECT_THAT(err(), AllOf(HasSubstr(ingest.address()),
                             HasSubstr("--maintenance-server")));
  }
  // What is no maintenance goes to the server still.
  variables_["CAIRN_MAINTENANCE_SERVER"] = server_.address();
  ASSERT_EQ(Run({"gc", "--wait"}), 0) << err();
  ASSERT_EQ(Run({"snapshot", "list"}), 0) << err();
  variables_.erase("CAIRN_MAINTENANCE_SERVER");
  ASSERT_EQ(Run({"gc", "--wait", "--maintenance-server", server_.address()}),
            0);
  EXPECT_EQ(server_.tasks().size(), 2u);
}

TEST_F(MaintenanceTest, AServerThatIsAwayIsNamed) {
  variables_["CAIRN_MAINTENANCE_SERVER"] = "unix:/nowhere/nobody";
  ASSERT_EQ(Run({"gc", "--retry-for=0", "--request-id=r7"}), 75);
  EXPECT_THAT(err(), AllOf(StartsWith("cairn: server unix:/nowhere/nobody"),
                           HasSubstr("r7")));
}

TEST_F(MaintenanceTest, HelpTeaches) {
  for (const std::vector<std::string>& command :
       std::vector<std::vector<std::string>>{
           {"prune"},          {"gc"},
           {"verify"},         {"task"},
           {"task", "list"},   {"task", "show"},
           {"task", "log"},    {"task", "watch"},
           {"task", "cancel"}, {"task", "pause"},
           {"task", "resume"}, {"job"},
           {"job", "list"},    {"job", "show"},
           {"job", "set"},     {"job", "set", "n", "prune"},
           {"job", "delete"},  {"job", "set", "n", "gc"},
           {"job", "run"},     {"job", "set", "n", "verify"},
           {"job", "enable"},  {"job", "disable"}}) {
    std::vector<std::string> arguments = command;
    arguments.push_back("--help");
    ASSERT_EQ(Run(arguments), 0);
    EXPECT_THAT(out(),
                AllOf(HasSubstr("Example:"), HasSubstr("cairn " + command[0])));
  }
  ASSERT_EQ(Run({"--help"}), 0);
  for (const char* code : {"15   the task failed", "16   the task was cancel",
                           "17   the task was interrupted"}) {
    EXPECT_THAT(out(), HasSubstr(code));
  }
}

}  // namespace
}  // namespace cairn::client
