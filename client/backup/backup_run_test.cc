#include "client/backup/backup_run.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include <fstream>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <utility>

#include "client/posix/local_error.h"
#include "client/posix/local_file.h"
#include "client/testing/run_harness.h"
#include "client/transfer/publish_unknown.h"
#include "common/concurrency/thread_pool_executor.h"
#include "common/status/reason.h"
#include "common/testing/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cairn::client {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr uint64_t kMiB = 1024 * 1024;

// Backups over real gRPC streams to a server that breaks them.
class BackupRunTest : public ::testing::TestWithParam<BackupWay>,
                      protected RunHarness {
 protected:
  ArchiveSpec File(const std::string& name, const std::string& content) {
    return *ArchiveSpec::Parse(name + ":" +
                               WriteFile("source-" + name, content));
  }

  absl::StatusOr<BackupReport> Run(std::vector<ArchiveSpec> archives,
                                   int stdin_fd = -1) {
    BackupRequest request;
    request.group = *GroupName::Parse("datastores/default/groups/host/web1");
    request.archives = std::move(archives);
    request.way = GetParam();
    return RunBackup(request, stdin_fd);
  }
};

TEST_P(BackupRunTest, PublishesSeveralArchives) {
  const std::string stream = RandomBytes(3 * kMiB + 17);
  const std::string blob = RandomBytes(1000);
  ASSERT_OK_AND_ASSIGN(
      const BackupReport report,
      Run({File("a.raw", stream), File("b.blob", blob), File("c.img", "")}));
  EXPECT_EQ(server_.Published("a.raw")->content, stream);
  EXPECT_EQ(server_.Published("b.blob")->content, blob);
  EXPECT_EQ(server_.Published("b.blob")->kind, model::v1::ARCHIVE_KIND_BLOB);
  EXPECT_EQ(server_.Published("c.img")->content, "");
  EXPECT_EQ(report.snapshot.size_bytes(), stream.size() + blob.size());
  EXPECT_TRUE(report.archives[0].sent.statistics.has_value());
  EXPECT_EQ(retries_, 0);
}

// What was named in place of being sent was stored already.
TEST_P(BackupRunTest, TellsHowMuchOfAnArchiveIsNew) {
  const std::string content = RandomBytes(5 * kMiB + 3);
  ASSERT_OK(Run({File("a.img", content)}));
  TransferProgress last;
  on_progress_ = [&](const TransferProgress& progress) {
    if (progress.done) last = progress;
  };
  ASSERT_OK(Run({File("a.img", content)}));
  EXPECT_EQ(last.plain_bytes, content.size());
  EXPECT_LT(last.new_bytes, content.size());
  if (GetParam() == BackupWay::kChunks) {
    EXPECT_EQ(last.new_bytes, 0u);
  }
}

TEST_P(BackupRunTest, AFileSurvivesStreamsThatBreakAnywhere) {
  const std::string content = RandomBytes(12 * kMiB + 5);
  server_.SetFaults({.write_cuts = 20, .max_cut_bytes = 3 * kMiB});
  ASSERT_OK_AND_ASSIGN(const BackupReport report,
                       Run({File("a.raw", content), File("b.img", content)}));
  EXPECT_EQ(server_.Published("a.raw")->content, content);
  EXPECT_EQ(server_.Published("b.img")->content, content);
  EXPECT_EQ(server_.cuts_made(), 20);
  EXPECT_GE(retries_, 20);
}

TEST_P(BackupRunTest, HolesSurviveStreamsThatBreakAnywhere) {
  const std::string path = dir_.Join("disk");
  const int fd = open(path.c_str(), O_RDWR | O_CREAT, 0600);
  const std::string data = RandomBytes(2 * kMiB);
  for (const uint64_t at : {kMiB / 2, 20 * kMiB + 3, 39 * kMiB}) {
    ASSERT_EQ(pwrite(fd, data.data(), data.size(), static_cast<off_t>(at)),
              static_cast<ssize_t>(data.size()));
  }
  ASSERT_EQ(ftruncate(fd, 48 * kMiB), 0);
  std::string content(48 * kMiB, '\0');
  ASSERT_EQ(pread(fd, content.data(), content.size(), 0),
            static_cast<ssize_t>(content.size()));
  close(fd);
  server_.SetFaults({.write_cuts = 10, .max_cut_bytes = 16 * kMiB});
  ASSERT_OK(Run({*ArchiveSpec::Parse("disk.img:" + path)}));
  EXPECT_TRUE(server_.Published("disk.img")->content == content);
  EXPECT_GT(server_.Published("disk.img")->hole_bytes, 30 * kMiB);
}

TEST_P(BackupRunTest, StdinSurvivesStreamsThatBreakAnywhere) {
  const std::string content = RandomBytes(24 * kMiB + 1);
  int fds[2];
  ASSERT_EQ(pipe(fds), 0);
  ASSERT_OK_AND_ASSIGN(const auto writer,
                       ThreadPoolExecutor::Create({.threads = 1}));
  ASSERT_OK(writer->Schedule([&] {
    EXPECT_OK(WriteFully(fds[1], "pipe", content, Interrupt()));
    close(fds[1]);
  }));
  server_.SetFaults({.write_cuts = 12, .max_cut_bytes = 6 * kMiB});
  ASSERT_OK(Run({*ArchiveSpec::Parse("dump.raw:-")}, fds[0]));
  EXPECT_TRUE(server_.Published("dump.raw")->content == content);
  close(fds[0]);
}

TEST_P(BackupRunTest, ATreeSurvivesStreamsThatBreakAnywhere) {
  const std::string tree = dir_.Join("tree");
  ASSERT_EQ(mkdir(tree.c_str(), 0700), 0);
  for (int i = 0; i < 20; ++i) {
    std::ofstream(tree + "/file" + std::to_string(i)) << RandomBytes(kMiB / 2);
  }
  const ArchiveSpec spec = *ArchiveSpec::Parse("t.tar:" + tree);
  ASSERT_OK(Run({spec}));
  const std::string whole = server_.Published("t.tar")->content;
  server_.SetFaults({.write_cuts = 8, .max_cut_bytes = 3 * kMiB});
  ASSERT_OK(Run({spec}));
  // The same tree is the same stream, cut or not.
  EXPECT_TRUE(server_.Published("t.tar")->content == whole);
  EXPECT_EQ(server_.cuts_made(), 8);
}

TEST_P(BackupRunTest, AnotherServerProcessGoesOn) {
  const std::string content = RandomBytes(8 * kMiB);
  bool restarted = false;
  on_progress_ = [&](const TransferProgress& progress) {
    if (progress.bytes < 4 * kMiB || restarted) return;
    restarted = true;
    server_.Restart();
  };
  ASSERT_OK(Run({File("a.raw", content)}));
  EXPECT_TRUE(restarted);
  EXPECT_EQ(server_.Published("a.raw")->content, content);
}

TEST_P(BackupRunTest, UnaryCallsAreRepeated) {
  server_.SetFaults({.unavailable_calls = 7});
  ASSERT_OK(Run({File("a.raw", "abc")}));
  EXPECT_EQ(server_.Published("a.raw")->content, "abc");
  EXPECT_EQ(retries_, 7);
}

TEST_P(BackupRunTest, AnUnknownFinishIsSettled) {
  server_.SetFaults({.lost_answers = 3});
  ASSERT_OK_AND_ASSIGN(const BackupReport report, Run({File("a.raw", "abc")}));
  EXPECT_EQ(server_.NewestSessionState(), model::v1::SESSION_STATE_PUBLISHED);
  EXPECT_FALSE(report.snapshot.name().empty());
}

TEST_P(BackupRunTest, AFinishThatStaysUnknownIsToldAndNotAborted) {
  server_.SetFaults({.lost_answers = 1'000'000});
  EXPECT_THAT(Run({File("a.raw", "abc")}),
              StatusIs(absl::StatusCode::kUnavailable,
                       HasSubstr("whether the snapshot was published is not "
                                 "known")));
  EXPECT_EQ(server_.NewestSessionState(), model::v1::SESSION_STATE_PUBLISHED);
}

TEST_P(BackupRunTest, AnInterruptedFinishIsUnknownAndNotAborted) {
  on_progress_ = [this](const TransferProgress& progress) {
    if (progress.done) server_.SetFaults({.unavailable_calls = 1'000'000});
  };
  on_wait_ = [this] { interrupt_.Raise(); };
  const auto report = Run({File("a.raw", "abc")});
  EXPECT_THAT(report, StatusIs(absl::StatusCode::kCancelled,
                               HasSubstr("whether the snapshot was published "
                                         "is not known")));
  EXPECT_THAT(report, HasReasonCode(kPublishUnknown));
  EXPECT_EQ(server_.NewestSessionState(), model::v1::SESSION_STATE_OPEN);
}

TEST_P(BackupRunTest, AnInterruptBeforeTheFinishAbortsTheSession) {
  on_progress_ = [this](const TransferProgress& progress) {
    if (progress.done) interrupt_.Raise();
  };
  const auto report = Run({File("a.raw", "abc")});
  EXPECT_THAT(report, StatusIs(absl::StatusCode::kCancelled));
  EXPECT_THAT(report, Not(HasReasonCode(kPublishUnknown)));
  EXPECT_EQ(server_.NewestSessionState(), model::v1::SESSION_STATE_ABORTED);
}

TEST_P(BackupRunTest, AFencedSessionIsFollowedByANewOne) {
  const std::string content = RandomBytes(4 * kMiB);
  server_.SetFaults({.write_cuts = 1, .max_cut_bytes = kMiB});
  on_wait_ = [this] { server_.FenceSessions(); };
  ASSERT_OK(Run({File("a.raw", content), File("b.blob", "b")}));
  EXPECT_EQ(server_.Published("a.raw")->content, content);
  EXPECT_EQ(server_.Published("b.blob")->content, "b");
  EXPECT_THAT(notices_, ElementsAre(HasSubstr("a new session starts")));
}

TEST_P(BackupRunTest, ASessionWhoseBaseIsGoneIsFollowedByANewOne) {
  const std::string content = RandomBytes(kMiB);
  server_.SetFaults({.gone_bases = 2});
  ASSERT_OK(Run({File("a.raw", content)}));
  EXPECT_EQ(server_.Published("a.raw")->content, content);
  EXPECT_THAT(notices_, ElementsAre(HasSubstr("base is gone"),
                                    HasSubstr("base is gone")));
}

TEST_P(BackupRunTest, OnlyProblemsOfTheLastSessionAreTold) {
  const ArchiveSpec spec = File("a.raw", RandomBytes(4 * kMiB));
  int writes = 0, second = 0;
  on_progress_ = [&](const TransferProgress& progress) {
    if (progress.done || writes > 0) return;
    ++writes;
    const timeval past[2] = {{.tv_sec = ++second}, {.tv_sec = second}};
    EXPECT_EQ(utimes(spec.path.c_str(), past), 0);
  };
  ASSERT_OK(Run({spec}));
  ASSERT_EQ(problems_.count(), 1u) << "the file was written while it was read";
  problems_.Clear();
  writes = 0;
  server_.SetFaults({.gone_bases = 1});
  ASSERT_OK(Run({spec}));
  EXPECT_EQ(writes, 1);
  EXPECT_EQ(problems_.count(), 0u);
}

TEST_P(BackupRunTest, AThirdSessionThatIsRefusedIsTheLast) {
  server_.SetFaults({.gone_bases = 1'000'000});
  EXPECT_THAT(Run({File("a.raw", "abc")}), HasReasonCode(reason::kBaseGone));
  EXPECT_EQ(notices_.size(), 2u);
  EXPECT_EQ(server_.NewestSessionState(), model::v1::SESSION_STATE_ABORTED);
}

TEST_P(BackupRunTest, WhatCameFromStdinCannotStartOver) {
  int fds[2];
  ASSERT_EQ(pipe(fds), 0);
  ASSERT_OK(WriteFully(fds[1], "pipe", "abc", Interrupt()));
  close(fds[1]);
  server_.SetFaults({.gone_bases = 1});
  EXPECT_THAT(Run({*ArchiveSpec::Parse("dump.raw:-")}, fds[0]),
              HasReasonCode(reason::kBaseGone));
  EXPECT_THAT(notices_, IsEmpty());
  close(fds[0]);
}

TEST_P(BackupRunTest, AMissingSourceIsToldBeforeASessionIsOpened) {
  EXPECT_THAT(Run({*ArchiveSpec::Parse("a.raw:" + dir_.Join("none"))}),
              HasReasonCode(kLocalIo));
  EXPECT_EQ(server_.NewestSessionState(), model::v1::SESSION_STATE_UNSPECIFIED);
}

TEST_P(BackupRunTest, AnInterruptAbortsTheSession) {
  on_progress_ = [this](const TransferProgress& progress) {
    if (progress.bytes > kMiB) interrupt_.Raise();
  };
  EXPECT_THAT(Run({File("a.raw", RandomBytes(4 * kMiB))}),
              StatusIs(absl::StatusCode::kCancelled));
  EXPECT_EQ(server_.NewestSessionState(), model::v1::SESSION_STATE_ABORTED);
}

TEST_P(BackupRunTest, GivesUpWhenTheServerStaysAway) {
  server_.SetFaults({.unavailable_calls = 1'000'000});
  EXPECT_THAT(
      Run({File("a.raw", "x")}),
      StatusIs(absl::StatusCode::kUnavailable, HasSubstr("gave up after")));
}

TEST_P(BackupRunTest, ReasonsOfTheServerArrive) {
  server_.SetFaults(
      {.open_error = WithReason(absl::FailedPreconditionError("held by host b"),
                                reason::kLeaseHeld)});
  EXPECT_THAT(Run({File("a.raw", "x")}), HasReasonCode(reason::kLeaseHeld));
}

TEST_P(BackupRunTest, RefusesTwoArchivesOfOneName) {
  EXPECT_THAT(Run({File("a.raw", "x"), File("a.raw", "y")}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("twice")));
  const ArchiveSpec pipe = *ArchiveSpec::Parse("a.raw:-");
  ArchiveSpec other = pipe;
  other.name = "b.raw";
  EXPECT_THAT(Run({pipe, other}), StatusIs(absl::StatusCode::kInvalidArgument));
}

INSTANTIATE_TEST_SUITE_P(Ways, BackupRunTest,
                         ::testing::Values(BackupWay::kChunks,
                                           BackupWay::kStream),
                         [](const ::testing::TestParamInfo<BackupWay>& way) {
                           return way.param == BackupWay::kChunks ? "Chunks"
                                                                  : "Stream";
                         });

}  // namespace
}  // namespace cairn::client
