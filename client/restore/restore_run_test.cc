#include "client/restore/restore_run.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <random>
#include <string>
#include <utility>

#include "client/testing/run_harness.h"
#include "common/status/reason.h"
#include "common/testing/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cairn::client {
namespace {

using ::testing::HasSubstr;

constexpr uint64_t kMiB = 1024 * 1024;
constexpr char kSnapshot[] =
    "datastores/default/groups/host/web1/snapshots/2026-01-01T00:00:00Z";

// By chunks, and as the server decodes them.
class RestoreRunTest : public ::testing::TestWithParam<bool>,
                       protected RunHarness {
 protected:
  RestoreRunTest() {
    content_ = RandomBytes(10 * kMiB + 77);
    // A hole of five MiB, and one at the end.
    std::fill_n(content_.begin() + 2 * kMiB, 5 * kMiB, '\0');
    std::fill_n(content_.begin() + 9 * kMiB, kMiB + 77, '\0');
    server_.AddSnapshot(kSnapshot, {{"a.img", {.content = content_}},
                                    {"bad.tar", {.content = content_}},
                                    {"empty.raw", {}}});
  }

  RestoreRequest Request(const std::string& archive = "a.img") {
    return {.archive = std::string(kSnapshot) + "/archives/" + archive,
            .label = archive,
            .target = target_};
  }

  absl::StatusOr<RestoreReport> Run(const RestoreRequest& request,
                                    int stdout_fd = -1) {
    RetryBudget budget = NewBudget();
    const ProgressListener progress = [this](const TransferProgress& p) {
      if (on_progress_) on_progress_(p);
    };
    RestoreRun run({.remote = remotes_.catalog.get(),
                    .executor = GetParam() ? executor_.get() : nullptr,
                    .budget = &budget,
                    .interrupt = &interrupt_,
                    .problems = &problems_,
                    .progress = &progress,
                    .stdout_fd = stdout_fd});
    return run.Run(request);
  }

  static std::string Content(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
  }

  // Names in the folder.
  size_t NamesLeft() {
    size_t names = 0;
    for ([[maybe_unused]] const auto& entry :
         std::filesystem::directory_iterator(dir_.path())) {
      ++names;
    }
    return names;
  }

  const std::string target_ = dir_.Join("target");
  std::string content_;
};

TEST_P(RestoreRunTest, WritesAFileWithItsHoles) {
  ASSERT_OK_AND_ASSIGN(const RestoreReport report, Run(Request()));
  EXPECT_EQ(report.restored_bytes, content_.size());
  EXPECT_GE(report.hole_bytes, 5 * kMiB);
  EXPECT_TRUE(Content(target_) == content_);
  struct stat status;
  ASSERT_EQ(stat(target_.c_str(), &status), 0);
  EXPECT_LT(status.st_blocks * 512, static_cast<int64_t>(6 * kMiB));
  EXPECT_EQ(status.st_mode & 07777, 0600u);
  EXPECT_EQ(NamesLeft(), 1u);
}

TEST_P(RestoreRunTest, GoesOnAfterConnectionsBreakAnywhere) {
  server_.SetFaults({.read_cuts = 25, .max_cut_bytes = kMiB / 2});
  ASSERT_OK(Run(Request()));
  EXPECT_TRUE(Content(target_) == content_);
  EXPECT_GE(server_.cuts_made(), 5);
}

TEST_P(RestoreRunTest, GoesOnAtAnotherServerProcess) {
  bool restarted = false;
  on_progress_ = [&](const TransferProgress&) {
    if (!std::exchange(restarted, true)) server_.Restart();
  };
  ASSERT_OK(Run(Request()));
  EXPECT_TRUE(Content(target_) == content_);
}

TEST_P(RestoreRunTest, RestoresARange) {
  for (const auto& [offset, length] : {std::pair<uint64_t, uint64_t>{0, 512},
                                       {kMiB + 1, 3 * kMiB},
                                       {10 * kMiB, 0},
                                       {content_.size() - 1, 1}}) {
    RestoreRequest request = Request();
    request.offset = offset;
    request.length = length;
    request.overwrite = true;
    ASSERT_OK(Run(request));
    EXPECT_TRUE(
        Content(target_) ==
        content_.substr(offset, length == 0 ? std::string::npos : length));
  }
}

TEST_P(RestoreRunTest, AnEmptyArchiveIsAnEmptyFile) {
  ASSERT_OK(Run(Request("empty.raw")));
  EXPECT_EQ(Content(target_), "");
  EXPECT_TRUE(std::filesystem::exists(target_));
}

TEST_P(RestoreRunTest, KeepsATargetThatExists) {
  std::ofstream(target_) << "mine";
  EXPECT_THAT(Run(Request()), StatusIs(absl::StatusCode::kAlreadyExists,
                                       HasSubstr("--overwrite")));
  EXPECT_EQ(Content(target_), "mine");
  ASSERT_EQ(chmod(target_.c_str(), 0644), 0);
  RestoreRequest request = Request();
  request.overwrite = true;
  ASSERT_OK(Run(request));
  EXPECT_TRUE(Content(target_) == content_);
  struct stat status;
  ASSERT_EQ(stat(target_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0644u);
}

TEST_P(RestoreRunTest, WritesToStdout) {
  const int fd = open(target_.c_str(), O_RDWR | O_CREAT, 0600);
  RestoreRequest request = Request();
  request.target = "-";
  ASSERT_OK(Run(request, fd));
  close(fd);
  EXPECT_TRUE(Content(target_) == content_);
}

TEST_P(RestoreRunTest, AMissingArchiveTouchesNothing) {
  EXPECT_THAT(Run(Request("none.img")), StatusIs(absl::StatusCode::kNotFound));
  RestoreRequest request = Request("none.tar");
  request.extract = true;
  EXPECT_THAT(Run(request), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_EQ(NamesLeft(), 0u);
}

TEST_P(RestoreRunTest, DamageIsHandedOnAndLeavesNoFile) {
  server_.SetFaults(
      {.read_error = WithReason(absl::DataLossError("chunk 9f is damaged"),
                                reason::kRecordDamaged)});
  const auto report = Run(Request());
  EXPECT_THAT(report,
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("chunk 9f")));
  EXPECT_THAT(report, HasReasonCode(reason::kRecordDamaged));
  EXPECT_EQ(NamesLeft(), 0u);
}

TEST_P(RestoreRunTest, RepeatsAndPiecesOfThemAreRestored) {
  std::string content;
  while (content.size() < 4 * kMiB) {
    content += std::string(random_() % 900'000, static_cast<char>(random_()));
    content.append(random_() % 900'000, '\0');
  }
  server_.AddSnapshot(
      kSnapshot,
      {{"runs.img",
        {.kind = model::v1::ARCHIVE_KIND_IMAGE, .content = content}}});
  for (int i = 0; i < 20; ++i) {
    server_.SetFaults({.read_cuts = 2, .max_cut_bytes = kMiB});
    RestoreRequest request = Request("runs.img");
    request.offset = random_() % content.size();
    request.length = 1 + random_() % (content.size() - request.offset);
    request.overwrite = true;
    ASSERT_OK(Run(request));
    EXPECT_TRUE(Content(target_) ==
                content.substr(request.offset, request.length));
  }
}

TEST_P(RestoreRunTest, WhatIsNotItsDigestIsNotWritten) {
  if (!GetParam()) return;  // the server's own tests
  server_.SetFaults({.wrong_chunk_at = 0});
  const auto report = Run(Request());
  EXPECT_THAT(report, StatusIs(absl::StatusCode::kDataLoss,
                               HasSubstr("cannot be proved")));
  EXPECT_THAT(report, HasReasonCode(reason::kRecordDamaged));
  EXPECT_EQ(NamesLeft(), 0u);
}

TEST_P(RestoreRunTest, AnInterruptLeavesNoFile) {
  on_progress_ = [this](const TransferProgress&) { interrupt_.Raise(); };
  EXPECT_THAT(Run(Request()), StatusIs(absl::StatusCode::kCancelled));
  EXPECT_EQ(NamesLeft(), 0u);
}

TEST_P(RestoreRunTest, ADirectoryIsNoTargetForAnImage) {
  ASSERT_EQ(mkdir(target_.c_str(), 0700), 0);
  EXPECT_THAT(Run(Request()), StatusIs(absl::StatusCode::kFailedPrecondition,
                                       HasSubstr("is a directory")));
}

TEST_P(RestoreRunTest, BytesThatAreNoTarAreTold) {
  RestoreRequest request = Request("bad.tar");
  request.extract = true;
  EXPECT_THAT(Run(request), StatusIs(absl::StatusCode::kDataLoss));
}

TEST_P(RestoreRunTest, ARangeOfADirectoryIsRefused) {
  RestoreRequest request = Request("bad.tar");
  request.extract = true;
  request.offset = 1;
  EXPECT_THAT(Run(request), StatusIs(absl::StatusCode::kInvalidArgument));
}

INSTANTIATE_TEST_SUITE_P(Ways, RestoreRunTest, ::testing::Bool(),
                         [](const ::testing::TestParamInfo<bool>& chunks) {
                           return chunks.param ? "Chunks" : "Stream";
                         });

}  // namespace
}  // namespace cairn::client
