#include "services/maintenance/engine/job_book.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/testing/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/maintenance/engine/task_suite.h"

namespace cairn::maintenance {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr auto kNotFound = absl::StatusCode::kNotFound;
constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

class JobBookTest : public ::testing::Test {
 protected:
  JobBookTest() { EXPECT_THAT(suite_.Start(), IsOk()); }

  JobBook& jobs() { return *suite_.jobs; }
  JobView Get(const std::string& id) { return jobs().Get("main", id).value(); }
  std::vector<std::string> ListIds(const std::string& datastore,
                                   uint32_t page_size) {
    std::vector<std::string> ids;
    PageRequest request{.page_size = page_size};
    do {
      const auto page = jobs().List(datastore, request);
      EXPECT_OK(page);
      if (!page.ok()) return ids;
      for (const JobView& view : page->items) {
        ids.push_back(absl::StrCat(view.job.datastore, "/", view.job.id));
      }
      request.page_token = page->next_page_token;
    } while (!request.page_token.empty());
    return ids;
  }

  TaskSuite suite_;
};

TEST_F(JobBookTest, AJobIsCreatedOnceAndDurable) {
  const Job job = TaskSuite::MakeJob("nightly", "02:00");
  ASSERT_OK_AND_ASSIGN(const JobView created, jobs().Create(job));
  EXPECT_EQ(created.state, NewJobState(suite_.clock.Now()));
  EXPECT_THAT(created.next_run, IsOkAndHolds(std::optional(suite_.clock.Now() +
                                                           absl::Hours(14))));
  EXPECT_THAT(jobs().Create(job), StatusIs(absl::StatusCode::kAlreadyExists));
  EXPECT_EQ(suite_.kv.commit_count(), suite_.kv.synced_commit_count());
  ASSERT_OK(suite_.Start());
  EXPECT_EQ(Get("nightly").job, job);
  EXPECT_EQ(Get("nightly").state, created.state);
}

TEST_F(JobBookTest, AJobThatBreaksARuleIsRefused) {
  EXPECT_THAT(jobs().Create(TaskSuite::MakeJob("nightly", "25:00")),
              StatusIs(kInvalid, HasSubstr("hour is \"25\"")));
  ASSERT_OK(jobs().Create(TaskSuite::MakeJob("nightly", "02:00")));
  EXPECT_THAT(jobs().Update(TaskSuite::MakeJob("nightly", "x")),
              StatusIs(kInvalid));
  EXPECT_EQ(Get("nightly").job.schedule, "02:00");
}

TEST_F(JobBookTest, AnUpdateOfTheScheduleCountsFromNow) {
  ASSERT_OK(jobs().Create(TaskSuite::MakeJob("nightly", "02:00")));
  const JobState before = Get("nightly").state;
  suite_.clock.Advance(absl::Hours(20));
  Job job = TaskSuite::MakeJob("nightly", "02:00");
  job.comment = "new";
  ASSERT_OK_AND_ASSIGN(JobView view, jobs().Update(job));
  EXPECT_EQ(view.state, before);
  EXPECT_LT(**view.next_run, suite_.clock.Now()) << "it is due still";
  job.schedule = "03:00";
  ASSERT_OK_AND_ASSIGN(view, jobs().Update(job));
  EXPECT_EQ(view.state.counts_from, suite_.clock.Now());
  EXPECT_GT(**view.next_run, suite_.clock.Now());
  ASSERT_OK(suite_.Start());
  EXPECT_EQ(Get("nightly").job, job);
  EXPECT_EQ(Get("nightly").state, view.state);
  EXPECT_THAT(jobs().Update(TaskSuite::MakeJob("weekly", "")),
              StatusIs(kNotFound));
}

TEST_F(JobBookTest, WhatIsRemovedIsGone) {
  ASSERT_OK(jobs().Create(TaskSuite::MakeJob("nightly", "02:00")));
  ASSERT_OK(jobs().Remove("main", "nightly"));
  EXPECT_THAT(jobs().Get("main", "nightly"), StatusIs(kNotFound));
  EXPECT_THAT(jobs().Remove("main", "nightly"), StatusIs(kNotFound));
  EXPECT_THAT(jobs().NoteStart("main", "nightly", TaskSuite::Id(1)),
              StatusIs(kNotFound));
  ASSERT_OK(suite_.Start());
  EXPECT_TRUE(jobs().All().empty());
}

TEST_F(JobBookTest, JobsOfADatastoreAreBounded) {
  suite_.book_options.max_jobs_per_datastore = 2;
  ASSERT_OK(suite_.Start());
  ASSERT_OK(jobs().Create(TaskSuite::MakeJob("one", "")));
  ASSERT_OK(jobs().Create(TaskSuite::MakeJob("two", "")));
  EXPECT_THAT(jobs().Create(TaskSuite::MakeJob("three", "")),
              HasReasonCode(reason::kLimitExceeded));
  Job other = TaskSuite::MakeJob("three", "");
  other.datastore = "other";
  EXPECT_THAT(jobs().Create(other), IsOk());
  EXPECT_THAT(jobs().Update(TaskSuite::MakeJob("two", "daily")), IsOk());
}

TEST_F(JobBookTest, ListsPageByPage) {
  for (const char* id : {"ccc", "aaa", "bbb"}) {
    Job job = TaskSuite::MakeJob(id, "");
    ASSERT_OK(jobs().Create(job));
    job.datastore = "other";
    ASSERT_OK(jobs().Create(job));
  }
  for (const uint32_t size : {1u, 2u, 3u, 0u}) {
    EXPECT_THAT(ListIds("main", size),
                ElementsAre("main/aaa", "main/bbb", "main/ccc"));
    EXPECT_THAT(ListIds("", size),
                ElementsAre("main/aaa", "main/bbb", "main/ccc", "other/aaa",
                            "other/bbb", "other/ccc"));
  }
  EXPECT_THAT(jobs().List("main", {.page_token = "x"}),
              HasReasonCode(reason::kPageTokenInvalid));
  EXPECT_THAT(jobs().List("main", {.page_token = "other/aaa"}),
              HasReasonCode(reason::kPageTokenInvalid));
}

TEST_F(JobBookTest, RemembersRunsAndTheirEnds) {
  ASSERT_OK(jobs().Create(TaskSuite::MakeJob("nightly", "02:00")));
  suite_.clock.Advance(absl::Hours(1));
  ASSERT_OK(jobs().NoteStart("main", "nightly", TaskSuite::Id(1)));
  EXPECT_EQ(Get("nightly").state.last_run, suite_.clock.Now());
  EXPECT_EQ(Get("nightly").state.last_task, TaskSuite::Id(1));
  ASSERT_OK(jobs().NoteResult("main", "nightly", TaskSuite::Id(2), "other"));
  EXPECT_EQ(Get("nightly").state.last_result, "") << "not its last run";
  ASSERT_OK(jobs().NoteResult("main", "nightly", TaskSuite::Id(1),
                              absl::StrCat("bad\n", std::string(5000, 'x'))));
  EXPECT_EQ(Get("nightly").state.last_result.size(), kMaxStatusLength);
  const JobState state = Get("nightly").state;
  ASSERT_OK(suite_.Start());
  EXPECT_EQ(Get("nightly").state, state);
  ASSERT_OK(jobs().NoteFailedStart("main", "nightly", "nobody there"));
  EXPECT_TRUE(Get("nightly").state.last_task.is_zero());
  EXPECT_EQ(Get("nightly").state.last_result, "nobody there");
}

TEST_F(JobBookTest, WhatCannotBeWrittenIsNotChanged) {
  ASSERT_OK(jobs().Create(TaskSuite::MakeJob("nightly", "02:00")));
  const JobView before = Get("nightly");
  suite_.kv.FailCommitsFrom(1, absl::UnavailableError("no power"));
  EXPECT_FALSE(jobs().Create(TaskSuite::MakeJob("weekly", "")).ok());
  EXPECT_FALSE(jobs().Update(TaskSuite::MakeJob("nightly", "daily")).ok());
  EXPECT_FALSE(jobs().Remove("main", "nightly").ok());
  EXPECT_FALSE(jobs().NoteStart("main", "nightly", TaskSuite::Id(1)).ok());
  EXPECT_EQ(Get("nightly").job, before.job);
  EXPECT_EQ(Get("nightly").state, before.state);
  EXPECT_EQ(jobs().All().size(), 1u);
}

}  // namespace
}  // namespace cairn::maintenance
