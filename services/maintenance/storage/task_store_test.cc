#include "services/maintenance/storage/task_store.h"

#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cairn/record/v1/record.pb.h"
#include "common/digest/sha256.h"
#include "common/kv/memory_kv_store.h"
#include "common/status/reason.h"
#include "common/testing/seed.h"
#include "common/testing/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/maintenance/storage/task_codec.h"

namespace cairn::maintenance {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr absl::StatusCode kDataLoss = absl::StatusCode::kDataLoss;
// Tables of somebody else come first, as those of leases do.
constexpr KvTable kFirstTable = 2;
constexpr KvTable kTasks = kFirstTable;
constexpr KvTable kLogs = kFirstTable + 1;
constexpr KvTable kJobs = kFirstTable + 2;
constexpr KvTable kJobStates = kFirstTable + 3;

Uuid Id(uint8_t n) {
  Uuid id;
  id.bytes[0] = n;
  return id;
}

Task MakeTask(uint8_t n) {
  Task task;
  task.id = Id(n);
  task.request = {.request_id = absl::StrCat("request ", n),
                  .kind = TaskKind::kVerify,
                  .datastore = "main",
                  .job = "nightly",
                  .principal = "root@unix",
                  .options = std::string("\0\xff options", 10)};
  task.state = TaskState::kFailed;
  task.create_time = absl::FromUnixNanos(1234567890123456789);
  task.start_time = absl::FromUnixNanos(1234567891123456789);
  task.end_time = absl::FromUnixNanos(1234567892123456789);
  task.phase = "reading packs";
  task.counters = {{"packs", 12}, {"bytes", UINT64_MAX}, {"bad", 0}};
  task.status = WithReason(absl::DataLossError("chunk 7 is damaged"),
                           reason::kRecordDamaged);
  task.result = std::string("\0\xfe result", 9);
  return task;
}

Job MakeJob() {
  Job job;
  job.id = "nightly";
  job.datastore = "main";
  job.kind = TaskKind::kPrune;
  job.schedule = "mon..fri 02:00";
  job.time_zone = "Europe/Vienna";
  job.enabled = true;
  job.comment = "keep two weeks";
  job.options = std::string("\0\xff", 2);
  return job;
}

JobState MakeState() {
  JobState state;
  state.counts_from = absl::FromUnixNanos(1234567890123456789);
  state.last_run = absl::FromUnixNanos(1234567890000000001);
  state.last_task = Id(9);
  state.last_result = "failed: disk is full";
  return state;
}

LogLine Line(uint64_t sequence) {
  return {.sequence = sequence,
          .time = absl::FromUnixNanos(1234567890123456789),
          .level = LogLevel::kWarning,
          .text = absl::StrCat("line ", sequence)};
}

void ExpectSame(const Task& a, const Task& b) {
  EXPECT_EQ(a.id, b.id);
  EXPECT_EQ(a.request.request_id, b.request.request_id);
  EXPECT_EQ(a.request.kind, b.request.kind);
  EXPECT_EQ(a.request.datastore, b.request.datastore);
  EXPECT_EQ(a.request.job, b.request.job);
  EXPECT_EQ(a.request.principal, b.request.principal);
  EXPECT_EQ(a.request.options, b.request.options);
  EXPECT_EQ(a.state, b.state);
  EXPECT_EQ(a.create_time, b.create_time);
  EXPECT_EQ(a.start_time, b.start_time);
  EXPECT_EQ(a.end_time, b.end_time);
  EXPECT_EQ(a.phase, b.phase);
  EXPECT_EQ(a.counters, b.counters);
  EXPECT_EQ(a.status, b.status);
  EXPECT_EQ(a.result, b.result);
}

class TaskStoreTest : public ::testing::Test {
 protected:
  TaskStoreTest()
      : kv_(kFirstTable + TaskStore::TableNames().size()),
        store_(&kv_, kFirstTable) {}

  void PutRaw(KvTable table, std::string key, std::string value) {
    KvBatch batch;
    batch.Put(table, std::move(key), std::move(value));
    ASSERT_OK(kv_.Commit(batch, Durability::kSynced));
  }
  void Put(const Task& task) {
    TaskBatch batch = store_.NewBatch();
    batch.PutTask(task);
    ASSERT_OK(store_.Commit(batch, Durability::kSynced));
  }
  std::vector<Uuid> VisitedIds() {
    std::vector<Uuid> ids;
    EXPECT_OK(store_.VisitTasks([&](Task task) {
      ids.push_back(task.id);
      return absl::OkStatus();
    }));
    return ids;
  }
  absl::Status Visit() {
    return store_.VisitTasks([](Task) { return absl::OkStatus(); });
  }
  std::vector<uint64_t> Log(uint64_t after, size_t limit) {
    std::vector<uint64_t> sequences;
    const auto lines = store_.ReadLog("main", Id(1), after, limit);
    EXPECT_OK(lines);
    if (!lines.ok()) return sequences;
    for (const LogLine& line : *lines) {
      EXPECT_EQ(line.text, absl::StrCat("line ", line.sequence));
      sequences.push_back(line.sequence);
    }
    return sequences;
  }

  MemoryKvStore kv_;
  TaskStore store_;
};

TEST_F(TaskStoreTest, KeepsTasks) {
  Put(MakeTask(1));
  Task queued = MakeTask(2);
  queued.state = TaskState::kQueued;
  queued.start_time.reset();
  queued.end_time.reset();
  queued.status = absl::OkStatus();
  queued.counters.clear();
  Put(queued);
  ASSERT_OK_AND_ASSIGN(const Task first, store_.GetTask("main", Id(1)));
  ExpectSame(first, MakeTask(1));
  ASSERT_OK_AND_ASSIGN(const Task second, store_.GetTask("main", Id(2)));
  ExpectSame(second, queued);
  EXPECT_THAT(VisitedIds(), ElementsAre(Id(1), Id(2)));
  EXPECT_THAT(
      store_.GetTask("main", Id(3)),
      StatusIs(absl::StatusCode::kNotFound, HasSubstr(Id(3).ToString())));
  EXPECT_THAT(store_.GetTask("other", Id(1)),
              StatusIs(absl::StatusCode::kNotFound));
}

// Computed by a separate program from record.proto alone. A change here is a
// change of the format.
TEST_F(TaskStoreTest, RowsHaveTheBytesThatTheyAlwaysHad) {
  EXPECT_EQ(TaskKey("main", Id(1)),
            std::string("main\0\1", 6) + std::string(15, '\0'));
  EXPECT_EQ(TaskLogKey("main", Id(1), 258),
            TaskKey("main", Id(1)) + std::string("\0\0\0\0\0\0\1\2", 8));
  EXPECT_EQ(JobKey("main", "nightly"), std::string("main\0nightly", 12));
  Task without_reason = MakeTask(1);
  without_reason.status = absl::DataLossError("chunk 7 is damaged");
  EXPECT_EQ(Sha256(EncodeTask(without_reason)).ToHex(),
            "44d1d07aa8f06362e816e406765bb6c420b9173d65a3784659afca38f69bae6b");
  EXPECT_EQ(Sha256(EncodeTask(MakeTask(1))).ToHex(),
            "45b59f287f24e3932390ad4cf6d1e6cfdbbe7cce85f179650ab04b216e75f275");
  EXPECT_EQ(Sha256(EncodeLogLine(Line(1))).ToHex(),
            "e2ccf6d461f0155192920dda0f0a1c404622c8085fde6be742e14d227bfbe555");
  EXPECT_EQ(Sha256(EncodeJob(MakeJob())).ToHex(),
            "c26772735a153f80c8fb10e3a895d60cd7cf55637f131b31e268e81c24c0f8c7");
  EXPECT_EQ(Sha256(EncodeJobState(MakeState())).ToHex(),
            "e8f23f7be781ba1af9bb1562d465b0c4101204e79a69cdce6c3a179d413b9081");
}

TEST_F(TaskStoreTest, AVisitEndsAtItsFirstError) {
  Put(MakeTask(1));
  Put(MakeTask(2));
  int visited = 0;
  EXPECT_THAT(store_.VisitTasks([&](Task) {
    ++visited;
    return absl::AbortedError("enough");
  }),
              StatusIs(absl::StatusCode::kAborted));
  EXPECT_EQ(visited, 1);
}

TEST_F(TaskStoreTest, KeepsLogsInOrderAndApart) {
  TaskBatch batch = store_.NewBatch();
  for (const uint64_t sequence : {2, 1, 256, 255, 3}) {
    batch.PutLogLine("main", Id(1), Line(sequence));
  }
  batch.PutLogLine("main", Id(2), Line(7));
  batch.PutLogLine("mai", Id(1), Line(8));
  ASSERT_OK(store_.Commit(batch, Durability::kBuffered));
  EXPECT_THAT(Log(0, 100), ElementsAre(1, 2, 3, 255, 256));
  EXPECT_THAT(Log(2, 2), ElementsAre(3, 255));
  EXPECT_THAT(Log(256, 100), IsEmpty());
  EXPECT_THAT(Log(UINT64_MAX, 100), IsEmpty());
  EXPECT_THAT(store_.LastLogSequence("main", Id(1)), IsOkAndHolds(256u));
  EXPECT_THAT(store_.LastLogSequence("main", Id(5)), IsOkAndHolds(0u));
  ASSERT_OK_AND_ASSIGN(const auto lines, store_.ReadLog("main", Id(1), 0, 1));
  EXPECT_EQ(lines[0].time, Line(1).time);
  EXPECT_EQ(lines[0].level, LogLevel::kWarning);

  TaskBatch removal = store_.NewBatch();
  removal.RemoveLogLine("main", Id(1), 3);
  ASSERT_OK(store_.Commit(removal, Durability::kBuffered));
  EXPECT_THAT(Log(0, 100), ElementsAre(1, 2, 255, 256));
  TaskBatch all = store_.NewBatch();
  ASSERT_OK(store_.RemoveLog("main", Id(1), all));
  ASSERT_OK(store_.Commit(all, Durability::kBuffered));
  EXPECT_THAT(Log(0, 100), IsEmpty());
  EXPECT_THAT(store_.LastLogSequence("main", Id(2)), IsOkAndHolds(7u));
  EXPECT_THAT(store_.LastLogSequence("mai", Id(1)), IsOkAndHolds(8u));
}

TEST_F(TaskStoreTest, KeepsJobsWithTheirStates) {
  Job other = MakeJob();
  other.id = "weekly";
  other.enabled = false;
  other.schedule = "";
  JobState fresh;
  fresh.counts_from = absl::FromUnixNanos(1);
  TaskBatch batch = store_.NewBatch();
  batch.PutJob(MakeJob());
  batch.PutJobState("main", "nightly", MakeState());
  batch.PutJob(other);
  batch.PutJobState("main", "weekly", fresh);
  ASSERT_OK(store_.Commit(batch, Durability::kSynced));
  ASSERT_OK_AND_ASSIGN(std::vector<StoredJob> jobs, store_.LoadJobs());
  ASSERT_EQ(jobs.size(), 2u);
  EXPECT_EQ(jobs[0].job, MakeJob());
  EXPECT_EQ(jobs[0].state, MakeState());
  EXPECT_EQ(jobs[1].job, other);
  EXPECT_EQ(jobs[1].state, fresh);

  TaskBatch removal = store_.NewBatch();
  removal.RemoveJob("main", "nightly");
  ASSERT_OK(store_.Commit(removal, Durability::kSynced));
  ASSERT_OK_AND_ASSIGN(jobs, store_.LoadJobs());
  ASSERT_EQ(jobs.size(), 1u);
  EXPECT_EQ(kv_.Get(kJobStates, JobKey("main", "nightly"))->has_value(), false);
}

TEST_F(TaskStoreTest, AZoneThatThisMachineDoesNotKnowIsStillAJob) {
  Job job = MakeJob();
  job.time_zone = "Atlantis/Center";
  TaskBatch batch = store_.NewBatch();
  batch.PutJob(job);
  batch.PutJobState("main", "nightly", MakeState());
  ASSERT_OK(store_.Commit(batch, Durability::kSynced));
  ASSERT_OK_AND_ASSIGN(const auto jobs, store_.LoadJobs());
  EXPECT_EQ(jobs[0].job, job);
}

TEST_F(TaskStoreTest, LeavesTheTablesOfOthersAlone) {
  Put(MakeTask(1));
  TaskBatch batch = store_.NewBatch();
  batch.PutLogLine("main", Id(1), Line(1));
  batch.PutJob(MakeJob());
  batch.PutJobState("main", "nightly", MakeState());
  ASSERT_OK(store_.Commit(batch, Durability::kSynced));
  const auto view = kv_.NewView();
  EXPECT_FALSE(view->Scan(0, "", "")->Valid());
  EXPECT_FALSE(view->Scan(1, "", "")->Valid());
}

TEST_F(TaskStoreTest, DamagedRowsAreDataLossAndNeverACrash) {
  const Task task = MakeTask(1);
  const std::string key = TaskKey("main", task.id);
  const std::string good = EncodeTask(task);
  std::mt19937_64 random(TestSeed());
  for (int i = 0; i < 3000; ++i) {
    std::string bad = good;
    if (i % 2 == 0) bad.resize(random() % good.size());
    for (size_t n = random() % 4; n > 0 && !bad.empty(); --n) {
      bad[random() % bad.size()] = static_cast<char>(random());
    }
    const auto decoded = DecodeTask(key, bad);
    if (decoded.ok()) {
      ASSERT_OK(ValidateTask(*decoded));
    } else {
      ASSERT_THAT(decoded, StatusIs(kDataLoss, HasSubstr("table tasks")));
    }
    (void)DecodeLogLine(TaskLogKey("main", Id(1), 1), bad);
    (void)DecodeJob(JobKey("main", "nightly"), bad);
    (void)DecodeJobState(JobKey("main", "nightly"), bad);
  }
}

TEST_F(TaskStoreTest, RowsThatBreakARuleAreDataLoss) {
  record::v1::TaskRow row;
  ASSERT_TRUE(row.ParseFromString(EncodeTask(MakeTask(1))));
  const std::string key = TaskKey("main", Id(1));
  const auto refuses = [&](auto change, const char* text) {
    record::v1::TaskRow changed = row;
    change(changed);
    PutRaw(kTasks, key, changed.SerializeAsString());
    EXPECT_THAT(Visit(), StatusIs(kDataLoss, HasSubstr(text)));
    EXPECT_THAT(store_.GetTask("main", Id(1)), StatusIs(kDataLoss));
  };
  using Row = record::v1::TaskRow;
  refuses([](Row& r) { r.set_format_version(2); }, "format version is 2");
  refuses([](Row& r) { r.set_state(256 + 4); }, "state is 0");
  refuses([](Row& r) { r.set_kind(257); }, "kind is 0");
  refuses([](Row& r) { r.set_datastore("other"); }, "not the key");
  refuses([](Row& r) { r.set_status_code(17); }, "status is 17");
  refuses([](Row& r) { r.set_request_id(""); }, "request id");
  refuses([](Row& r) { r.clear_end_time_nanos(); }, "no end");
  refuses(
      [](Row& r) {
        for (int i = 0; i < 65; ++i) r.add_counters()->set_name("x");
      },
      "counters");
}

TEST_F(TaskStoreTest, DamagedKeysAreDataLoss) {
  const std::string task = EncodeTask(MakeTask(1));
  const std::string job = EncodeJob(MakeJob());
  const std::string line = EncodeLogLine(Line(1));
  for (const std::string& key :
       {std::string(), std::string("main"), std::string("main\0", 5),
        std::string("main\0short", 10), std::string("x\0", 2)}) {
    EXPECT_THAT(DecodeTask(key, task), StatusIs(kDataLoss));
    EXPECT_THAT(DecodeJob(key, job), StatusIs(kDataLoss));
    EXPECT_THAT(DecodeLogLine(key, line), StatusIs(kDataLoss));
  }
  EXPECT_THAT(DecodeJob(JobKey("main", "weekly"), job), StatusIs(kDataLoss));
}

TEST_F(TaskStoreTest, OtherDamagedRowsAreDataLoss) {
  PutRaw(kLogs, TaskLogKey("main", Id(1), 1), "\xff");
  EXPECT_THAT(store_.ReadLog("main", Id(1), 0, 10), StatusIs(kDataLoss));
  record::v1::TaskLogRow line;
  line.set_format_version(1);
  line.set_severity(9);
  PutRaw(kLogs, TaskLogKey("main", Id(1), 1), line.SerializeAsString());
  EXPECT_THAT(store_.ReadLog("main", Id(1), 0, 10),
              StatusIs(kDataLoss, HasSubstr("severity 9")));
  PutRaw(kLogs, TaskKey("main", Id(1)) + "x", "");
  EXPECT_THAT(store_.LastLogSequence("main", Id(1)), StatusIs(kDataLoss));

  PutRaw(kJobs, JobKey("main", "nightly"), EncodeJob(MakeJob()));
  EXPECT_THAT(store_.LoadJobs(),
              StatusIs(kDataLoss, HasSubstr("no row in job_states")));
  record::v1::JobStateRow state;
  state.set_format_version(1);
  state.set_last_task("short");
  PutRaw(kJobStates, JobKey("main", "nightly"), state.SerializeAsString());
  EXPECT_THAT(store_.LoadJobs(), StatusIs(kDataLoss));
  PutRaw(kJobStates, JobKey("main", "nightly"), "\xff");
  EXPECT_THAT(store_.LoadJobs(), StatusIs(kDataLoss));
}

}  // namespace
}  // namespace cairn::maintenance
