#include "services/maintenance/domain/task_rules.h"

#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/testing/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cairn::maintenance {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr absl::StatusCode kInvalid = absl::StatusCode::kInvalidArgument;
const absl::Time kNow = absl::FromUnixSeconds(1767225600);

Uuid Id(uint8_t n) {
  Uuid id;
  id.bytes[15] = n;
  return id;
}

TaskRequest MakeRequest() {
  TaskRequest request;
  request.request_id = "nightly 2026-01-01";
  request.kind = TaskKind::kPrune;
  request.datastore = "main";
  request.job = "nightly";
  request.principal = "root@unix";
  request.options = std::string("\0keep", 5);
  return request;
}

Task MakeTask() {
  Task task;
  task.id = Id(1);
  task.request = MakeRequest();
  task.create_time = kNow;
  return task;
}

TEST(ValidateTaskRequestTest, AcceptsWhatIsWithinBounds) {
  EXPECT_OK(ValidateTaskRequest(MakeRequest()));
  TaskRequest request = MakeRequest();
  request.request_id = std::string(kMaxRequestIdLength, 'x');
  request.job = "";
  request.principal = "";
  request.options = std::string(kMaxOptionsBytes, '\xff');
  EXPECT_OK(ValidateTaskRequest(request));
}

TEST(ValidateTaskRequestTest, NamesWhatIsNot) {
  const auto refuses = [](auto change, const char* text) {
    TaskRequest request = MakeRequest();
    change(request);
    EXPECT_THAT(ValidateTaskRequest(request),
                StatusIs(kInvalid, HasSubstr(text)));
  };
  refuses([](TaskRequest& r) { r.request_id = ""; },
          "request id is 0 bytes long, 1..128 are allowed");
  refuses([](TaskRequest& r) { r.request_id = std::string(129, 'x'); },
          "request id is 129 bytes long");
  refuses([](TaskRequest& r) { r.request_id = "a\nb"; },
          "request id \"a\\nb\" is not printable UTF-8");
  refuses([](TaskRequest& r) { r.kind = static_cast<TaskKind>(9); },
          "kind is 9");
  refuses([](TaskRequest& r) { r.datastore = "x"; }, "datastore");
  refuses([](TaskRequest& r) { r.job = "../x"; }, "job id");
  refuses([](TaskRequest& r) { r.job = "ab"; },
          "job id \"ab\" is 2 characters long, 3..32 are allowed");
  refuses([](TaskRequest& r) { r.principal = "\xff"; }, "principal");
  refuses([](TaskRequest& r) { r.options.resize(kMaxOptionsBytes + 1); },
          "options have 65537 bytes");
}

TEST(ValidateTaskTest, StateAndTimesGoTogether) {
  Task task = MakeTask();
  EXPECT_OK(ValidateTask(task));
  task.state = TaskState::kRunning;
  EXPECT_THAT(ValidateTask(task),
              StatusIs(kInvalid, HasSubstr("running but has no start")));
  task.start_time = kNow;
  EXPECT_OK(ValidateTask(task));
  task.end_time = kNow;
  EXPECT_THAT(ValidateTask(task),
              StatusIs(kInvalid, HasSubstr("running but has an end")));
  task.state = TaskState::kFailed;
  EXPECT_OK(ValidateTask(task));
  task.end_time.reset();
  EXPECT_THAT(ValidateTask(task), StatusIs(kInvalid, HasSubstr("no end")));
}

TEST(ValidateTaskTest, EverythingIsBounded) {
  const auto refuses = [](auto change, const char* text) {
    Task task = MakeTask();
    change(task);
    EXPECT_THAT(ValidateTask(task), StatusIs(kInvalid, HasSubstr(text)));
  };
  refuses([](Task& t) { t.id = Uuid(); }, "all zero");
  refuses([](Task& t) { t.state = static_cast<TaskState>(0); }, "state is 0");
  refuses([](Task& t) { t.phase = std::string(129, 'x'); }, "phase is 129");
  refuses([](Task& t) { t.result.resize(kMaxResultBytes + 1); },
          "results have 1048577 bytes");
  refuses([](Task& t) { t.counters = {{"", 1}}; }, "name of a counter");
  refuses(
      [](Task& t) {
        t.counters = {{"a", 1}, {"b", 2}, {"a", 3}};
      },
      "counter \"a\" is there twice");
  refuses(
      [](Task& t) {
        for (int i = 0; i < 65; ++i) t.counters.push_back({absl::StrCat(i), 0});
      },
      "65 counters, at most 64");
}

TEST(CheckTransitionTest, OnlyTheTableIsAllowed) {
  using enum TaskState;
  const std::map<TaskState, std::set<TaskState>> table = {
      {kQueued, {kRunning, kFailed, kCancelled, kInterrupted}},
      {kRunning, {kPaused, kSucceeded, kFailed, kCancelled, kInterrupted}},
      {kPaused, {kRunning, kSucceeded, kFailed, kCancelled, kInterrupted}},
      {kSucceeded, {}},
      {kFailed, {}},
      {kCancelled, {}},
      {kInterrupted, {}},
  };
  for (const TaskState from : kTaskStates) {
    for (const TaskState to : kTaskStates) {
      const absl::Status allowed = CheckTransition(from, to);
      if (table.at(from).contains(to)) {
        EXPECT_OK(allowed);
      } else {
        EXPECT_THAT(allowed,
                    StatusIs(absl::StatusCode::kFailedPrecondition,
                             HasSubstr(absl::StrCat(
                                 "task is ", TaskStateName(from),
                                 " and cannot become ", TaskStateName(to)))));
      }
    }
  }
}

TEST(StateAfterRestartTest, WhatHasNotEndedIsInterrupted) {
  for (const TaskState state : kTaskStates) {
    EXPECT_EQ(StateAfterRestart(state),
              HasEnded(state) ? state : TaskState::kInterrupted);
  }
  EXPECT_FALSE(HasEnded(TaskState::kPaused));
}

TEST(StateOfResultTest, OnlyACancelledRunThatSaysSoIsCancelled) {
  EXPECT_EQ(StateOfResult(absl::OkStatus(), true), TaskState::kSucceeded);
  EXPECT_EQ(StateOfResult(absl::CancelledError(""), true),
            TaskState::kCancelled);
  EXPECT_EQ(StateOfResult(absl::CancelledError(""), false), TaskState::kFailed);
  EXPECT_EQ(StateOfResult(absl::DataLossError(""), true), TaskState::kFailed);
}

TEST(CheckSameStartTest, ARepetitionAsksForTheSame) {
  const Task known = MakeTask();
  TaskRequest wanted = MakeRequest();
  EXPECT_OK(CheckSameStart(known, wanted));
  wanted.principal = "somebody else";
  wanted.job = "";
  EXPECT_OK(CheckSameStart(known, wanted));
  wanted.options = "other";
  EXPECT_THAT(CheckSameStart(known, wanted),
              StatusIs(kInvalid, AllOf(HasSubstr(known.id.ToString()),
                                       HasSubstr("has other options"))));
  wanted.kind = TaskKind::kGc;
  EXPECT_THAT(CheckSameStart(known, wanted),
              StatusIs(kInvalid, HasSubstr("kind prune, not gc")));
}

TEST(ChooseTasksToDropTest, TheOldestAboveTheNumberGo) {
  const TaskRetention retention{.max_ended = 2};
  EXPECT_THAT(ChooseTasksToDrop({}, kNow, retention), IsEmpty());
  EXPECT_THAT(ChooseTasksToDrop({{kNow - absl::Hours(1), Id(1)},
                                 {kNow - absl::Hours(3), Id(2)},
                                 {kNow - absl::Hours(2), Id(3)},
                                 {kNow - absl::Hours(4), Id(4)}},
                                kNow, retention),
              ElementsAre(Id(4), Id(2)));
}

TEST(ChooseTasksToDropTest, TheAgedGoAndThoseFromTheFutureStay) {
  const TaskRetention retention;
  const absl::Duration limit = absl::Hours(24 * 90);
  EXPECT_THAT(ChooseTasksToDrop({{kNow - limit, Id(1)},
                                 {kNow - limit - absl::Nanoseconds(1), Id(2)},
                                 {kNow + limit, Id(3)}},
                                kNow, retention),
              ElementsAre(Id(2)));
}

TEST(ChooseLogLineToDropTest, TheFirstAndTheLastLinesAreKept) {
  std::set<uint64_t> kept;
  const uint64_t count = 25000;
  for (uint64_t sequence = 1; sequence <= count; ++sequence) {
    kept.insert(sequence);
    if (const auto dropped = ChooseLogLineToDrop(sequence)) {
      ASSERT_EQ(kept.erase(*dropped), 1u) << sequence;
    }
    ASSERT_LE(kept.size(), kMaxLogLines);
  }
  EXPECT_EQ(kept.size(), kMaxLogLines);
  EXPECT_EQ(*std::next(kept.begin(), kFirstLogLinesKept - 1),
            kFirstLogLinesKept);
  EXPECT_EQ(*std::next(kept.begin(), kFirstLogLinesKept),
            count - (kMaxLogLines - kFirstLogLinesKept) + 1);
  EXPECT_EQ(*kept.rbegin(), count);
}

TEST(TaskNamesTest, AreDistinct) {
  std::set<std::string_view> names;
  for (const TaskState state : kTaskStates) names.insert(TaskStateName(state));
  for (const TaskKind kind : kTaskKinds) names.insert(TaskKindName(kind));
  EXPECT_EQ(names.size(), std::size(kTaskStates) + std::size(kTaskKinds));
  EXPECT_EQ(names.count("unknown"), 0u);
  EXPECT_EQ(LogLevelName(static_cast<LogLevel>(0)), "unknown");
}

}  // namespace
}  // namespace cairn::maintenance
