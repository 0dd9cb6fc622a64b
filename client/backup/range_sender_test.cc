#include "client/backup/range_sender.h"

#include <unistd.h>

#include <algorithm>

#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "client/backup/backup_run.h"
#include "client/backup/range_list.h"
#include "client/posix/local_file.h"
#include "client/testing/range_diff.h"
#include "client/testing/run_harness.h"
#include "common/concurrency/thread_pool_executor.h"
#include "common/status/reason.h"
#include "common/testing/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cairn::client {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr uint64_t kMiB = 1024 * 1024;
constexpr char kGroup[] = "datastores/default/groups/vm/1";

// Backups of disk.img as changes, to a server that checks each message.
class RangeSenderTest : public ::testing::Test, protected RunHarness {
 protected:
  RangeSenderTest() {
    base_ = RandomBytes(9 * kMiB + 5);
    AddBase("2020-01-01T00:00:00Z", base_);
  }

  void AddBase(const std::string& time, const std::string& content) {
    base_name_ = std::string(kGroup) + "/snapshots/" + time;
    server_.AddSnapshot(
        base_name_,
        {{"disk.img",
          {.kind = model::v1::ARCHIVE_KIND_IMAGE, .content = content}}});
  }

  BackupRequest Request(const std::string& path) {
    BackupRequest request;
    request.group = *GroupName::Parse(kGroup);
    request.archives = {*ArchiveSpec::Parse("disk.img:" + path)};
    request.changes.base = *SnapshotName::Parse(base_name_);
    request.resume = {.server = server_.address(),
                      .state_directory = dir_.Join("state")};
    return request;
  }

  // Of a file with these changes.
  BackupRequest Listed(uint64_t size, const std::vector<Frame>& changes) {
    expected_ = WithChanges(base_, size, changes);
    BackupRequest request = Request(WriteFile("disk", expected_));
    std::vector<ByteRange> ranges;
    for (const Frame& change : changes) {
      ranges.push_back({change.offset, change.end()});
    }
    request.changes.ranges.emplace("disk.img", RangeList(ranges));
    return request;
  }

  absl::StatusOr<BackupReport> Run(const BackupRequest& request,
                                   int stdin_fd = -1) {
    const uint64_t before = server_.range_message_bytes();
    auto report = RunBackup(request, stdin_fd);
    message_bytes_ = server_.range_message_bytes() - before;
    return report;
  }

  // With `diff` on stdin.
  absl::StatusOr<BackupReport> Pipe(const std::string& diff) {
    int fds[2];
    EXPECT_EQ(pipe(fds), 0);
    auto writer = ThreadPoolExecutor::Create({.threads = 1});
    EXPECT_OK(writer);
    Interrupt stop;
    EXPECT_OK((*writer)->Schedule([&] {
      WriteFully(fds[1], "pipe", diff, stop).IgnoreError();
      close(fds[1]);
    }));
    auto report = Run(Request("-"), fds[0]);
    // It may not have been read to its end, and a pipe without a reader is a
    // signal to its writer.
    stop.Raise();
    writer->reset();
    close(fds[0]);
    return report;
  }

  void ExpectPublished() {
    const auto archive = server_.Published("disk.img");
    ASSERT_TRUE(archive.has_value());
    EXPECT_TRUE(archive->content == expected_);
  }

  std::string base_;
  std::string base_name_;
  std::string expected_;
  uint64_t message_bytes_ = 0;
};

TEST_F(RangeSenderTest, SendsWhatChangedAndNothingElse) {
  const std::vector<Frame> changes = {{.offset = 5, .data = "abc"},
                                      {.offset = 3 * kMiB, .data = "def"}};
  ASSERT_OK_AND_ASSIGN(const BackupReport report,
                       Run(Listed(base_.size(), changes)));
  ExpectPublished();
  EXPECT_LT(message_bytes_, 500u);
  const SentArchive& sent = report.archives[0].sent;
  EXPECT_EQ(sent.sent_bytes, message_bytes_);
  EXPECT_EQ(sent.read_bytes, 6u);
  EXPECT_EQ(sent.reused_bytes, base_.size() - 6);
  EXPECT_EQ(sent.size_bytes, base_.size());
  ASSERT_TRUE(sent.statistics.has_value());
  EXPECT_EQ(sent.statistics->reused_bytes(), base_.size() - 6);
}

TEST_F(RangeSenderTest, AnyChangesOfAnySizeFromAFileOrStdin) {
  for (int round = 0; round < 12; ++round) {
    const uint64_t size = round % 3 == 0   ? base_.size()
                          : round % 3 == 1 ? random_() % base_.size()
                                           : base_.size() + random_() % kMiB;
    const std::vector<Frame> changes =
        RandomChanges(random_, size, 20, 1 + random_() % (2 * kMiB));
    expected_ = WithChanges(base_, size, changes);
    const absl::StatusOr<BackupReport> report =
        round % 2 == 0 ? Run(Listed(size, changes))
                       : Pipe(DiffOf(size, changes));
    ASSERT_OK(report);
    ExpectPublished();
    const SentArchive& sent = report->archives[0].sent;
    EXPECT_EQ(sent.size_bytes, size);
    EXPECT_EQ(sent.reused_bytes, sent.statistics->reused_bytes());
    base_ = expected_;
    base_name_ = report->snapshot.name();
  }
}

TEST_F(RangeSenderTest, NoChangesAtAll) {
  ASSERT_OK(Run(Listed(base_.size(), {})));
  ExpectPublished();
  EXPECT_LT(message_bytes_, 300u);
}

TEST_F(RangeSenderTest, SurvivesStreamsThatBreakAnywhere) {
  for (const bool piped : {false, true}) {
    const uint64_t size = base_.size() + 3 * kMiB;
    const std::vector<Frame> changes = RandomChanges(random_, size, 40, kMiB);
    const int before = server_.cuts_made();
    server_.SetFaults({.write_cuts = 12, .max_cut_bytes = 2 * kMiB});
    expected_ = WithChanges(base_, size, changes);
    ASSERT_OK_AND_ASSIGN(
        const BackupReport report,
        piped ? Pipe(DiffOf(size, changes)) : Run(Listed(size, changes)));
    ExpectPublished();
    EXPECT_EQ(server_.cuts_made(), before + 12);
    // What broken streams lost is not counted twice here.
    uint64_t changed = 0;
    for (const Frame& change : changes) {
      changed += std::min<uint64_t>(change.end(), base_.size()) -
                 std::min<uint64_t>(change.offset, base_.size());
    }
    EXPECT_EQ(report.archives[0].sent.reused_bytes, base_.size() - changed);
    base_name_ = report.snapshot.name();
    base_ = expected_;
  }
}

TEST_F(RangeSenderTest, ADiffThatIsLargerThanTheBufferGoesOn) {
  base_.resize(100 * kMiB, 'b');
  AddBase("2020-01-02T00:00:00Z", base_);
  std::vector<Frame> changes;
  for (uint64_t at = 0; at + kMiB <= base_.size(); at += kMiB + 7) {
    changes.push_back({.offset = at, .data = std::string(kMiB, 'c')});
  }
  server_.SetFaults({.write_cuts = 3, .max_cut_bytes = 60 * kMiB});
  expected_ = WithChanges(base_, base_.size(), changes);
  ASSERT_OK(Pipe(DiffOf(base_.size(), changes)));
  ExpectPublished();
}

TEST_F(RangeSenderTest, BesideArchivesThatAreSentWhole) {
  BackupRequest request =
      Listed(base_.size(), {{.offset = 7, .data = "changed"}});
  request.archives.push_back(
      *ArchiveSpec::Parse("other.img:" + WriteFile("other", "whole")));
  request.archives.push_back(
      *ArchiveSpec::Parse("vm.blob:" + WriteFile("conf", "blob")));
  ASSERT_OK(Run(request));
  ExpectPublished();
  EXPECT_EQ(server_.Published("other.img")->content, "whole");
  EXPECT_EQ(server_.Published("vm.blob")->content, "blob");
}

TEST_F(RangeSenderTest, ABaseThatCannotBeUsedIsToldBeforeASessionIsOpened) {
  BackupRequest request = Listed(base_.size(), {});
  request.changes.base->time += 5;
  auto report = Run(request);
  EXPECT_THAT(report, HasReasonCode(reason::kReuseRefused));
  EXPECT_THAT(report, StatusIs(absl::StatusCode::kFailedPrecondition,
                               HasSubstr("the base is not there")));
  request = Listed(base_.size(), {});
  request.archives[0].name = "new.img";
  request.changes.ranges.emplace("new.img", RangeList());
  request.changes.ranges.erase("disk.img");
  report = Run(request);
  EXPECT_THAT(report, HasReasonCode(reason::kReuseRefused));
  EXPECT_THAT(report, StatusIs(absl::StatusCode::kFailedPrecondition,
                               HasSubstr("has no archive new.img")));
  server_.ForgetRanges();
  EXPECT_THAT(Run(Listed(base_.size(), {})),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("takes no changed ranges")));
  EXPECT_EQ(server_.NewestSessionState(), model::v1::SESSION_STATE_UNSPECIFIED);
}

TEST_F(RangeSenderTest, AnOlderSnapshotIsNoBase) {
  const BackupRequest request = Listed(base_.size(), {});
  AddBase("2020-01-02T00:00:00Z", base_);
  const auto report = Run(request);
  EXPECT_THAT(report, HasReasonCode(reason::kReuseRefused));
  EXPECT_THAT(report, StatusIs(absl::StatusCode::kFailedPrecondition,
                               HasSubstr("newest good snapshot of the group: " +
                                         base_name_)));
  EXPECT_EQ(server_.NewestSessionState(), model::v1::SESSION_STATE_ABORTED);
}

TEST_F(RangeSenderTest, DamageInTheBaseEndsTheRun) {
  server_.SetFaults({.refused_reuses = {{5 * kMiB, 10}}});
  const auto report =
      Run(Listed(base_.size(), {{.offset = 6 * kMiB, .data = "x"}}));
  EXPECT_THAT(report, HasReasonCode(reason::kReuseRefused));
  EXPECT_EQ(server_.NewestSessionState(), model::v1::SESSION_STATE_ABORTED);
  // Not if it was changed.
  ASSERT_OK(Run(Listed(base_.size(), {{.offset = 5 * kMiB - 1,
                                       .data = std::string(100, 'x')}})));
  ExpectPublished();
}

TEST_F(RangeSenderTest, ABaseThatIsForgottenMeanwhileEndsTheRun) {
  server_.SetFaults({.write_cuts = 1, .max_cut_bytes = 1});
  on_wait_ = [this] { server_.RemoveSnapshot(base_name_); };
  const auto report =
      Run(Listed(base_.size(), {{.offset = 6 * kMiB, .data = "x"}}));
  EXPECT_THAT(report, HasReasonCode(reason::kReuseRefused));
  EXPECT_EQ(server_.NewestSessionState(), model::v1::SESSION_STATE_ABORTED);
}

TEST_F(RangeSenderTest, ADiffThatIsDamagedPublishesNothing) {
  const std::string diff =
      DiffOf(base_.size(), {{.offset = 7, .data = std::string(kMiB, 'x')}});
  EXPECT_THAT(
      Pipe(diff.substr(0, diff.size() - 1)),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("was cut off")));
  EXPECT_EQ(server_.NewestSessionState(), model::v1::SESSION_STATE_ABORTED);
  EXPECT_THAT(Pipe("no diff"), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_TRUE(server_.Published("disk.img")->content == base_);
}

TEST_F(RangeSenderTest, WhatIsAskedForMustMakeSense) {
  const auto refused = [&](const BackupRequest& request, const char* text) {
    EXPECT_THAT(Run(request),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(text)));
  };
  const BackupRequest good = Listed(base_.size(), {});
  BackupRequest request = good;
  request.changes.base.reset();
  refused(request, "--changed-ranges without --base");
  request = good;
  request.changes.ranges.clear();
  refused(request, "--base without changes");
  request = good;
  request.changes.ranges.emplace("none.img", RangeList());
  refused(request, "names an archive that is not backed up");
  request = good;
  request.changes.base->group.id = "2";
  refused(request, "is not of the group");
  request = good;
  request.archives[0].source = SourceKind::kPipe;
  refused(request, "allowed is an image of a file or device");
  request = Request("-");
  request.changes.base.reset();
  refused(request, "since --base SNAPSHOT, which is not given");
  EXPECT_EQ(server_.NewestSessionState(), model::v1::SESSION_STATE_UNSPECIFIED);
}

// After a kill, in another process.
class ResumedRangesTest : public RangeSenderTest {
 protected:
  // As killed when about 5 MiB are durable.
  BackupRequest RunToTheMiddle() {
    BackupRequest request =
        Listed(base_.size(), RandomChanges(random_, base_.size(), 200, 60'000));
    server_.SetFaults({.gone_at_durable = 5 * kMiB});
    EXPECT_THAT(Run(request), StatusIs(absl::StatusCode::kUnavailable));
    server_.SetFaults({});
    request.resume.resume = true;
    return request;
  }
};

TEST_F(ResumedRangesTest, GoesOnWhereItIsDurable) {
  const BackupRequest request = RunToTheMiddle();
  ASSERT_OK_AND_ASSIGN(const BackupReport report, Run(request));
  EXPECT_TRUE(report.resumed);
  ExpectPublished();
  EXPECT_LT(report.archives[0].sent.read_bytes, 5 * kMiB);
  EXPECT_LE(report.archives[0].sent.reused_bytes, base_.size() - 5 * kMiB);
}

TEST_F(ResumedRangesTest, AnotherListIsAnotherBackup) {
  BackupRequest request = RunToTheMiddle();
  request.changes.ranges.at("disk.img") = RangeList({{0, base_.size()}});
  ASSERT_OK_AND_ASSIGN(const BackupReport report, Run(request));
  EXPECT_FALSE(report.resumed);
  EXPECT_THAT(notices_, ElementsAre(HasSubstr("a new backup starts")));
  ExpectPublished();
}

TEST_F(ResumedRangesTest, AWholeBackupIsAnotherBackup) {
  BackupRequest request = RunToTheMiddle();
  request.changes = {};
  ASSERT_OK_AND_ASSIGN(const BackupReport report, Run(request));
  EXPECT_FALSE(report.resumed);
  ExpectPublished();
}

TEST_F(ResumedRangesTest, StdinIsNotTakenUpInTheMiddle) {
  const std::vector<Frame> changes =
      RandomChanges(random_, base_.size(), 200, 60'000);
  server_.SetFaults({.gone_at_durable = 5 * kMiB});
  EXPECT_THAT(Pipe(DiffOf(base_.size(), changes)),
              StatusIs(absl::StatusCode::kUnavailable));
  server_.SetFaults({});
  BackupRequest request = Request("-");
  request.resume.resume = true;
  EXPECT_THAT(Run(request),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("stdin cannot be read from there")));
}

}  // namespace
}  // namespace cairn::client
