// An archive written as changes of the base's comes out as the base with
// those changes, whatever they are and wherever the stream broke; what the
// base lacks is refused.

#include "services/ingest/engine/range_writer.h"

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "common/digest/sha256.h"
#include "common/model/record.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"
#include "common/testing/seed.h"
#include "common/testing/status_matchers.h"
#include "services/ingest/engine/ingest_harness.h"

namespace cairn::ingest {
namespace {

using absl::StatusCode;

struct OpenedRanges {
  std::unique_ptr<CancellationToken> connection =
      std::make_unique<CancellationToken>();
  std::unique_ptr<Call> call;
  std::unique_ptr<RecordingListener> listener =
      std::make_unique<RecordingListener>();
  std::unique_ptr<RangeBackupStream> stream;
  RangeWriter& writer() { return stream->writer(); }
};

struct Change {
  uint64_t offset = 0;
  std::string bytes;  // or zeros:
  bool is_hole = false;
  uint64_t end() const { return offset + bytes.size(); }
};

class RangeWriterTest : public testing::Test {
 protected:
  // Whole pages are taken over between ranges with more entries between them
  // than `min_spliced_entries`.
  explicit RangeWriterTest(size_t min_spliced_entries = 1 << 20)
      : random_(TestSeed()),
        harness_(random_(), SplicingFrom(min_spliced_entries)) {}

  static IngestEngine::Options SplicingFrom(size_t min_spliced_entries) {
    IngestEngine::Options options = SmallSteps();
    options.backup.writer.min_spliced_entries = min_spliced_entries;
    return options;
  }

  absl::StatusOr<OpenedRanges> Open(const Session& session,
                                    const SnapshotName& base,
                                    uint64_t size_bytes,
                                    uint64_t resume_offset = 0,
                                    const std::string& archive = "a") {
    OpenedRanges opened;
    opened.call = std::make_unique<Call>(harness_.admin());
    opened.call->cancellation = opened.connection.get();
    ASSIGN_OR_RETURN(opened.stream,
                     harness_.replica().backup().OpenRangeStream(
                         *opened.call,
                         {.session = {"default", session.ref.session},
                          .archive = archive,
                          .base_snapshot = base,
                          .size_bytes = size_bytes,
                          .resume_offset = resume_offset},
                         opened.listener.get()));
    return opened;
  }

  std::string RandomBytes(size_t size) {
    std::string bytes(size, 0);
    for (char& byte : bytes) byte = static_cast<char>(random_());
    return bytes;
  }

  absl::StatusOr<Snapshot> BackUp(const TestArchive& archive) {
    const uint64_t size = archive.Flat().size();
    ASSIGN_OR_RETURN(const Session session, harness_.OpenSession());
    {
      ASSIGN_OR_RETURN(OpenedStream opened, OpenStream(harness_, session, "a"));
      RETURN_IF_ERROR(WriteRange(opened.writer(), archive, 0, size, random_));
      RETURN_IF_ERROR(opened.writer().End(size).status());
    }
    return harness_.Finish(session, {{"a", size}});
  }
  absl::StatusOr<Snapshot> BackUp(const std::string& bytes) {
    return BackUp(TestArchive{{{bytes}}});
  }

  std::vector<PlacedEntry> EntriesOf(const Snapshot& snapshot) {
    return harness_.index()
        .client()
        .FindEntries(harness_.admin(), {snapshot.name, "a"}, 0, ~uint64_t{0},
                     4096)
        ->entries;
  }

  // In order, within `size` bytes.
  std::vector<Change> RandomChanges(uint64_t size) {
    std::vector<Change> changes;
    uint64_t at = 0;
    for (int left = static_cast<int>(random_() % 40); left > 0; --left) {
      // Next to the last one, in its chunk, or far away.
      constexpr uint64_t kGaps[] = {1, 3000, 20'000, 400'000};
      at += random_() % kGaps[random_() % 4];
      if (at >= size) break;
      Change& change = changes.emplace_back();
      change.offset = at;
      constexpr uint64_t kLengths[] = {1, 4096, 100'000};
      const uint64_t length =
          std::min(size - at, 1 + random_() % kLengths[random_() % 3]);
      change.is_hole = random_() % 4 == 0;
      change.bytes = change.is_hole || random_() % 8 == 0
                         ? std::string(length, '\0')
                         : RandomBytes(length);
      at += length;
    }
    return changes;
  }

  static std::string Apply(std::string bytes, uint64_t size,
                           const std::vector<Change>& changes) {
    bytes.resize(size, '\0');
    for (const Change& change : changes) {
      bytes.replace(change.offset, change.bytes.size(), change.bytes);
    }
    return bytes;
  }

  // Sends what of `changes` lies in [from, to).
  absl::Status Send(RangeWriter& writer, const std::vector<Change>& changes,
                    uint64_t from, uint64_t to) {
    for (const Change& change : changes) {
      const uint64_t begin = std::max(from, change.offset);
      const uint64_t end = std::min(to, change.end());
      if (begin >= end) continue;
      if (change.is_hole) {
        RETURN_IF_ERROR(writer.Hole(begin, end - begin));
      } else {
        RETURN_IF_ERROR(writer.Write(
            begin, change.bytes.substr(begin - change.offset, end - begin)));
      }
    }
    return absl::OkStatus();
  }

  // Of the session's one archive.
  absl::StatusOr<uint64_t> DurableBytes(const Session& session) {
    ASSIGN_OR_RETURN(const Session now,
                     harness_.replica().backup().GetSession(
                         harness_.admin(), {"default", session.ref.session}));
    return now.archives.empty() ? 0 : now.archives[0].durable_bytes;
  }

  // Writes the changes, breaking the stream at random places.
  absl::StatusOr<WrittenArchive> WriteInPieces(
      const Session& session, const SnapshotName& base, uint64_t size,
      const std::vector<Change>& changes) {
    uint64_t durable = 0;
    for (int breaks = static_cast<int>(random_() % 3); breaks > 0; --breaks) {
      ASSIGN_OR_RETURN(OpenedRanges opened, Open(session, base, size, durable));
      const uint64_t to = durable + random_() % (size - durable + 1);
      RETURN_IF_ERROR(Send(opened.writer(), changes, durable, to));
      RETURN_IF_ERROR(opened.writer().Flush());
      // What is below is durable; the rest is lost with the stream.
      if (random_() % 2 == 0) opened.listener->AwaitDurable(durable);
      opened.stream.reset();
      ASSIGN_OR_RETURN(durable, DurableBytes(session));
    }
    ASSIGN_OR_RETURN(OpenedRanges opened, Open(session, base, size, durable));
    RETURN_IF_ERROR(Send(opened.writer(), changes, durable, size));
    return opened.writer().End();
  }

  // Where the archive is durable, with the size of its base.
  absl::StatusOr<OpenedRanges> GoOn(const Session& session,
                                    const Snapshot& base) {
    ASSIGN_OR_RETURN(const uint64_t durable, DurableBytes(session));
    return Open(session, base.name, base.archives[0].root.size_bytes, durable);
  }

  // Of an archive of many small chunks.
  absl::StatusOr<Snapshot> BackUpInPages(const std::string& bytes) {
    ASSIGN_OR_RETURN(const Session session, harness_.OpenSession());
    {
      OpenStreamRequest request{.session = {"default", session.ref.session},
                                .archive = "a"};
      request.chunker = ChunkerSpec{"fixed-v1", 4096, 4096, 4096};
      ASSIGN_OR_RETURN(OpenedStream opened,
                       OpenStream(harness_, std::move(request)));
      RETURN_IF_ERROR(WriteRange(opened.writer(), {{{bytes}}}, 0, bytes.size(),
                                 random_, 1'000'000));
      RETURN_IF_ERROR(opened.writer().End(bytes.size()).status());
    }
    return harness_.Finish(session, {{"a", bytes.size()}});
  }

  // Of an archive of the snapshot, found damaged by somebody who reads it.
  void FindDamage(const Snapshot& snapshot, const PlacedEntry& bad) {
    harness_.chunks().Damage(
        harness_.datastore(),
        {.kind = RecordKind::kChunk, .digest = bad.entry.digest});
    EXPECT_THAT(harness_.Read(snapshot, "a", bad.offset, 1),
                StatusIs(StatusCode::kDataLoss));
  }

  // That nobody refers to.
  Record NewRecord() {
    Record record;
    record.payload = RandomBytes(100);
    record.plain_length = record.payload.size();
    record.key.digest = Sha256(record.payload);
    record.payload_digest = record.key.digest;
    return record;
  }
  SessionRef Anybody() {
    return {harness_.datastore(), Uuid::Random(random_), 1};
  }

  void CheckRounds();

  std::mt19937_64 random_;
  IngestHarness harness_;
};

// Most gaps between ranges are long enough for whole pages.
class SplicingTest : public RangeWriterTest {
 protected:
  SplicingTest() : RangeWriterTest(16) {}
};

void RangeWriterTest::CheckRounds() {
  std::string flat;
  Snapshot base;
  for (int round = 0; round < 25; ++round) {
    // Every round's outcome is the next one's base, most times.
    if (round % 8 == 0) {
      const TestArchive archive = RandomArchive(
          random_, round == 8 ? 1 : 200'000 + random_() % 2'000'000);
      flat = archive.Flat();
      ASSERT_OK_AND_ASSIGN(base, BackUp(archive));
    }
    const uint64_t size = random_() % 3 != 0 ? flat.size()
                          : random_() % 2 != 0
                              ? random_() % (flat.size() + 1)
                              : flat.size() + random_() % 300'000;
    const std::vector<Change> changes = RandomChanges(size);
    ASSERT_OK_AND_ASSIGN(const Session session, harness_.OpenSession());
    ASSERT_OK_AND_ASSIGN(const WrittenArchive written,
                         WriteInPieces(session, base.name, size, changes));
    EXPECT_EQ(written.archive.root.size_bytes, size);
    ASSERT_OK_AND_ASSIGN(base, harness_.Finish(session, {{"a", size}}));
    flat = Apply(std::move(flat), size, changes);
    ASSERT_OK_AND_ASSIGN(const std::string got, harness_.Read(base, "a"));
    ASSERT_TRUE(got == flat) << "round " << round;
  }
}

TEST_F(RangeWriterTest, TheBaseWithItsChangesComesOut) { CheckRounds(); }
TEST_F(SplicingTest, TheBaseWithItsChangesComesOut) { CheckRounds(); }

// However it is written, the archive is the same, page by page, and so are
// the counts.
TEST_F(SplicingTest, IsAsIfEachEntryWereTaken) {
  for (int round = 0; round < 6; ++round) {
    const std::string flat = RandomBytes(3'000'000 + random_() % 1'000'000);
    ASSERT_OK_AND_ASSIGN(Snapshot base, BackUpInPages(flat));
    const uint64_t size = flat.size() - 100'000 + random_() % 200'000;
    const std::vector<Change> changes = RandomChanges(size);
    const auto write = [&]() -> absl::StatusOr<WrittenArchive> {
      ASSIGN_OR_RETURN(const Session session, harness_.OpenSession());
      absl::StatusOr<WrittenArchive> written;
      {
        ASSIGN_OR_RETURN(OpenedRanges opened, Open(session, base.name, size));
        RETURN_IF_ERROR(Send(opened.writer(), changes, 0, size));
        written = opened.writer().End();
      }
      RETURN_IF_ERROR(harness_.replica().backup().AbortSession(
          harness_.admin(), {"default", session.ref.session}));
      return written;
    };
    const size_t start = harness_.gate().pinned();
    ASSERT_OK_AND_ASSIGN(const WrittenArchive spliced, write());
    const size_t middle = harness_.gate().pinned();
    // Of no use to anybody, but lost: so each entry is pinned.
    const Record other = NewRecord();
    ASSERT_OK(harness_.chunks().Put(harness_.admin(), Anybody(), {other}));
    harness_.chunks().Damage(harness_.datastore(), other.key);
    ASSERT_OK_AND_ASSIGN(
        const auto stream,
        harness_.chunks().Get(harness_.admin(), harness_.datastore(),
                              {other.key}));
    EXPECT_FALSE(stream->Next().ok());
    ASSERT_OK_AND_ASSIGN(const WrittenArchive taken, write());
    EXPECT_EQ(spliced.archive, taken.archive) << "round " << round;
    EXPECT_EQ(spliced.totals.reused_bytes, taken.totals.reused_bytes);
    EXPECT_EQ(spliced.totals.chunk_count, taken.totals.chunk_count);
    EXPECT_EQ(spliced.totals.hole_bytes, taken.totals.hole_bytes);
    EXPECT_LT(middle - start, harness_.gate().pinned() - middle);
  }
}

TEST_F(SplicingTest, CostsTheRangesAndNotTheEntries) {
  for (const uint64_t size : {uint64_t{8} << 20, uint64_t{32} << 20}) {
    const std::string flat = RandomBytes(size);
    ASSERT_OK_AND_ASSIGN(const Snapshot base, BackUpInPages(flat));
    ASSERT_EQ(base.archives[0].root.chunk_count, size / 4096);
    ASSERT_OK_AND_ASSIGN(const Session session, harness_.OpenSession());
    const size_t reads = harness_.session_gate().reads();
    const size_t pinned = harness_.gate().pinned();
    ASSERT_OK_AND_ASSIGN(OpenedRanges opened, Open(session, base.name, size));
    std::vector<Change> changes;
    constexpr uint64_t kRanges = 5;
    for (uint64_t i = 0; i < kRanges; ++i) {
      changes.push_back({.offset = (2 * i + 1) * size / (2 * kRanges) + 77,
                         .bytes = RandomBytes(100)});
    }
    ASSERT_OK(Send(opened.writer(), changes, 0, size));
    ASSERT_OK_AND_ASSIGN(const WrittenArchive written, opened.writer().End());
    // Where a range ends, and a way or two down the tree between two.
    EXPECT_LE(harness_.session_gate().reads() - reads, 10 * (kRanges + 1));
    EXPECT_LE(harness_.gate().pinned() - pinned, 2 * kRanges);
    EXPECT_EQ(written.totals.plain_bytes, kRanges * 4096);
    EXPECT_EQ(written.totals.reused_bytes, size - kRanges * 4096);
    EXPECT_EQ(written.totals.chunk_count, size / 4096);
    opened.stream.reset();
    ASSERT_OK_AND_ASSIGN(const Snapshot snapshot,
                         harness_.Finish(session, {{"a", size}}));
    EXPECT_TRUE(*harness_.Read(snapshot, "a") == Apply(flat, size, changes));
  }
}

// A pin would be refused: so nothing may be taken over unseen, whenever the
// damage was found.
TEST_F(SplicingTest, ABaseWithAChunkKnownToBeBadIsNotCarriedOn) {
  const std::string flat = RandomBytes(8 << 20);
  ASSERT_OK_AND_ASSIGN(const Snapshot first, BackUpInPages(flat));
  const PlacedEntry bad = EntriesOf(first)[1500];
  ASSERT_OK_AND_ASSIGN(const Session early, harness_.OpenSession());
  // While a stream is open that has not come to the chunk yet.
  {
    ASSERT_OK_AND_ASSIGN(OpenedRanges opened,
                         Open(early, first.name, flat.size()));
    ASSERT_OK(opened.writer().Write(bad.offset / 2, "x"));
    FindDamage(first, bad);
    EXPECT_THAT(opened.writer().End().status(),
                HasReasonCode(reason::kReuseRefused));
  }
  // Before the stream, and after the session was opened.
  {
    ASSERT_OK_AND_ASSIGN(OpenedRanges opened, GoOn(early, first));
    EXPECT_THAT(opened.writer().End().status(),
                HasReasonCode(reason::kReuseRefused));
  }
  ASSERT_OK(harness_.replica().backup().AbortSession(
      harness_.admin(), {"default", early.ref.session}));
  // Before the session.
  ASSERT_OK_AND_ASSIGN(const Session late, harness_.OpenSession());
  EXPECT_TRUE(late.base_archives.empty());
  {
    ASSERT_OK_AND_ASSIGN(OpenedRanges opened, GoOn(late, first));
    EXPECT_THAT(opened.writer().End().status(),
                HasReasonCode(reason::kReuseRefused));
  }
  // Who sends the chunk heals it, and the store is as good as new for what
  // was pinned since.
  ASSERT_OK_AND_ASSIGN(const uint64_t durable, DurableBytes(late));
  const size_t pinned = harness_.gate().pinned();
  {
    ASSERT_OK_AND_ASSIGN(OpenedRanges opened, GoOn(late, first));
    ASSERT_OK(opened.writer().Write(bad.offset, flat.substr(bad.offset, 4096)));
    ASSERT_OK(opened.writer().End().status());
  }
  EXPECT_GE(harness_.gate().pinned() - pinned, (flat.size() - durable) / 4096);
  ASSERT_OK_AND_ASSIGN(const Snapshot healed,
                       harness_.Finish(late, {{"a", flat.size()}}));
  EXPECT_EQ(healed.archives[0].root, first.archives[0].root);
  ASSERT_OK_AND_ASSIGN(const Session next, harness_.OpenSession());
  const size_t before = harness_.gate().pinned();
  ASSERT_OK_AND_ASSIGN(OpenedRanges opened,
                       Open(next, healed.name, flat.size()));
  ASSERT_OK(opened.writer().End().status());
  EXPECT_EQ(harness_.gate().pinned(), before);
}

TEST_F(SplicingTest, ARestartOfTheStoreEndsTheStream) {
  const std::string flat = RandomBytes(4 << 20);
  ASSERT_OK_AND_ASSIGN(const Snapshot base, BackUpInPages(flat));
  ASSERT_OK_AND_ASSIGN(const Session session, harness_.OpenSession());
  ASSERT_OK_AND_ASSIGN(OpenedRanges opened,
                       Open(session, base.name, flat.size()));
  ASSERT_OK(opened.writer().Write(flat.size() / 2, "x"));
  harness_.chunks().Restart();
  EXPECT_THAT(opened.writer().End().status(),
              HasReasonCode(reason::kIncarnationChanged));
}

TEST_F(RangeWriterTest, OnlyTheChangedChunksAreReadOrStored) {
  const std::string flat = RandomBytes(2'000'000);
  ASSERT_OK_AND_ASSIGN(const Snapshot base, BackUp(flat));
  const std::vector<PlacedEntry> entries = EntriesOf(base);
  ASSERT_GT(entries.size(), 100u);
  ASSERT_OK_AND_ASSIGN(const Session session, harness_.OpenSession());
  harness_.chunks().Restart();  // forgets all touches
  const uint64_t read_before = harness_.metrics().read_chunks.Value();
  ASSERT_OK_AND_ASSIGN(OpenedRanges opened,
                       Open(session, base.name, flat.size()));
  EXPECT_EQ(opened.stream->chunker(), kSmallChunks);
  // Within a chunk, twice; and over a boundary.
  const PlacedEntry& one = entries[20];
  const PlacedEntry& two = entries[70];
  const std::vector<Change> changes = {
      {.offset = one.offset + 5, .bytes = "12345"},
      {.offset = one.offset + 100, .bytes = "6"},
      {.offset = two.offset - 10, .bytes = std::string(20, 'x')}};
  ASSERT_OK(Send(opened.writer(), changes, 0, flat.size()));
  ASSERT_OK_AND_ASSIGN(const WrittenArchive written, opened.writer().End());
  EXPECT_EQ(harness_.metrics().read_chunks.Value() - read_before, 3u);
  const uint64_t touched =
      one.entry.length + entries[69].entry.length + two.entry.length;
  EXPECT_EQ(written.totals.reused_bytes, flat.size() - touched);
  EXPECT_EQ(written.totals.plain_bytes, touched);
  opened.stream.reset();
  ASSERT_OK_AND_ASSIGN(const Snapshot snapshot,
                       harness_.Finish(session, {{"a", flat.size()}}));
  // All others are the base's, at their places, and pinned.
  std::map<uint64_t, ChunkEntry> found;
  for (const PlacedEntry& placed : EntriesOf(snapshot)) {
    found.emplace(placed.offset, placed.entry);
    EXPECT_EQ(harness_.chunks().TouchOf(
                  harness_.datastore(),
                  {.kind = RecordKind::kChunk, .digest = placed.entry.digest}),
              session.ref.epoch);
  }
  for (size_t i = 0; i < entries.size(); ++i) {
    const bool is_same = i != 20 && i != 69 && i != 70;
    EXPECT_EQ(found[entries[i].offset] == entries[i].entry, is_same) << i;
  }
  EXPECT_TRUE(*harness_.Read(snapshot, "a") ==
              Apply(flat, flat.size(), changes));
}

TEST_F(RangeWriterTest, WithoutAChangeThePagesAreTheBases) {
  const TestArchive archive = RandomArchive(random_, 1'500'000);
  const uint64_t size = archive.Flat().size();
  ASSERT_OK_AND_ASSIGN(const Snapshot base, BackUp(archive));
  ASSERT_OK_AND_ASSIGN(const Session session, harness_.OpenSession());
  ASSERT_OK_AND_ASSIGN(OpenedRanges opened, Open(session, base.name, size));
  ASSERT_OK_AND_ASSIGN(const WrittenArchive written, opened.writer().End());
  EXPECT_EQ(written.archive, base.archives[0]);
  EXPECT_EQ(written.totals.reused_bytes, size);
  EXPECT_EQ(written.totals.stored_bytes, 0u);
}

TEST_F(RangeWriterTest, ALargeSparseImageCostsItsChanges) {
  constexpr uint64_t kSize = uint64_t{1} << 40;
  Snapshot base;
  {
    ASSERT_OK_AND_ASSIGN(const Session session, harness_.OpenSession());
    ASSERT_OK_AND_ASSIGN(OpenedStream opened,
                         OpenStream(harness_, session, "a"));
    ASSERT_OK(opened.writer().Write(0, RandomBytes(100'000)));
    ASSERT_OK(opened.writer().Hole(100'000, kSize - 100'000));
    ASSERT_OK(opened.writer().End(kSize).status());
    opened.stream.reset();
    ASSERT_OK_AND_ASSIGN(base, harness_.Finish(session, {{"a", kSize}}));
  }
  ASSERT_OK_AND_ASSIGN(const Session session, harness_.OpenSession());
  ASSERT_OK_AND_ASSIGN(OpenedRanges opened, Open(session, base.name, kSize));
  std::map<uint64_t, std::string> changes;
  for (uint64_t i = 0; i < 100; ++i) {
    const uint64_t at = i * (kSize / 100) + random_() % (kSize / 200);
    ASSERT_OK(opened.writer().Write(
        at, changes.emplace(at, RandomBytes(65536)).first->second));
  }
  ASSERT_OK_AND_ASSIGN(const WrittenArchive written, opened.writer().End());
  EXPECT_EQ(written.archive.root.size_bytes, kSize);
  EXPECT_LE(written.totals.plain_bytes, 101 * 65536u + 100'000u);
  opened.stream.reset();
  ASSERT_OK_AND_ASSIGN(const Snapshot snapshot,
                       harness_.Finish(session, {{"a", kSize}}));
  for (const auto& [at, bytes] : changes) {
    EXPECT_TRUE(*harness_.Read(snapshot, "a", at, bytes.size()) == bytes);
    EXPECT_EQ(*harness_.Read(snapshot, "a", at + bytes.size(), 10),
              std::string(10, '\0'));
  }
}

TEST_F(RangeWriterTest, WhatTheBaseLacksIsRefused) {
  ASSERT_OK_AND_ASSIGN(const Session bare, harness_.OpenSession());
  EXPECT_THAT(Open(bare, bare.snapshot, 10).status(),
              HasReasonCode(reason::kReuseRefused));
  ASSERT_OK(harness_.replica().backup().AbortSession(
      harness_.admin(), {"default", bare.ref.session}));

  ASSERT_OK_AND_ASSIGN(const Snapshot older, BackUp(RandomBytes(100'000)));
  ASSERT_OK_AND_ASSIGN(const Snapshot base, BackUp(RandomBytes(100'000)));
  ASSERT_OK_AND_ASSIGN(const Session session, harness_.OpenSession());
  EXPECT_THAT(Open(session, older.name, 100'000).status(),
              HasReasonCode(reason::kReuseRefused));
  EXPECT_THAT(Open(session, base.name, 100'000, 0, "b").status(),
              HasReasonCode(reason::kReuseRefused));
  EXPECT_THAT(Open(session, base.name, 100'000, 1).status(),
              HasReasonCode(reason::kOffsetMismatch));
  EXPECT_THAT(Open(session, base.name, ~uint64_t{0}).status(),
              StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(Open(session, base.name, 100'000, 0, ".a").status(),
              StatusIs(StatusCode::kInvalidArgument));
  EXPECT_OK(Open(session, base.name, 100'000).status());
}

TEST_F(RangeWriterTest, ABlobHasNoRanges) {
  ASSERT_OK_AND_ASSIGN(const Session first, harness_.OpenSession());
  {
    ASSERT_OK_AND_ASSIGN(
        OpenedStream opened,
        OpenStream(harness_,
                   OpenStreamRequest{.session = {"default", first.ref.session},
                                     .archive = "a",
                                     .kind = ArchiveKind::kBlob}));
    ASSERT_OK(opened.writer().Write(0, "blob"));
    ASSERT_OK(opened.writer().End(4).status());
  }
  ASSERT_OK_AND_ASSIGN(const Snapshot base, harness_.Finish(first, {{"a", 4}}));
  ASSERT_OK_AND_ASSIGN(const Session session, harness_.OpenSession());
  EXPECT_THAT(Open(session, base.name, 4).status(),
              HasReasonCode(reason::kReuseRefused));
}

TEST_F(RangeWriterTest, AChunkThatIsDamagedIsRefused) {
  const std::string flat = RandomBytes(400'000);
  ASSERT_OK_AND_ASSIGN(const Snapshot base, BackUp(flat));
  const PlacedEntry bad = EntriesOf(base)[10];
  harness_.chunks().Damage(harness_.datastore(), {.kind = RecordKind::kChunk,
                                                  .digest = bad.entry.digest});
  ASSERT_OK_AND_ASSIGN(const Session session, harness_.OpenSession());
  {
    // It must be read to be changed.
    ASSERT_OK_AND_ASSIGN(OpenedRanges opened,
                         Open(session, base.name, flat.size()));
    EXPECT_THAT(opened.writer().Write(bad.offset + 7, "x"),
                HasReasonCode(reason::kReuseRefused));
    EXPECT_THAT(opened.writer().Flush(), HasReasonCode(reason::kReuseRefused));
  }
  {
    // It is known to be bad by now, and cannot be pinned.
    ASSERT_OK_AND_ASSIGN(OpenedRanges opened,
                         Open(session, base.name, flat.size()));
    EXPECT_THAT(opened.writer().End().status(),
                HasReasonCode(reason::kReuseRefused));
  }
  // Who sends all of it needs nothing of it.
  ASSERT_OK_AND_ASSIGN(OpenedRanges opened,
                       Open(session, base.name, flat.size()));
  ASSERT_OK(opened.writer().Write(bad.offset,
                                  flat.substr(bad.offset, bad.entry.length)));
  EXPECT_OK(opened.writer().End().status());
}

TEST_F(RangeWriterTest, AnotherWayGoesOn) {
  const std::string flat = RandomBytes(900'000);
  ASSERT_OK_AND_ASSIGN(const Snapshot base, BackUp(flat));
  ASSERT_OK_AND_ASSIGN(const Session session, harness_.OpenSession());
  {
    ASSERT_OK_AND_ASSIGN(OpenedStream opened,
                         OpenStream(harness_, session, "a"));
    ASSERT_OK(WriteRange(opened.writer(), {{{flat}}}, 0, 300'000, random_));
    ASSERT_OK(opened.writer().Flush());
    opened.listener->AwaitDurable(200'000);
  }
  // Once the stream is gone nothing more becomes durable.
  ASSERT_OK_AND_ASSIGN(const uint64_t durable, DurableBytes(session));
  ASSERT_GE(durable, 200'000u);
  ASSERT_OK_AND_ASSIGN(OpenedRanges opened,
                       Open(session, base.name, flat.size(), durable));
  EXPECT_THAT(opened.writer().Write(durable - 1, "x"),
              HasReasonCode(reason::kOffsetMismatch));
  opened.stream.reset();
  EXPECT_THAT(Open(session, base.name, durable - 1, durable).status(),
              StatusIs(StatusCode::kInvalidArgument));
  ASSERT_OK_AND_ASSIGN(opened, Open(session, base.name, flat.size(), durable));
  ASSERT_OK_AND_ASSIGN(const WrittenArchive written, opened.writer().End());
  EXPECT_EQ(written.archive.root, base.archives[0].root);
}

}  // namespace
}  // namespace cairn::ingest
