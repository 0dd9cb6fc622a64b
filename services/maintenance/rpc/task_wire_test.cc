#include "services/maintenance/rpc/task_wire.h"

#include <functional>
#include <optional>
#include <string>
#include <variant>

#include "common/status/reason.h"
#include "common/testing/status_matchers.h"
#include "google/rpc/error_details.pb.h"
#include "gtest/gtest.h"

namespace cairn::maintenance {
namespace {

v1::TaskOptions Prune() {
  v1::TaskOptions options;
  v1::PruneOptions& prune = *options.mutable_prune();
  prune.set_scope("datastores/main/namespaces/a");
  prune.set_max_depth(3);
  prune.add_include("type:vm");
  prune.mutable_keep()->set_keep_daily(7);
  prune.mutable_keep()->set_keep_within("1m");
  prune.mutable_keep()->set_time_zone("UTC");
  prune.mutable_trash_time()->set_seconds(3600);
  return options;
}
v1::TaskOptions Gc() {
  v1::TaskOptions options;
  options.mutable_gc()->set_datastore("datastores/main");
  return options;
}
v1::TaskOptions Verify() {
  v1::TaskOptions options;
  options.mutable_verify()->set_scope(
      "datastores/main/groups/host/web1/snapshots/2026-11-21T20:39:45Z");
  return options;
}

TEST(TaskWireTest, OptionsSurviveTheirRow) {
  const ProtoTaskCodec codec;
  ASSERT_OK_AND_ASSIGN(const DecodedOptions decoded, FromProto(Prune()));
  EXPECT_EQ(decoded.kind, TaskKind::kPrune);
  EXPECT_EQ(decoded.datastore, "main");
  ASSERT_OK_AND_ASSIGN(const RunOptions options,
                       codec.DecodeOptions(TaskKind::kPrune, decoded.bytes));
  const auto& prune = std::get<PruneRunOptions>(options);
  EXPECT_EQ(prune.scope.parent.ToString(), "datastores/main/namespaces/a");
  EXPECT_EQ(prune.scope.max_depth, 3u);
  EXPECT_EQ(prune.keep.keep_daily, 7u);
  EXPECT_EQ(prune.keep.keep_within.months, 1u);
  EXPECT_EQ(prune.trash_time, absl::Hours(1));
  EXPECT_EQ(prune.guards.max_share_percent, 50u);
  EXPECT_THAT(codec.DecodeOptions(TaskKind::kGc, decoded.bytes),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(codec.DecodeOptions(TaskKind::kGc, "\xff\xff"),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(TaskWireTest, OptionsTellWhatATaskIsAbout) {
  ASSERT_OK_AND_ASSIGN(const DecodedOptions prune, FromProto(Prune()));
  EXPECT_EQ(ResourceOf("main", prune.bytes), "datastores/main/namespaces/a");
  ASSERT_OK_AND_ASSIGN(const DecodedOptions verify, FromProto(Verify()));
  EXPECT_EQ(ResourceOf("main", verify.bytes), Verify().verify().scope());
  ASSERT_OK_AND_ASSIGN(const DecodedOptions gc, FromProto(Gc()));
  for (const std::string& bytes :
       {gc.bytes, std::string(), std::string("\xff\xff")}) {
    EXPECT_EQ(ResourceOf("main", bytes), "datastores/main");
  }
}

TEST(TaskWireTest, DefaultsOfAGcAreNoLimits) {
  ASSERT_OK_AND_ASSIGN(const DecodedOptions decoded, FromProto(Gc()));
  const auto& gc = std::get<GcRunOptions>(decoded.options);
  EXPECT_EQ(gc.live_percent, 0u);
  EXPECT_EQ(gc.max_time, absl::InfiniteDuration());
  EXPECT_FALSE(gc.validate_only);
}

TEST(TaskWireTest, AVerifyMayBeOfOneSnapshot) {
  ASSERT_OK_AND_ASSIGN(const DecodedOptions decoded, FromProto(Verify()));
  const auto& verify = std::get<VerifyRunOptions>(decoded.options);
  EXPECT_EQ(verify.scope.group->ShortName(), "host/web1");
  EXPECT_TRUE(verify.scope.snapshot.has_value());
}

TEST(TaskWireTest, RefusesWhatIsOutOfBounds) {
  const auto refused = [](v1::TaskOptions options,
                          const std::function<void(v1::TaskOptions&)>& spoil) {
    spoil(options);
    EXPECT_THAT(FromProto(options).status(),
                StatusIs(absl::StatusCode::kInvalidArgument))
        << options.ShortDebugString();
  };
  EXPECT_THAT(FromProto(v1::TaskOptions()).status(),
              StatusIs(absl::StatusCode::kInvalidArgument));
  refused(Prune(), [](auto& o) { o.mutable_prune()->set_scope(""); });
  refused(Prune(), [](auto& o) { o.mutable_prune()->set_max_depth(8); });
  refused(Prune(), [](auto& o) {
    o.mutable_prune()->set_scope(
        "datastores/main/groups/host/a/snapshots/2026-11-21T20:39:45Z");
  });
  refused(Prune(), [](auto& o) { o.mutable_prune()->add_exclude("regex:("); });
  refused(Prune(), [](auto& o) {
    o.mutable_prune()->mutable_keep()->set_keep_within("a while");
  });
  refused(Prune(), [](auto& o) {
    o.mutable_prune()->mutable_keep()->set_time_zone("../../etc/passwd");
  });
  refused(Prune(), [](auto& o) {
    o.mutable_prune()->mutable_trash_time()->set_seconds(3651LL * 86400);
  });
  refused(Prune(), [](auto& o) { o.mutable_prune()->set_plan_hash("12"); });
  refused(Prune(),
          [](auto& o) { o.mutable_prune()->set_max_share_percent(101); });
  refused(Gc(), [](auto& o) { o.mutable_gc()->set_datastore("main"); });
  refused(Gc(), [](auto& o) { o.mutable_gc()->set_live_percent(101); });
  refused(Gc(), [](auto& o) { o.mutable_gc()->mutable_max_time(); });
  refused(Verify(),
          [](auto& o) { o.mutable_verify()->set_max_share_permille(1001); });
}

TEST(TaskWireTest, AnEndIsToldWithItsReason) {
  Task task;
  task.request = {.request_id = "r1",
                  .kind = TaskKind::kPrune,
                  .datastore = "main",
                  .principal = "root@unix"};
  task.state = TaskState::kFailed;
  task.end_time = absl::FromUnixSeconds(1700000000);
  task.status = WithReason(absl::FailedPreconditionError("another plan"),
                           reason::kPlanChanged);
  const v1::Task proto = ToProto(task, 1);
  EXPECT_EQ(proto.status().code(), 9);
  EXPECT_EQ(proto.status().message(), "another plan");
  ASSERT_EQ(proto.status().details_size(), 1);
  google::rpc::ErrorInfo info;
  ASSERT_TRUE(proto.status().details(0).UnpackTo(&info));
  EXPECT_EQ(info.reason(), "PLAN_CHANGED");

  task.status = absl::OkStatus();
  task.state = TaskState::kSucceeded;
  EXPECT_TRUE(ToProto(task, 1).has_status());
  EXPECT_EQ(ToProto(task, 1).status().code(), 0);
}

TEST(TaskWireTest, NamesHaveOneForm) {
  ASSERT_OK_AND_ASSIGN(
      const TaskName task,
      TaskNameFromProto(
          "name",
          "datastores/main/tasks/7a000000-0000-0000-0000-000000000001"));
  EXPECT_EQ(TaskNameToProto(task.datastore, task.id),
            "datastores/main/tasks/7a000000-0000-0000-0000-000000000001");
  ASSERT_OK_AND_ASSIGN(const JobName job,
                       JobNameFromProto("name", "datastores/main/jobs/daily"));
  EXPECT_EQ(JobNameToProto(job.datastore, job.id),
            "datastores/main/jobs/daily");
  for (const char* const text :
       {"", "main", "datastores/main/tasks/", "datastores/main/jobs/x/y",
        "datastores/../jobs/daily", "datastores/main/task/daily"}) {
    EXPECT_FALSE(TaskNameFromProto("name", text).ok()) << text;
    EXPECT_FALSE(JobNameFromProto("name", text).ok()) << text;
  }
}

TEST(TaskWireTest, ATaskShowsOptionsAndResult) {
  Task task;
  task.id.bytes[15] = 1;
  ASSERT_OK_AND_ASSIGN(const DecodedOptions decoded, FromProto(Gc()));
  task.request = {.request_id = "X",
                  .kind = TaskKind::kGc,
                  .datastore = "main",
                  .job = "nightly",
                  .principal = "root@unix",
                  .options = decoded.bytes};
  task.state = TaskState::kSucceeded;
  task.end_time = absl::FromUnixSeconds(5);
  GcRunResult result;
  result.freed_bytes = 42;
  result.later = {{LaterBytes::Reason::kSession, 7, std::nullopt, "who"}};
  task.result = ProtoTaskCodec().EncodeResult(result);
  const v1::Task proto = ToProto(task, 9);
  EXPECT_EQ(proto.options().gc().datastore(), "datastores/main");
  EXPECT_EQ(proto.job(), "datastores/main/jobs/nightly");
  EXPECT_EQ(proto.state(), v1::TASK_STATE_SUCCEEDED);
  EXPECT_EQ(proto.result().gc().freed_bytes(), 42u);
  ASSERT_EQ(proto.result().gc().later_size(), 1);
  EXPECT_EQ(proto.result().gc().later(0).reason(),
            v1::GcResult::Later::SESSION);
  EXPECT_EQ(proto.result().gc().later(0).holder(), "who");
  EXPECT_EQ(proto.version(), 9u);
}

TEST(TaskWireTest, AJobIsOfTheDatastoreOfItsOptions) {
  v1::Job proto;
  proto.set_name("datastores/main/jobs/nightly");
  *proto.mutable_options() = Gc();
  proto.set_schedule("daily");
  proto.set_enabled(true);
  ASSERT_OK_AND_ASSIGN(const Job job, FromProto(proto));
  EXPECT_EQ(job.kind, TaskKind::kGc);
  EXPECT_EQ(job.datastore, "main");
  const v1::Job back =
      ToProto({.job = job, .next_run = std::optional<absl::Time>()});
  EXPECT_EQ(back.options().gc().datastore(), "datastores/main");
  EXPECT_EQ(back.schedule(), "daily");
  proto.mutable_options()->mutable_gc()->set_datastore("datastores/other");
  EXPECT_THAT(FromProto(proto), StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace cairn::maintenance
