#include "client/backup/session_opener.h"

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "client/backup/backup_run.h"
#include "client/testing/run_harness.h"
#include "common/status/reason.h"
#include "common/testing/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cairn::client {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr uint64_t kMiB = 1024 * 1024;

// Whole backups, as the session's fate shows there.
class SessionOpenerTest : public ::testing::Test, protected RunHarness {
 protected:
  SessionOpenerTest() {
    content_ = RandomBytes(9 * kMiB + 5);
    Write(content_);
  }

  void Write(const std::string& content) { WriteFile("disk", content); }

  absl::StatusOr<BackupReport> Run(bool resume, BackupWay way,
                                   const std::string& archive = "",
                                   int stdin_fd = -1) {
    BackupRequest request;
    request.group = *GroupName::Parse("datastores/default/groups/vm/1");
    request.archives = {*ArchiveSpec::Parse(
        archive.empty() ? "disk.img:" + dir_.Join("disk") : archive)};
    request.way = way;
    request.notes = notes_;
    request.resume = {.resume = resume,
                      .server = server_name_,
                      .state_file = state_file_,
                      .state_directory = dir_.Join("state/cairn")};
    return RunBackup(request, stdin_fd);
  }

  // A backup whose server goes away in the middle: as after a kill, nobody
  // has ended its session.
  void RunToTheMiddle(BackupWay way, const std::string& archive = "",
                      int stdin_fd = -1) {
    server_.SetFaults({.gone_at_durable = 5 * kMiB});
    EXPECT_THAT(Run(false, way, archive, stdin_fd),
                StatusIs(absl::StatusCode::kUnavailable));
    server_.SetFaults({});
    EXPECT_EQ(server_.NewestSessionState(), model::v1::SESSION_STATE_OPEN);
    EXPECT_EQ(StateFiles(), 1u);
  }

  size_t StateFiles() const {
    size_t files = 0;
    std::error_code error;
    for ([[maybe_unused]] const auto& entry :
         std::filesystem::directory_iterator(dir_.Join("state/cairn"), error)) {
      ++files;
    }
    return files;
  }

  std::string content_;
  std::string notes_;
  std::string state_file_;
  std::string server_name_ = "replica-1:9443";
};

TEST_F(SessionOpenerTest, GoesOnWhereAKilledProcessStood) {
  // Also by another way than it began.
  for (const BackupWay way : {BackupWay::kChunks, BackupWay::kStream}) {
    RunToTheMiddle(way);
    ASSERT_OK_AND_ASSIGN(const BackupReport report,
                         Run(true, BackupWay::kChunks));
    EXPECT_TRUE(report.resumed);
    EXPECT_LT(report.archives[0].sent.read_bytes, content_.size() - kMiB);
    EXPECT_TRUE(server_.Published("disk.img")->content == content_);
    EXPECT_THAT(notices_, ElementsAre(HasSubstr("goes on with session")));
    EXPECT_EQ(StateFiles(), 0u);
    content_[0] ^= 1;
    Write(content_);
  }
}

TEST_F(SessionOpenerTest, GoesOnThroughAnotherReplica) {
  state_file_ = dir_.Join("a.state");
  server_.SetFaults({.gone_at_durable = 5 * kMiB});
  EXPECT_THAT(Run(false, BackupWay::kChunks),
              StatusIs(absl::StatusCode::kUnavailable));
  server_.SetFaults({});
  server_name_ = "replica-2:9443";
  ASSERT_OK_AND_ASSIGN(const BackupReport report,
                       Run(true, BackupWay::kChunks));
  EXPECT_TRUE(report.resumed);
  EXPECT_LT(report.archives[0].sent.read_bytes, content_.size() - kMiB);
  EXPECT_TRUE(server_.Published("disk.img")->content == content_);
}

// A file that the caller did not name belongs to one server: another one may
// be another suite.
TEST_F(SessionOpenerTest, AnotherServerIsAnotherBackup) {
  RunToTheMiddle(BackupWay::kChunks);
  server_name_ = "elsewhere:9443";
  ASSERT_OK_AND_ASSIGN(const BackupReport report, Run(true, BackupWay::kBest));
  EXPECT_FALSE(report.resumed);
  EXPECT_THAT(notices_, ElementsAre(HasSubstr("name its --state-file")));
  EXPECT_EQ(StateFiles(), 1u);
}

TEST_F(SessionOpenerTest, ABackupThatEndsKeepsNothing) {
  ASSERT_OK_AND_ASSIGN(const BackupReport report, Run(false, BackupWay::kBest));
  EXPECT_FALSE(report.resumed);
  EXPECT_EQ(StateFiles(), 0u);
  on_progress_ = [this](const TransferProgress&) { interrupt_.Raise(); };
  EXPECT_THAT(Run(false, BackupWay::kBest),
              StatusIs(absl::StatusCode::kCancelled));
  EXPECT_EQ(server_.NewestSessionState(), model::v1::SESSION_STATE_ABORTED);
  EXPECT_EQ(StateFiles(), 0u);
}

TEST_F(SessionOpenerTest, WithNothingToResumeABackupStarts) {
  ASSERT_OK_AND_ASSIGN(const BackupReport report, Run(true, BackupWay::kBest));
  EXPECT_FALSE(report.resumed);
  EXPECT_THAT(notices_, ElementsAre(HasSubstr("a new one starts")));
}

TEST_F(SessionOpenerTest, ASessionThatIsGoneIsToldAndStartsAnew) {
  RunToTheMiddle(BackupWay::kChunks);
  server_.FenceSessions();
  ASSERT_OK_AND_ASSIGN(const BackupReport report, Run(true, BackupWay::kBest));
  EXPECT_FALSE(report.resumed);
  EXPECT_TRUE(server_.Published("disk.img")->content == content_);
  EXPECT_THAT(notices_, ElementsAre(HasSubstr("a new backup starts")));
  EXPECT_EQ(StateFiles(), 0u);
}

TEST_F(SessionOpenerTest, AFileThatWasWrittenIsNotMixed) {
  RunToTheMiddle(BackupWay::kChunks);
  content_[1] ^= 1;
  Write(content_);
  ASSERT_OK_AND_ASSIGN(const BackupReport report, Run(true, BackupWay::kBest));
  EXPECT_FALSE(report.resumed);
  EXPECT_TRUE(server_.Published("disk.img")->content == content_);
  EXPECT_THAT(notices_, ElementsAre(HasSubstr("was written since")));
}

TEST_F(SessionOpenerTest, AHeldLeaseTellsThatResumingHelps) {
  RunToTheMiddle(BackupWay::kChunks);
  server_.SetFaults({.open_error = WithReason(absl::AbortedError("it is held"),
                                              reason::kLeaseHeld)});
  const auto again = Run(false, BackupWay::kBest);
  EXPECT_THAT(again, HasReasonCode(reason::kLeaseHeld));
  EXPECT_THAT(again, StatusIs(absl::StatusCode::kAborted,
                              HasSubstr("--resume goes on with it")));
  // Another backup of the group is not helped.
  notes_ = "other";
  EXPECT_THAT(Run(false, BackupWay::kBest),
              StatusIs(absl::StatusCode::kAborted, Not(HasSubstr("--resume"))));
}

TEST_F(SessionOpenerTest, StdinIsRefusedOnceSomeOfItIsDurable) {
  const int fd = open(dir_.Join("disk").c_str(), O_RDONLY);
  RunToTheMiddle(BackupWay::kChunks, "dump.raw:-", fd);
  EXPECT_THAT(Run(true, BackupWay::kBest, "dump.raw:-", fd),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("stdin cannot be read")));
  close(fd);
}

TEST_F(SessionOpenerTest, TheStateFileOfAnotherBackupIsRefused) {
  state_file_ = dir_.Join("mine");
  on_progress_ = [this](const TransferProgress&) {
    on_progress_ = nullptr;
    // While it runs, nobody else goes on with it.
    EXPECT_THAT(SessionFile::Open(state_file_),
                StatusIs(absl::StatusCode::kAborted));
    std::filesystem::copy_file(state_file_, dir_.Join("copy"));
  };
  ASSERT_OK(Run(false, BackupWay::kBest));
  EXPECT_FALSE(std::filesystem::exists(state_file_));
  state_file_ = dir_.Join("copy");
  notes_ = "other";
  EXPECT_THAT(Run(true, BackupWay::kBest),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("something else")));
  notes_ = "";
  ASSERT_OK(Run(true, BackupWay::kBest));
  EXPECT_THAT(notices_, ElementsAre(HasSubstr("was published as")));
}

}  // namespace
}  // namespace cairn::client
