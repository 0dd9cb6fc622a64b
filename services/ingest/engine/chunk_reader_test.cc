#include "services/ingest/engine/chunk_reader.h"

#include <random>
#include <string>
#include <vector>

#include "common/compression/zstd.h"
#include "common/digest/sha256.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"
#include "common/testing/seed.h"
#include "common/testing/status_matchers.h"
#include "services/ingest/engine/ingest_harness.h"

namespace cairn::ingest {
namespace {

using absl::StatusCode;
using testing::ElementsAreArray;

struct ReadBack {
  std::string flat;  // holes as zeros; from the first entry on
  std::vector<PlacedEntry> entries;
  size_t payloads = 0;
};

class ChunkReaderTest : public testing::Test {
 protected:
  ChunkReaderTest() : random_(TestSeed()), harness_(random_()) {}

  void SetUp() override {
    archive_ = RandomArchive(random_, 2'000'000);
    flat_ = archive_.Flat();
    ASSERT_OK_AND_ASSIGN(const Session session, harness_.OpenSession());
    {
      ASSERT_OK_AND_ASSIGN(OpenedStream opened,
                           OpenStream(harness_, session, "a"));
      ASSERT_OK(
          WriteRange(opened.writer(), archive_, 0, flat_.size(), random_));
      ASSERT_OK(opened.writer().End(flat_.size()));
    }
    ASSERT_OK_AND_ASSIGN(snapshot_,
                         harness_.Finish(session, {{"a", flat_.size()}}));
    entries_ = harness_.index()
                   .client()
                   .FindEntries(harness_.admin(), {snapshot_.name, "a"}, 0,
                                ~uint64_t{0}, 4096)
                   ->entries;
  }

  absl::StatusOr<OpenedChunks> Open(uint64_t offset, uint64_t length,
                                    bool entries_only = false) {
    return harness_.replica().restore().OpenChunks(
        harness_.admin(), {snapshot_.name, "a"}, offset, length, entries_only);
  }

  absl::StatusOr<ReadBack> Read(uint64_t offset, uint64_t length,
                                bool entries_only = false) {
    ASSIGN_OR_RETURN(const OpenedChunks opened,
                     Open(offset, length, entries_only));
    ReadBack read;
    for (;;) {
      ASSIGN_OR_RETURN(const std::optional<ChunkPiece> piece,
                       opened.reader->Next());
      if (!piece.has_value()) return read;
      RETURN_IF_ERROR(Take(*piece, read));
    }
  }

  static absl::Status Take(const ChunkPiece& piece, ReadBack& read) {
    for (const PlacedEntry& placed : piece.entries) {
      read.entries.push_back(placed);
      if (placed.entry.is_hole) read.flat.append(placed.entry.length, '\0');
    }
    if (!piece.record.has_value()) return absl::OkStatus();
    ++read.payloads;
    const ChunkEntry& entry = piece.entries.front().entry;
    ASSIGN_OR_RETURN(const std::string plain,
                     DecodePayload(piece.record->encoding,
                                   piece.record->payload, entry.length));
    EXPECT_EQ(piece.entries.size(), 1u);
    EXPECT_EQ(Sha256(plain), entry.digest);
    for (uint64_t i = 0; i < entry.repeat; ++i) read.flat.append(plain);
    return absl::OkStatus();
  }

  std::mt19937_64 random_;
  IngestHarness harness_;
  TestArchive archive_;
  std::string flat_;
  Snapshot snapshot_;
  std::vector<PlacedEntry> entries_;
};

TEST_F(ChunkReaderTest, GivesEveryEntryWithItsPayloadOnce) {
  ASSERT_OK_AND_ASSIGN(const ReadBack read, Read(0, 0));
  EXPECT_TRUE(read.flat == flat_);
  EXPECT_THAT(read.entries, ElementsAreArray(entries_));
  size_t chunks = 0;
  for (const PlacedEntry& placed : entries_) chunks += !placed.entry.is_hole;
  EXPECT_EQ(read.payloads, chunks);
}

TEST_F(ChunkReaderTest, ARangeGivesWholeEntries) {
  for (int i = 0; i < 30; ++i) {
    const uint64_t offset = random_() % flat_.size();
    const uint64_t length = 1 + random_() % (flat_.size() - offset);
    ASSERT_OK_AND_ASSIGN(const ReadBack read, Read(offset, length));
    ASSERT_FALSE(read.entries.empty());
    const uint64_t begin = read.entries.front().offset;
    EXPECT_LE(begin, offset);
    EXPECT_GE(begin + read.flat.size(), offset + length);
    EXPECT_TRUE(read.flat == flat_.substr(begin, read.flat.size()));
    EXPECT_LT(read.entries.back().offset, offset + length);
  }
  ASSERT_OK_AND_ASSIGN(const ReadBack end, Read(flat_.size(), 0));
  EXPECT_THAT(end.entries, testing::IsEmpty());
}

TEST_F(ChunkReaderTest, EntriesAloneAskNothingOfTheStore) {
  harness_.chunks().FailWith(absl::UnavailableError("the store is away"));
  ASSERT_OK_AND_ASSIGN(const ReadBack read, Read(0, 0, /*entries_only=*/true));
  EXPECT_THAT(read.entries, ElementsAreArray(entries_));
  EXPECT_EQ(read.payloads, 0u);
  EXPECT_THAT(Read(0, 0), StatusIs(StatusCode::kUnavailable));
}

TEST_F(ChunkReaderTest, DamageNamesTheChunkAndItsBytes) {
  size_t at = entries_.size() / 2;
  while (entries_[at].entry.is_hole) ++at;
  const PlacedEntry& victim = entries_[at];
  harness_.chunks().Damage(
      harness_.datastore(),
      {.kind = RecordKind::kChunk, .digest = victim.entry.digest});
  ASSERT_OK_AND_ASSIGN(const OpenedChunks opened, Open(0, 0));
  absl::Status error;
  uint64_t good = 0;
  while (error.ok()) {
    absl::StatusOr<std::optional<ChunkPiece>> piece = opened.reader->Next();
    error = piece.status();
    if (!error.ok()) break;
    ASSERT_TRUE(piece->has_value());
    const PlacedEntry& last = (*piece)->entries.back();
    good = last.offset + last.entry.total_length();
  }
  EXPECT_LE(good, victim.offset);
  EXPECT_THAT(error, HasReasonCode(reason::kRecordDamaged));
  EXPECT_THAT(error, StatusIs(StatusCode::kDataLoss,
                              testing::HasSubstr(victim.entry.digest.ToHex())));
  EXPECT_OK(Read(0, 0, /*entries_only=*/true));
}

TEST_F(ChunkReaderTest, RefusesAsAReadOfBytesDoes) {
  EXPECT_THAT(Open(flat_.size() + 1, 0), StatusIs(StatusCode::kOutOfRange));
  RestoreFrontend& restore = harness_.replica().restore();
  EXPECT_THAT(
      restore.OpenChunks(harness_.admin(), {snapshot_.name, "b"}, 0, 0, false),
      StatusIs(StatusCode::kNotFound));
  const Call stranger = {
      .caller = {CallerKind::kTls, CallerRole::kBackup, "web2@tls"}};
  for (const bool entries_only : {false, true}) {
    EXPECT_THAT(
        restore.OpenChunks(stranger, {snapshot_.name, "a"}, 0, 0, entries_only),
        HasReasonCode(reason::kNotOwner));
  }
}

TEST_F(ChunkReaderTest, HoldsTheSnapshotWhileItRuns) {
  {
    ASSERT_OK_AND_ASSIGN(const OpenedChunks opened, Open(0, 0));
    ASSERT_OK(opened.reader->Next());
    ASSERT_OK_AND_ASSIGN(
        const ListPage<Lease> leases,
        harness_.leases().List(harness_.admin(), "default", {}));
    EXPECT_EQ(leases.items.size(), 1u);
  }
  ASSERT_OK_AND_ASSIGN(const ListPage<Lease> leases,
                       harness_.leases().List(harness_.admin(), "default", {}));
  EXPECT_THAT(leases.items, testing::IsEmpty());
}

TEST_F(ChunkReaderTest, ACancelledReadEnds) {
  CancellationToken connection;
  Call call = harness_.admin();
  call.cancellation = &connection;
  ASSERT_OK_AND_ASSIGN(const OpenedChunks opened,
                       harness_.replica().restore().OpenChunks(
                           call, {snapshot_.name, "a"}, 0, 0, false));
  ASSERT_OK(opened.reader->Next());
  connection.Cancel();
  EXPECT_THAT(opened.reader->Next(), StatusIs(StatusCode::kCancelled));
}

}  // namespace
}  // namespace cairn::ingest
