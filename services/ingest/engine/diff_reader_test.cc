#include "services/ingest/engine/diff_reader.h"

#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "common/status/reason.h"
#include "common/status/status_macros.h"
#include "common/testing/seed.h"
#include "common/testing/status_matchers.h"
#include "services/ingest/engine/ingest_harness.h"

namespace cairn::ingest {
namespace {

using absl::StatusCode;
using testing::ElementsAre;
using testing::IsEmpty;

class DiffReaderTest : public testing::Test {
 protected:
  DiffReaderTest() : random_(TestSeed()), harness_(random_()) {}

  void SetUp() override {
    content_.resize(1'000'000);
    for (char& byte : content_) byte = static_cast<char>(random_());
    ASSERT_OK_AND_ASSIGN(base_, BackUp(harness_.admin(), "web1", content_));
    for (const size_t at : {200'000, 500'000, 800'000}) content_[at] ^= 1;
    content_.append("a tail");
    ASSERT_OK_AND_ASSIGN(changed_, BackUp(harness_.admin(), "web1", content_));
  }

  absl::StatusOr<ArchiveName> BackUp(const Call& caller, const std::string& id,
                                     const std::string& content) {
    ASSIGN_OR_RETURN(const Session session, harness_.OpenSession(caller, id));
    {
      ASSIGN_OR_RETURN(OpenedStream opened, OpenStream(harness_, session, "a"));
      RETURN_IF_ERROR(WriteRange(opened.writer(), {{{.bytes = content}}}, 0,
                                 content.size(), random_));
      RETURN_IF_ERROR(opened.writer().End(content.size()).status());
    }
    ASSIGN_OR_RETURN(const Snapshot snapshot,
                     harness_.Finish(session, {{"a", content.size()}}));
    return ArchiveName{snapshot.name, "a"};
  }

  absl::StatusOr<std::unique_ptr<DiffReader>> Open(const ArchiveName& base,
                                                   const ArchiveName& archive,
                                                   uint64_t offset = 0) {
    return harness_.replica().restore().OpenDiff(harness_.admin(), base,
                                                 archive, offset);
  }

  absl::StatusOr<std::vector<DiffRange>> Diff(const ArchiveName& base,
                                              const ArchiveName& archive,
                                              uint64_t offset = 0) {
    ASSIGN_OR_RETURN(const auto reader, Open(base, archive, offset));
    std::vector<DiffRange> ranges;
    for (;;) {
      ASSIGN_OR_RETURN(const std::optional<DiffPiece> piece, reader->Next());
      if (!piece.has_value()) return ranges;
      ranges.insert(ranges.end(), piece->ranges.begin(), piece->ranges.end());
    }
  }

  // Of `archive`, the chunks that `base` does not have at the same place;
  // right where the archive's cuts are the base's again behind a change.
  std::vector<DiffRange> ChangedChunks(const ArchiveName& base,
                                       const ArchiveName& archive) {
    std::map<uint64_t, ChunkEntry> known;
    for (const PlacedEntry& placed : Entries(base)) {
      known[placed.offset] = placed.entry;
    }
    std::vector<DiffRange> ranges;
    for (const PlacedEntry& placed : Entries(archive)) {
      const auto found = known.find(placed.offset);
      if (found != known.end() && found->second == placed.entry) continue;
      if (!ranges.empty() &&
          ranges.back().offset + ranges.back().length == placed.offset) {
        ranges.back().length += placed.entry.total_length();
      } else {
        ranges.push_back({placed.offset, placed.entry.total_length()});
      }
    }
    return ranges;
  }

  std::vector<PlacedEntry> Entries(const ArchiveName& archive) {
    return harness_.index()
        .client()
        .FindEntries(harness_.admin(), archive, 0, ~uint64_t{0}, 4096)
        ->entries;
  }

  size_t LeaseCount() {
    return harness_.leases()
        .List(harness_.admin(), "default", {})
        ->items.size();
  }

  std::mt19937_64 random_;
  IngestHarness harness_;
  std::string content_;  // of changed_
  ArchiveName base_;
  ArchiveName changed_;
};

TEST_F(DiffReaderTest, GivesTheChangedChunks) {
  const std::vector<DiffRange> expected = ChangedChunks(base_, changed_);
  ASSERT_EQ(expected.size(), 4u);
  ASSERT_OK_AND_ASSIGN(std::vector<DiffRange> ranges, Diff(base_, changed_));
  EXPECT_EQ(ranges, expected);
  ASSERT_OK_AND_ASSIGN(ranges, Diff(changed_, base_));
  EXPECT_EQ(ranges, expected);
  ASSERT_OK_AND_ASSIGN(ranges, Diff(base_, base_));
  EXPECT_THAT(ranges, IsEmpty());
  ASSERT_OK_AND_ASSIGN(ranges, Diff(base_, changed_, expected[1].offset));
  EXPECT_EQ(ranges,
            std::vector<DiffRange>(expected.begin() + 1, expected.end()));
}

TEST_F(DiffReaderTest, JoinsWhatComesInSeveralAnswers) {
  using Diffs = std::vector<absl::StatusOr<ArchiveDiff>>;
  harness_.session_gate().AnswerDiffs(
      Diffs{ArchiveDiff{.ranges = {{10, 10}, {90, 10}}, .next = 100},
            ArchiveDiff{.ranges = {{100, 100}}, .next = 200},
            ArchiveDiff{.ranges = {{200, 5}, {210, 90}}, .next = 300},
            ArchiveDiff{.ranges = {}, .next = 350},
            ArchiveDiff{.ranges = {{360, 40}}, .next = 400, .done = true}});
  ASSERT_OK_AND_ASSIGN(const auto reader, Open(base_, changed_));
  struct Expected {
    std::vector<DiffRange> ranges;
    uint64_t compared_bytes;
  };
  for (const Expected& expected : std::vector<Expected>{{{{10, 10}}, 90},
                                                        {{}, 90},
                                                        {{{90, 115}}, 210},
                                                        {{{210, 90}}, 350},
                                                        {{{360, 40}}, 400}}) {
    ASSERT_OK_AND_ASSIGN(const std::optional<DiffPiece> piece, reader->Next());
    ASSERT_TRUE(piece.has_value());
    EXPECT_EQ(piece->ranges, expected.ranges);
    EXPECT_EQ(piece->compared_bytes, expected.compared_bytes);
  }
  ASSERT_OK_AND_ASSIGN(const std::optional<DiffPiece> end, reader->Next());
  EXPECT_FALSE(end.has_value());
}

TEST_F(DiffReaderTest, AnAnswerThatMakesNoSenseIsNotPassedOn) {
  for (const ArchiveDiff& wrong : std::vector<ArchiveDiff>{
           {.ranges = {}, .next = 0},  // would go on forever
           {.ranges = {{5, 0}}, .next = 10},
           {.ranges = {{5, 6}}, .next = 10},
           {.ranges = {{5, ~uint64_t{0}}}, .next = 10},
           {.ranges = {{12, 1}}, .next = 10},
           {.ranges = {{5, 2}, {6, 2}}, .next = 10}}) {
    harness_.session_gate().AnswerDiffs({wrong});
    EXPECT_THAT(Diff(base_, changed_), StatusIs(StatusCode::kInternal));
  }
}

TEST_F(DiffReaderTest, HoldsBothSnapshotsWhileItRuns) {
  {
    ASSERT_OK_AND_ASSIGN(const auto reader, Open(base_, changed_));
    EXPECT_EQ(LeaseCount(), 2u);
    ASSERT_OK_AND_ASSIGN(const auto same, Open(base_, base_));
    EXPECT_EQ(LeaseCount(), 3u);
  }
  EXPECT_EQ(LeaseCount(), 0u);
}

TEST_F(DiffReaderTest, BothArchivesMustBeTheCallers) {
  const Call stranger = {
      .caller = {CallerKind::kTls, CallerRole::kBackup, "web2@tls"}};
  ASSERT_OK_AND_ASSIGN(const ArchiveName own,
                       BackUp(stranger, "web2", "some text"));
  RestoreFrontend& restore = harness_.replica().restore();
  EXPECT_OK(restore.OpenDiff(stranger, own, own, 0));
  for (const auto& [base, archive] :
       {std::pair(base_, own), std::pair(own, base_)}) {
    EXPECT_THAT(restore.OpenDiff(stranger, base, archive, 0),
                HasReasonCode(reason::kNotOwner));
  }
  EXPECT_EQ(LeaseCount(), 0u);
}

TEST_F(DiffReaderTest, RefusesWhatCannotBeCompared) {
  ArchiveName other = base_;
  other.archive = "b";
  EXPECT_THAT(Open(base_, other), StatusIs(StatusCode::kNotFound));
  EXPECT_THAT(Open(other, base_), StatusIs(StatusCode::kNotFound));
  other = base_;
  other.snapshot.group.parent.datastore = "second";
  EXPECT_THAT(Open(base_, other), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(Diff(base_, changed_, content_.size() + 1),
              StatusIs(StatusCode::kOutOfRange));
  EXPECT_THAT(Diff(base_, changed_, content_.size()), IsOkAndHolds(IsEmpty()));
}

TEST_F(DiffReaderTest, DamageIsCountedAndACancelledCallEnds) {
  harness_.session_gate().AnswerDiffs({absl::DataLossError("page 12")});
  EXPECT_THAT(Diff(base_, changed_), StatusIs(StatusCode::kDataLoss));
  EXPECT_EQ(harness_.metrics().read_damage.Value(), 1);
  CancellationToken connection;
  Call call = harness_.admin();
  call.cancellation = &connection;
  ASSERT_OK_AND_ASSIGN(const auto reader, harness_.replica().restore().OpenDiff(
                                              call, base_, changed_, 0));
  connection.Cancel();
  EXPECT_THAT(reader->Next(), StatusIs(StatusCode::kCancelled));
}

}  // namespace
}  // namespace cairn::ingest
