#include "client/cli/render/task.h"

#include <sstream>
#include <string>

#include "client/cli/render/task_options.h"
#include "client/cli/render/task_report.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cairn::client {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

using namespace maintenance::v1;  // NOLINT: as much as client's

std::string Report(const Task& task) {
  std::ostringstream out;
  PrintTask(task, out);
  return out.str();
}

TEST(TaskTest, NamesKindsStatesAndActions) {
  EXPECT_EQ(TaskKindName(TASK_KIND_VERIFY), "verify");
  EXPECT_EQ(TaskStateName(TASK_STATE_INTERRUPTED), "interrupted");
  EXPECT_EQ(PruneActionText(PRUNE_ACTION_KEEP_PARTIAL), "keep-partial");
  // Of a server that is newer.
  EXPECT_EQ(TaskKindName(static_cast<TaskKind>(99)), "unknown");
  EXPECT_EQ(TaskStateName(static_cast<TaskState>(99)), "unknown");
}

TEST(TaskTest, DescribesHowFarATaskIs) {
  Task task;
  task.set_kind(TASK_KIND_GC);
  task.set_state(TASK_STATE_RUNNING);
  task.set_phase("mark");
  auto* counter = task.add_counters();
  counter->set_name("page_rows");
  counter->set_value(17);
  counter = task.add_counters();
  counter->set_name("freed_bytes");
  counter->set_value(uint64_t{1} << 30);
  EXPECT_EQ(DescribeProgress(task), "gc: mark, page rows 17, freed 1.0 GiB");
  task.set_state(TASK_STATE_PAUSED);
  EXPECT_EQ(DescribeProgress(task), "gc: paused, page rows 17, freed 1.0 GiB");
  task.mutable_counters(0)->set_name("\033[2J");
  EXPECT_THAT(DescribeProgress(task), Not(HasSubstr("\033")));
}

TEST(TaskTest, DescribesLinesOfALog) {
  TaskLogLine line;
  line.mutable_time()->set_seconds(1'767'225'600);
  line.set_severity(TaskLogLine::INFO);
  line.set_text("forgot\nvm/1");
  EXPECT_EQ(DescribeLine(line), "2026-01-01T00:00:00Z forgot vm/1");
  line.set_severity(TaskLogLine::ERROR);
  EXPECT_EQ(DescribeLine(line), "2026-01-01T00:00:00Z error: forgot vm/1");
}

TEST(TaskTest, DescribesOptionsAsTheyAreGiven) {
  TaskOptions options;
  options.mutable_prune()->set_scope("datastores/d");
  EXPECT_EQ(DescribeOptions(options), "datastores/d");
  options.mutable_prune()->mutable_keep()->set_keep_daily(7);
  options.mutable_prune()->mutable_keep()->set_keep_within("1m");
  options.mutable_prune()->mutable_keep()->set_time_zone("Europe/Vienna");
  options.mutable_prune()->set_max_depth(7);
  options.mutable_prune()->add_include("type:vm");
  options.mutable_prune()->mutable_trash_time();
  EXPECT_EQ(DescribeOptions(options),
            "datastores/d --keep-daily=7 --keep-within=1m "
            "--timezone=Europe/Vienna --max-depth=7 --include=type:vm "
            "--trash-time=0");
  options.mutable_verify()->set_scope("datastores/d");
  options.mutable_verify()->mutable_outdated_after()->set_seconds(2592000);
  options.mutable_verify()->set_max_share_permille(34);
  EXPECT_EQ(DescribeOptions(options),
            "datastores/d --outdated-after=30d --max-share=3.4");
}

TEST(TaskTest, JsonHasNullForWhatDoesNotApply) {
  Task task;
  task.set_kind(TASK_KIND_GC);
  task.set_state(TASK_STATE_RUNNING);
  const Json json = ToJson(task);
  for (const char* name : {"job", "create_time", "start_time", "end_time",
                           "status", "result", "options"}) {
    EXPECT_TRUE(json.contains(name)) << name;
    EXPECT_TRUE(json[name].is_null()) << name;
  }
  EXPECT_EQ(json["counters"], Json::object());
}

TEST(TaskTest, JsonOfAnEndedTaskHasItsResult) {
  Task task;
  task.mutable_options()->mutable_gc()->set_live_percent(90);
  task.mutable_status()->set_code(9);
  task.mutable_status()->set_message("x");
  auto* const later = task.mutable_result()->mutable_gc()->add_later();
  later->set_reason(GcResult::Later::BUDGET);
  later->set_bytes(7);
  const Json json = ToJson(task);
  EXPECT_EQ(json["options"]["live_percent"], 90);
  EXPECT_EQ(json["options"]["max_time_seconds"], nullptr);
  EXPECT_EQ(json["status"]["code"], "FAILED_PRECONDITION");
  EXPECT_EQ(json["result"]["later"][0]["reason"], "budget");
  EXPECT_EQ(json["result"]["later"][0]["until"], nullptr);
}

TEST(TaskReportTest, TellsAllOfATask) {
  Task task;
  task.set_name("datastores/d/tasks/1\033");
  task.set_kind(TASK_KIND_VERIFY);
  task.set_state(TASK_STATE_FAILED);
  task.set_job("datastores/d/jobs/prove");
  task.mutable_start_time()->set_seconds(100);
  task.mutable_end_time()->set_seconds(165);
  task.mutable_status()->set_code(14);
  task.mutable_status()->set_message("index is away");
  EXPECT_THAT(Report(task),
              AllOf(HasSubstr("task       datastores/d/tasks/1?\n"),
                    HasSubstr("job        datastores/d/jobs/prove\n"),
                    HasSubstr("after 1 min 5 s"),
                    HasSubstr("error      UNAVAILABLE: index is away\n")));
}

TEST(TaskReportTest, SaysWhyBytesAreNotFreeYet) {
  Task task;
  auto* const gc = task.mutable_result()->mutable_gc();
  for (int reason = 1; reason <= 5; ++reason) {
    auto* const later = gc->add_later();
    later->set_reason(static_cast<GcResult::Later::Reason>(reason));
    later->set_bytes(uint64_t{1} << (10 * reason));
    later->set_holder("session S");
  }
  EXPECT_THAT(Report(task),
              AllOf(HasSubstr("1.0 KiB  in trash until"),
                    HasSubstr("1.0 MiB  an open backup may need it: session S"),
                    HasSubstr("1.0 GiB  in packs that are live enough"),
                    HasSubstr("1.0 TiB  the time or bytes of this run"),
                    HasSubstr("1.0 PiB  in damaged packs")));
}

TEST(TaskReportTest, APlanIsNotToldAsDone) {
  Task task;
  task.mutable_options()->mutable_gc()->set_validate_only(true);
  task.mutable_result()->mutable_gc();
  EXPECT_THAT(Report(task),
              AllOf(HasSubstr("by such a gc"), Not(HasSubstr("now "))));
}

}  // namespace
}  // namespace cairn::client
