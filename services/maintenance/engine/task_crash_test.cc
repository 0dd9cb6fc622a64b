// Power cuts at every commit of tasks and jobs.
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/testing/seed.h"
#include "common/testing/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/maintenance/engine/task_suite.h"

namespace cairn::maintenance {
namespace {

class TaskCrashTest : public ::testing::Test {
 protected:
  // What was answered, and so must hold.
  struct Promises {
    std::map<std::string, Uuid> created;  // by request id
    std::map<std::string, TaskState> ended;
    std::set<std::string> dropped;
    std::map<std::string, Job> jobs;
    std::map<std::string, std::string> results;  // of jobs
    std::set<std::string> removed_jobs;
  };

  void PowerCut(TaskSuite& suite) {
    suite.tasks.reset();
    suite.jobs.reset();
    suite.kv.PowerCut(random_);
    suite.kv.Recover();
  }

  static absl::Status Create(TaskSuite& suite, Promises& promises,
                             const std::string& request_id) {
    const auto id = suite.Create(request_id);
    if (id.ok()) promises.created[request_id] = *id;
    return id.status();
  }

  // Works on a task until its end with `result`.
  static absl::Status Run(TaskSuite& suite, Promises& promises,
                          const std::string& request_id,
                          const absl::Status& result) {
    auto run = suite.tasks->Begin("main", promises.created.at(request_id));
    if (!run.ok()) return run.status();
    absl::Status status = run->Report("phase", {{"things", 1}});
    status.Update(run->Log(LogLevel::kInfo, "line"));
    const absl::Status ended = run->Finish(result, "result");
    if (ended.ok()) {
      promises.ended[request_id] =
          result.ok() ? TaskState::kSucceeded : TaskState::kFailed;
    }
    status.Update(ended);
    return status;
  }

  // Every kind of change once; stops at the first error.
  absl::Status RunScript(TaskSuite& suite, Promises& promises) {
    const auto put_job = [&](const Job& job, bool is_new) {
      // Unknown outcome until it is answered.
      promises.jobs.erase(job.id);
      const auto put =
          is_new ? suite.jobs->Create(job) : suite.jobs->Update(job);
      if (put.ok()) promises.jobs[job.id] = job;
      return put.status();
    };
    const auto cancel = [&](const std::string& request_id) {
      const absl::Status cancelled = suite.tasks->Cancel(
          suite.call, "main", promises.created.at(request_id));
      if (cancelled.ok()) promises.ended[request_id] = TaskState::kCancelled;
      return cancelled;
    };
    const std::vector<std::function<absl::Status()>> steps = {
        [&] { return Create(suite, promises, "r1"); },
        [&] { return Create(suite, promises, "r2"); },
        [&] { return Run(suite, promises, "r1", absl::OkStatus()); },
        [&] { return put_job(TaskSuite::MakeJob("nightly", "02:00"), true); },
        [&] { return put_job(TaskSuite::MakeJob("weekly", "sun"), true); },
        [&] { return cancel("r2"); },
        [&] { return put_job(TaskSuite::MakeJob("nightly", "03:00"), false); },
        [&] {
          return suite.jobs->NoteStart("main", "nightly", TaskSuite::Id(77));
        },
        [&] {
          const absl::Status noted = suite.jobs->NoteResult(
              "main", "nightly", TaskSuite::Id(77), "failed");
          if (noted.ok()) promises.results["nightly"] = "failed";
          return noted;
        },
        [&] {
          promises.jobs.erase("weekly");
          const absl::Status removed = suite.jobs->Remove("main", "weekly");
          if (removed.ok()) promises.removed_jobs.insert("weekly");
          return removed;
        },
        [&] { return Create(suite, promises, "r3"); },
        [&] {
          // With it r1, the oldest of now three that have ended, goes.
          promises.ended.erase("r1");
          promises.created.erase("r1");
          suite.clock.Advance(absl::Seconds(1));
          const absl::Status ran =
              Run(suite, promises, "r3", absl::DataLossError("bad"));
          if (ran.ok()) promises.dropped.insert("r1");
          return ran;
        },
        [&] { return Create(suite, promises, "r4"); },
    };
    for (const auto& step : steps) {
      suite.clock.Advance(absl::Seconds(1));
      if (absl::Status status = step(); !status.ok()) return status;
    }
    return absl::OkStatus();
  }

  void CheckPromises(TaskSuite& suite, const Promises& promises) {
    for (const auto& [request_id, id] : promises.created) {
      ASSERT_OK_AND_ASSIGN(const Task task, suite.tasks->Get("main", id));
      EXPECT_EQ(task.request.request_id, request_id);
      EXPECT_TRUE(HasEnded(task.state)) << "nobody works on it";
      const auto ended = promises.ended.find(request_id);
      if (ended != promises.ended.end()) {
        EXPECT_EQ(task.state, ended->second) << request_id;
      }
      if (task.state == TaskState::kSucceeded ||
          task.state == TaskState::kFailed) {
        EXPECT_EQ(task.result, "result");
        ASSERT_OK_AND_ASSIGN(const auto lines,
                             suite.tasks->ReadLog("main", id, 0, 10));
        ASSERT_FALSE(lines.empty()) << "what came before the end is there";
        EXPECT_EQ(lines[0].text, "line");
      }
      ASSERT_OK_AND_ASSIGN(const StartedTask again,
                           suite.tasks->Create(TaskSuite::Request(request_id)));
      EXPECT_TRUE(again.attached);
      EXPECT_EQ(again.task.id, id);
    }
    for (const std::string& request_id : promises.dropped) {
      ASSERT_OK_AND_ASSIGN(const StartedTask fresh,
                           suite.tasks->Create(TaskSuite::Request(request_id)));
      EXPECT_FALSE(fresh.attached);
      ASSERT_OK_AND_ASSIGN(const auto lines,
                           suite.tasks->ReadLog("main", fresh.task.id, 0, 10));
      EXPECT_TRUE(lines.empty());
    }
    for (const auto& [id, job] : promises.jobs) {
      ASSERT_OK_AND_ASSIGN(const JobView view, suite.jobs->Get("main", id));
      EXPECT_EQ(view.job, job);
    }
    for (const auto& [id, result] : promises.results) {
      ASSERT_OK_AND_ASSIGN(const JobView view, suite.jobs->Get("main", id));
      EXPECT_EQ(view.state.last_result, result);
      EXPECT_EQ(view.state.last_task, TaskSuite::Id(77));
    }
    for (const std::string& id : promises.removed_jobs) {
      EXPECT_THAT(suite.jobs->Get("main", id),
                  StatusIs(absl::StatusCode::kNotFound));
    }
  }

  std::mt19937_64 random_{TestSeed()};
};

TEST_F(TaskCrashTest, PromisesOutliveAPowerCutAtEveryCommit) {
  bool completed = false;
  int cuts = 0;
  for (uint64_t nth = 1; !completed; ++nth) {
    ASSERT_LT(nth, 100u);
    SCOPED_TRACE(absl::StrCat("power fails at commit ", nth));
    TaskSuite suite;
    suite.options.retention.max_ended = 2;
    ASSERT_OK(suite.Start());
    suite.kv.FailCommitsFrom(nth, absl::UnavailableError("no power"));
    Promises promises;
    completed = RunScript(suite, promises).ok();
    cuts += completed ? 0 : 1;
    PowerCut(suite);
    // What the restart interrupts drops nothing else.
    suite.options.retention.max_ended = 100;
    ASSERT_OK(suite.Start());
    CheckPromises(suite, promises);
  }
  // 4 creations, 2 runs of 4 commits, a cancel, 3 jobs put, 2 notes, 1
  // removal.
  EXPECT_EQ(cuts, 4 + 8 + 1 + 3 + 2 + 1);
}

TEST_F(TaskCrashTest, WhatIsAnsweredAsDurableIsSynced) {
  TaskSuite suite;
  ASSERT_OK(suite.Start());
  const auto synced = [&](auto change) {
    const uint64_t before = suite.kv.synced_commit_count();
    ASSERT_OK(change());
    EXPECT_EQ(suite.kv.synced_commit_count(), before + 1);
  };
  const auto buffered = [&](auto change) {
    const uint64_t before = suite.kv.synced_commit_count();
    const uint64_t all = suite.kv.commit_count();
    ASSERT_OK(change());
    EXPECT_EQ(suite.kv.synced_commit_count(), before);
    EXPECT_EQ(suite.kv.commit_count(), all + 1);
  };
  Uuid id;
  synced([&]() -> absl::Status {
    const auto created = suite.Create("r1");
    if (created.ok()) id = *created;
    return created.status();
  });
  std::optional<TaskRun> run;
  buffered([&]() -> absl::Status {
    auto begun = suite.tasks->Begin("main", id);
    if (begun.ok()) run.emplace(*std::move(begun));
    return begun.status();
  });
  buffered([&] { return run->Report("phase", {}); });
  buffered([&] { return run->Log(LogLevel::kInfo, "line"); });
  buffered([&] { return suite.tasks->Pause(suite.call, "main", id); });
  buffered([&] { return suite.tasks->Resume(suite.call, "main", id); });
  buffered([&] { return suite.tasks->Cancel(suite.call, "main", id); });
  synced([&] { return run->Finish(absl::OkStatus(), ""); });
  const Job job = TaskSuite::MakeJob("nightly", "02:00");
  synced([&] { return suite.jobs->Create(job).status(); });
  synced([&] { return suite.jobs->Update(job).status(); });
  synced([&] { return suite.jobs->NoteStart("main", "nightly", id); });
  synced([&] { return suite.jobs->Restart("main", "nightly"); });
  synced([&] { return suite.jobs->Remove("main", "nightly"); });
}

TEST_F(TaskCrashTest, AFullDiskRefusesAndChangesNothing) {
  TaskSuite suite;
  ASSERT_OK(suite.Start());
  ASSERT_OK_AND_ASSIGN(TaskRun run, suite.CreateAndBegin("r1"));
  const Uuid id = run.id();
  suite.kv.FailCommitsFrom(1, WithReason(absl::ResourceExhaustedError("full"),
                                         reason::kStorageFull));
  EXPECT_THAT(suite.Create("r2"), HasReasonCode(reason::kStorageFull));
  EXPECT_THAT(suite.tasks->Pause(suite.call, "main", id),
              HasReasonCode(reason::kStorageFull));
  EXPECT_EQ(suite.tasks->Get("main", id)->state, TaskState::kRunning);
  suite.kv.Recover();
  ASSERT_OK_AND_ASSIGN(const auto page, suite.tasks->List({}, {}));
  EXPECT_EQ(page.items.size(), 1u);
  EXPECT_THAT(suite.Create("r2"), IsOk());
  ASSERT_OK(run.Finish(absl::OkStatus(), ""));
}

TEST_F(TaskCrashTest, RowsThatCannotBeReadAreDataLoss) {
  for (const KvTable table : {0u, 2u}) {
    TaskSuite suite;
    KvBatch batch;
    batch.Put(table, "main", "\xff");
    ASSERT_OK(suite.kv.Commit(batch, Durability::kSynced));
    EXPECT_THAT(suite.Start(), StatusIs(absl::StatusCode::kDataLoss));
  }
}

}  // namespace
}  // namespace cairn::maintenance
