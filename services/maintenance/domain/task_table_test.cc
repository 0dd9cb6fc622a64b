#include "services/maintenance/domain/task_table.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cairn::maintenance {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const absl::Time kNow = absl::FromUnixSeconds(1767225600);

Uuid Id(uint8_t n) {
  Uuid id;
  id.bytes[15] = n;
  return id;
}

Task MakeTask(uint8_t n, std::string datastore = "main") {
  Task task;
  task.id = Id(n);
  task.request.request_id = absl::StrCat("r", n);
  task.request.datastore = std::move(datastore);
  task.create_time = kNow + absl::Minutes(n);
  return task;
}

class TaskTableTest : public ::testing::Test {
 protected:
  void End(uint8_t n) {
    TaskTable::Entry* entry = table_.Find(Id(n));
    entry->task.state = TaskState::kSucceeded;
    entry->task.end_time = kNow + absl::Hours(n);
    table_.NoteEnd(*entry);
  }
  std::vector<int> List(const TaskQuery& query, size_t limit = 100) {
    std::vector<int> ids;
    std::optional<TaskTable::Position> after;
    do {
      const TaskTable::Page page = table_.List(query, after, limit);
      EXPECT_LE(page.items.size(), limit);
      for (const auto* entry : page.items) {
        ids.push_back(entry->task.id.bytes[15]);
      }
      after = page.next;
    } while (after.has_value());
    return ids;
  }

  TaskTable table_;
};

TEST_F(TaskTableTest, FindsByIdAndByRequestInItsDatastore) {
  table_.Add(MakeTask(1));
  table_.Add(MakeTask(2, "other"));
  EXPECT_EQ(table_.Find(Id(1))->task.id, Id(1));
  EXPECT_EQ(table_.Find(Id(3)), nullptr);
  EXPECT_EQ(table_.FindRequest("main", "r1")->task.id, Id(1));
  EXPECT_EQ(table_.FindRequest("other", "r1"), nullptr);
  EXPECT_EQ(table_.FindRequest("unheard", "r1"), nullptr);
  EXPECT_THAT(table_.Datastores(), ElementsAre("main", "other"));
}

TEST_F(TaskTableTest, WhatIsRemovedIsNowhere) {
  table_.Add(MakeTask(1));
  table_.Add(MakeTask(2));
  End(2);
  table_.Remove(Id(1));
  table_.Remove(Id(2));
  table_.Remove(Id(9));
  EXPECT_EQ(table_.size(), 0u);
  EXPECT_EQ(table_.FindRequest("main", "r1"), nullptr);
  EXPECT_EQ(table_.CountActive("main"), 0u);
  EXPECT_THAT(table_.Ended("main"), IsEmpty());
  EXPECT_THAT(List({}), IsEmpty());
}

TEST_F(TaskTableTest, CountsActiveAndEndedApart) {
  for (uint8_t n = 1; n <= 3; ++n) table_.Add(MakeTask(n));
  EXPECT_EQ(table_.CountActive("main"), 3u);
  End(2);
  EXPECT_EQ(table_.CountActive("main"), 2u);
  EXPECT_THAT(table_.Ended("main"),
              ElementsAre(EndedTask{kNow + absl::Hours(2), Id(2)}));
  Task ended = MakeTask(4);
  ended.state = TaskState::kFailed;
  ended.end_time = kNow;
  table_.Add(ended);
  EXPECT_EQ(table_.CountActive("main"), 2u);
  EXPECT_EQ(table_.Ended("main").size(), 2u);
  EXPECT_EQ(table_.CountActive("other"), 0u);
}

TEST_F(TaskTableTest, KnowsTheActiveTaskOfAJob) {
  Task task = MakeTask(1);
  task.request.job = "nightly";
  table_.Add(task);
  EXPECT_EQ(table_.FindActiveOfJob("main", "nightly")->task.id, Id(1));
  EXPECT_EQ(table_.FindActiveOfJob("main", "weekly"), nullptr);
  EXPECT_EQ(table_.FindActiveOfJob("other", "nightly"), nullptr);
  End(1);
  EXPECT_EQ(table_.FindActiveOfJob("main", "nightly"), nullptr);
}

TEST_F(TaskTableTest, ListsTheNewestFirstPageByPage) {
  for (const uint8_t n : {3, 1, 5, 2, 4}) table_.Add(MakeTask(n));
  for (size_t limit = 1; limit <= 6; ++limit) {
    EXPECT_THAT(List({}, limit), ElementsAre(5, 4, 3, 2, 1)) << limit;
  }
}

TEST_F(TaskTableTest, TasksOfOneInstantAreListedOnce) {
  for (uint8_t n = 1; n <= 3; ++n) {
    Task task = MakeTask(n);
    task.create_time = kNow;
    table_.Add(task);
  }
  EXPECT_THAT(List({}, 1), ElementsAre(3, 2, 1));
}

TEST_F(TaskTableTest, APageGoesOnWhereTheLastOneEndedWhateverChanged) {
  for (uint8_t n = 1; n <= 4; ++n) table_.Add(MakeTask(n));
  const TaskTable::Page page = table_.List({}, std::nullopt, 2);
  ASSERT_TRUE(page.next.has_value());
  table_.Add(MakeTask(5));
  table_.Remove(Id(3));  // the last one of that page
  const TaskTable::Page rest = table_.List({}, page.next, 10);
  ASSERT_EQ(rest.items.size(), 2u);
  EXPECT_EQ(rest.items[0]->task.id, Id(2));
  EXPECT_FALSE(rest.next.has_value());
}

TEST_F(TaskTableTest, EachFilterSelects) {
  for (uint8_t n = 1; n <= 6; ++n) {
    Task task = MakeTask(n, n % 2 == 0 ? "even" : "odd");
    task.request.kind = n <= 3 ? TaskKind::kPrune : TaskKind::kGc;
    task.request.job = n == 2 ? "nightly" : "";
    table_.Add(task);
  }
  End(5);
  EXPECT_THAT(List({.datastore = "even"}), ElementsAre(6, 4, 2));
  EXPECT_THAT(List({.kind = TaskKind::kPrune}), ElementsAre(3, 2, 1));
  EXPECT_THAT(List({.state = TaskState::kSucceeded}), ElementsAre(5));
  EXPECT_THAT(List({.job = "nightly"}), ElementsAre(2));
  EXPECT_THAT(List({.since = kNow + absl::Minutes(5)}), ElementsAre(6, 5));
  EXPECT_THAT(List({.datastore = "even", .kind = TaskKind::kGc}, 1),
              ElementsAre(6, 4));
  EXPECT_THAT(List({.datastore = "none"}), IsEmpty());
}

}  // namespace
}  // namespace cairn::maintenance
