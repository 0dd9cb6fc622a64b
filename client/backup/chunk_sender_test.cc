#include <algorithm>
#include <fstream>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "client/backup/backup_run.h"
#include "client/backup/refused_ranges.h"
#include "client/testing/fake_chunks.h"
#include "client/testing/run_harness.h"
#include "common/testing/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cairn::client {
namespace {

constexpr uint64_t kKiB = 1024;
constexpr uint64_t kMiB = 1024 * 1024;

// Backups by chunks to a server that checks each message by itself.
class ChunkSenderTest : public ::testing::Test, protected RunHarness {
 protected:
  // Backs `content` up as `name`; what it cost.
  absl::StatusOr<SentArchive> BackUp(const std::string& name,
                                     const std::string& content,
                                     BackupWay way = BackupWay::kBest) {
    const std::string path = WriteFile("source-" + name, content);
    BackupRequest request;
    // Each archive has its own group, and so its own base.
    request.group = *GroupName::Parse("datastores/default/groups/host/" + name);
    request.archives = {*ArchiveSpec::Parse(name + ":" + path)};
    request.way = way;
    const uint64_t before = server_.chunk_message_bytes();
    absl::StatusOr<BackupReport> report = RunBackup(request);
    message_bytes_ = server_.chunk_message_bytes() - before;
    if (!report.ok()) return report.status();
    return report->archives[0].sent;
  }

  // The server has `content`, cut as it would have cut it.
  void ExpectPublished(const std::string& name, const std::string& content) {
    const auto archive = server_.Published(name);
    ASSERT_TRUE(archive.has_value());
    EXPECT_TRUE(archive->content == content);
    EXPECT_TRUE(archive->entries == EntriesOf(content, archive->kind));
  }

  // Bytes that are another version of `content`.
  std::string Edit(std::string content, bool moves) {
    const int edits = 1 + static_cast<int>(random_() % 8);
    for (int i = 0; i < edits; ++i) {
      const size_t at = random_() % content.size();
      const size_t length =
          std::min<size_t>(random_() % (300 * kKiB), content.size() - at);
      switch (random_() % (moves ? 6 : 4)) {
        case 0:
          content.replace(at, length, RandomBytes(length));
          break;
        case 1:
          content.replace(at, length, std::string(length, '\0'));
          break;
        case 2: {  // a run of equal chunks
          content.replace(at, length, std::string(length, 'r'));
          break;
        }
        case 3: {  // what stands elsewhere
          const size_t from = random_() % (content.size() - length + 1);
          content.replace(at, length, content.substr(from, length));
          break;
        }
        case 4:
          content.insert(at, RandomBytes(length));
          break;
        default:
          content.erase(at, length);
          if (content.empty()) content = "x";
          break;
      }
    }
    return content;
  }

  uint64_t message_bytes_ = 0;  // of the last backup
};

TEST_F(ChunkSenderTest, AnUnchangedImageCostsNearlyNothing) {
  std::string content = RandomBytes(24 * kMiB + 777);
  content.replace(5 * kMiB, 6 * kMiB, std::string(6 * kMiB, '\0'));
  content.replace(15 * kMiB, 2 * kMiB, std::string(2 * kMiB, 'r'));
  ASSERT_OK(BackUp("disk.img", content));
  EXPECT_GT(message_bytes_, 15 * kMiB);
  ASSERT_OK_AND_ASSIGN(const SentArchive again, BackUp("disk.img", content));
  ExpectPublished("disk.img", content);
  EXPECT_LT(message_bytes_, 1000u);
  EXPECT_LT(again.sent_bytes, 1000u);
  EXPECT_EQ(again.reused_bytes, content.size());
  EXPECT_EQ(again.read_bytes, content.size());
}

TEST_F(ChunkSenderTest, AnUnchangedStreamCostsNearlyNothing) {
  const std::string content = RandomBytes(24 * kMiB + 777);
  ASSERT_OK(BackUp("dump.raw", content));
  ASSERT_OK(BackUp("dump.raw", content));
  ExpectPublished("dump.raw", content);
  EXPECT_LT(message_bytes_, 1000u);
}

TEST_F(ChunkSenderTest, WhatOtherClientsSentRawIsReused) {
  const std::string content = RandomBytes(8 * kMiB);
  ASSERT_OK(BackUp("disk.img", content, BackupWay::kStream));
  ASSERT_OK(BackUp("disk.img", content));
  EXPECT_LT(message_bytes_, 1000u);
}

TEST_F(ChunkSenderTest, AnInsertionCostsTheChunksAroundIt) {
  std::string content = RandomBytes(16 * kMiB);
  ASSERT_OK(BackUp("dump.raw", content));
  content.insert(3 * kMiB, RandomBytes(333));
  content.erase(9 * kMiB, 2 * kMiB);
  ASSERT_OK(BackUp("dump.raw", content));
  ExpectPublished("dump.raw", content);
  EXPECT_LT(message_bytes_, kMiB);
}

TEST_F(ChunkSenderTest, RunsAreSentOnce) {
  // A long run, then two kinds of chunks in turn.
  std::string content(8 * kMiB, 'r');
  for (int i = 0; i < 50; ++i) {
    content += std::string(64 * kKiB, i % 2 == 0 ? 'a' : 'b');
  }
  ASSERT_OK(BackUp("disk.img", content));
  ExpectPublished("disk.img", content);
  EXPECT_LT(message_bytes_, 20'000u);
  // Longer than the base's.
  content.insert(0, std::string(8 * kMiB, 'r'));
  ASSERT_OK(BackUp("disk.img", content));
  ExpectPublished("disk.img", content);
  EXPECT_LT(message_bytes_, 20'000u);
}

TEST_F(ChunkSenderTest, AnyEditsAndAnyCutsGiveTheSource) {
  std::string image = RandomBytes(6 * kMiB + random_() % kMiB);
  std::string stream = image;
  for (int round = 0; round < 12; ++round) {
    // Half of them undisturbed.
    const int cuts = round % 2 == 0 ? 0 : static_cast<int>(random_() % 6);
    server_.SetFaults(
        {.write_cuts = cuts, .read_cuts = cuts / 2, .max_cut_bytes = 4 * kMiB});
    ASSERT_OK(BackUp("disk.img", image));
    ExpectPublished("disk.img", image);
    server_.SetFaults(
        {.write_cuts = cuts, .read_cuts = cuts / 2, .max_cut_bytes = 4 * kMiB});
    ASSERT_OK(BackUp("dump.raw", stream));
    ExpectPublished("dump.raw", stream);
    if (HasFailure()) return;
    image = Edit(std::move(image), false);
    stream = Edit(std::move(stream), true);
  }
  EXPECT_GT(server_.reused_bytes(), 20 * kMiB);
}

TEST_F(ChunkSenderTest, WhatTheServerRefusesToReuseIsSent) {
  const std::string content = RandomBytes(8 * kMiB);
  ASSERT_OK(BackUp("disk.img", content));
  server_.SetFaults({.refused_reuses = {{5 * 64 * kKiB, 64 * kKiB},
                                        {70 * 64 * kKiB, 64 * kKiB}}});
  ASSERT_OK_AND_ASSIGN(const SentArchive sent, BackUp("disk.img", content));
  ExpectPublished("disk.img", content);
  EXPECT_LT(message_bytes_, 200 * kKiB);
  EXPECT_GE(sent.reused_bytes, content.size() - 2 * 64 * kKiB);
}

TEST_F(ChunkSenderTest, TooManyRefusalsEndTheReuse) {
  const std::string content = RandomBytes(8 * kMiB);
  ASSERT_OK(BackUp("disk.img", content));
  FakeIngest::Faults faults;
  for (uint64_t i = 0; i < 2 * RefusedRanges::kMax; i += 2) {
    faults.refused_reuses.push_back({i * 64 * kKiB / 2, 64 * kKiB / 2});
  }
  faults.refused_reuses.push_back({7 * kMiB, kMiB});
  server_.SetFaults(faults);
  ASSERT_OK(BackUp("disk.img", content));
  ExpectPublished("disk.img", content);
}

TEST_F(ChunkSenderTest, ABaseThatCannotBeReadOnlyCosts) {
  const std::string content = RandomBytes(3 * kMiB);
  ASSERT_OK(BackUp("disk.img", content));
  for (const absl::Status& error :
       {absl::UnavailableError("away"), absl::DataLossError("damaged"),
        absl::ResourceExhaustedError("too many readers")}) {
    server_.SetFaults({.read_error = error});
    ASSERT_OK(BackUp("disk.img", content));
    ExpectPublished("disk.img", content);
    EXPECT_GT(message_bytes_, 2 * kMiB);
  }
}

TEST_F(ChunkSenderTest, AServerWithoutChunksGetsAStream) {
  server_.ForgetChunks();
  ASSERT_OK(BackUp("a.raw", "some content"));
  EXPECT_EQ(server_.Published("a.raw")->content, "some content");
  EXPECT_EQ(message_bytes_, 0u);
  EXPECT_THAT(BackUp("a.raw", "some content", BackupWay::kChunks),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       ::testing::HasSubstr("--way=stream")));
}

TEST_F(ChunkSenderTest, BlobsAreStreamed) {
  ASSERT_OK(BackUp("a.blob", "some content"));
  EXPECT_EQ(server_.Published("a.blob")->content, "some content");
  EXPECT_EQ(message_bytes_, 0u);
}

}  // namespace
}  // namespace cairn::client
