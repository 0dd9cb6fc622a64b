// Archives go in and come out the same, whatever they hold and wherever
// their streams are cut.

#include <map>
#include <random>
#include <string>

#include "common/chunking/chunker.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"
#include "common/testing/seed.h"
#include "common/testing/status_matchers.h"
#include "services/ingest/engine/ingest_harness.h"

namespace cairn::ingest {
namespace {

using absl::StatusCode;
using testing::HasSubstr;

class BackupRestoreTest : public testing::Test {
 protected:
  BackupRestoreTest() : random_(TestSeed()), harness_(random_()) {}

  // Writes one archive whole.
  absl::StatusOr<WrittenArchive> Write(const Session& session,
                                       const std::string& name,
                                       const TestArchive& archive) {
    ASSIGN_OR_RETURN(OpenedStream opened, OpenStream(harness_, session, name));
    const uint64_t size = archive.Flat().size();
    RETURN_IF_ERROR(WriteRange(opened.writer(), archive, 0, size, random_));
    return opened.writer().End(size);
  }

  std::mt19937_64 random_;
  IngestHarness harness_;
};

TEST_F(BackupRestoreTest, RandomArchivesComeBackAsTheyWere) {
  ASSERT_OK_AND_ASSIGN(const Session session, harness_.OpenSession());
  std::map<std::string, TestArchive> archives;
  std::map<std::string, uint64_t> sizes;
  for (int i = 0; i < 12; ++i) {
    const std::string name = absl::StrCat("a", i);
    // Empty, one byte, around a chunk, and larger ones.
    const uint64_t sizes_wanted[] = {0, 1, 4095, 4096, 16384, 16385};
    archives[name] =
        i == 0 ? TestArchive()
               : RandomArchive(random_, i < 6 ? sizes_wanted[i]
                                              : 1 + random_() % 2'000'000);
    ASSERT_OK_AND_ASSIGN(const WrittenArchive written,
                         Write(session, name, archives[name]));
    sizes[name] = archives[name].Flat().size();
    EXPECT_EQ(written.archive.root.size_bytes, sizes[name]);
    EXPECT_EQ(written.totals.plain_bytes + written.totals.hole_bytes,
              sizes[name]);
  }
  ASSERT_OK_AND_ASSIGN(const Snapshot snapshot,
                       harness_.Finish(session, sizes));
  EXPECT_EQ(snapshot.archives.size(), archives.size());
  for (const auto& [name, archive] : archives) {
    const std::string flat = archive.Flat();
    ASSERT_OK_AND_ASSIGN(const std::string read, harness_.Read(snapshot, name));
    ASSERT_TRUE(read == flat) << name;
    for (int i = 0; i < 10 && !flat.empty(); ++i) {
      const uint64_t offset = random_() % flat.size();
      const uint64_t length = 1 + random_() % (flat.size() - offset);
      ASSERT_OK_AND_ASSIGN(const std::string part,
                           harness_.Read(snapshot, name, offset, length));
      ASSERT_TRUE(part == flat.substr(offset, length))
          << name << " " << offset << " " << length;
    }
  }
}

TEST_F(BackupRestoreTest, TheSecondBackupStoresNothingNew) {
  const TestArchive archive = RandomArchive(random_, 3'000'000);
  const uint64_t size = archive.Flat().size();
  ASSERT_OK_AND_ASSIGN(const Session first, harness_.OpenSession());
  ASSERT_OK_AND_ASSIGN(const WrittenArchive cold, Write(first, "a", archive));
  EXPECT_GT(cold.totals.new_chunk_count, 0u);
  ASSERT_OK(harness_.Finish(first, {{"a", size}}));

  ASSERT_OK_AND_ASSIGN(const Session second, harness_.OpenSession());
  ASSERT_TRUE(second.base.has_value());
  EXPECT_EQ(*second.base, first.snapshot);
  ASSERT_OK_AND_ASSIGN(const WrittenArchive warm, Write(second, "a", archive));
  EXPECT_EQ(warm.totals.new_chunk_count, 0u);
  EXPECT_EQ(warm.totals.stored_bytes, 0u);
  EXPECT_EQ(warm.archive.root, cold.archive.root);
  ASSERT_OK_AND_ASSIGN(const Snapshot snapshot,
                       harness_.Finish(second, {{"a", size}}));
  EXPECT_THAT(harness_.Read(snapshot, "a"), IsOkAndHolds(archive.Flat()));
}

TEST_F(BackupRestoreTest, TheChunkerOfTheBaseIsUsedAgain) {
  ASSERT_OK_AND_ASSIGN(const Session first, harness_.OpenSession());
  ASSERT_OK(Write(first, "a", RandomArchive(random_, 100'000)));
  ASSERT_OK_AND_ASSIGN(const Session again,
                       harness_.replica().backup().GetSession(
                           harness_.admin(), {"default", first.ref.session}));
  ASSERT_OK(
      harness_.Finish(first, {{"a", again.archives.at(0).durable_bytes}}));
  ASSERT_OK_AND_ASSIGN(const Session second, harness_.OpenSession());
  ASSERT_OK_AND_ASSIGN(
      const OpenedStream stream,
      OpenStream(harness_,
                 {.session = {"default", second.ref.session}, .archive = "a"}));
  EXPECT_EQ(stream.stream->chunker(), kSmallChunks);
  ASSERT_OK_AND_ASSIGN(
      const OpenedStream other,
      OpenStream(harness_,
                 {.session = {"default", second.ref.session}, .archive = "b"}));
  EXPECT_EQ(other.stream->chunker(), DefaultChunkerSpec(ArchiveKind::kStream));
}

TEST_F(BackupRestoreTest, ABlobIsOneChunk) {
  ASSERT_OK_AND_ASSIGN(const Session session, harness_.OpenSession());
  std::string bytes(5'000'000, 0);
  for (char& byte : bytes) byte = static_cast<char>(random_());
  ASSERT_OK_AND_ASSIGN(
      OpenedStream opened,
      OpenStream(harness_, {.session = {"default", session.ref.session},
                            .archive = "config.json",
                            .kind = ArchiveKind::kBlob}));
  ASSERT_OK(WriteRange(opened.writer(), {{{bytes}}}, 0, bytes.size(), random_));
  ASSERT_OK_AND_ASSIGN(const WrittenArchive written,
                       opened.writer().End(bytes.size()));
  EXPECT_EQ(written.archive.root.chunk_count, 1u);
  opened.stream.reset();
  ASSERT_OK_AND_ASSIGN(
      const Snapshot snapshot,
      harness_.Finish(session, {{"config.json", bytes.size()}}));
  ASSERT_OK_AND_ASSIGN(const std::string read,
                       harness_.Read(snapshot, "config.json"));
  EXPECT_TRUE(read == bytes);
}

TEST_F(BackupRestoreTest, ALongRunOfZerosCostsNothing) {
  ASSERT_OK_AND_ASSIGN(const Session session, harness_.OpenSession());
  constexpr uint64_t kHuge = uint64_t{1} << 50;
  TestArchive archive;
  archive.frames.push_back({.bytes = "begin"});
  archive.frames.push_back({.hole = kHuge});
  archive.frames.push_back({.bytes = "end"});
  ASSERT_OK_AND_ASSIGN(OpenedStream opened, OpenStream(harness_, session, "a"));
  ASSERT_OK(WriteRange(opened.writer(), archive, 0, kHuge + 8, random_));
  ASSERT_OK_AND_ASSIGN(const WrittenArchive written,
                       opened.writer().End(kHuge + 8));
  EXPECT_EQ(written.archive.root.hole_bytes, kHuge);
  EXPECT_EQ(written.archive.root.chunk_count, 2u);
  opened.stream.reset();
  ASSERT_OK_AND_ASSIGN(const Snapshot snapshot,
                       harness_.Finish(session, {{"a", kHuge + 8}}));
  ASSERT_OK_AND_ASSIGN(OpenedArchive read,
                       harness_.replica().restore().Open(
                           harness_.admin(), {snapshot.name, "a"}, kHuge, 0));
  EXPECT_EQ(read.length, 8u);
  ASSERT_OK_AND_ASSIGN(std::optional<ReadPiece> piece, read.reader->Next());
  ASSERT_TRUE(piece.has_value());
  EXPECT_TRUE(piece->is_hole);
  EXPECT_EQ(piece->length, 5u);
  ASSERT_OK_AND_ASSIGN(piece, read.reader->Next());
  EXPECT_EQ(piece->bytes, "end");
  ASSERT_OK_AND_ASSIGN(piece, read.reader->Next());
  EXPECT_FALSE(piece.has_value());
}

TEST_F(BackupRestoreTest, ManyTinyFramesAreKeptInTheirSpace) {
  ASSERT_OK_AND_ASSIGN(const Session session, harness_.OpenSession());
  const TestArchive archive = {{{std::string(60'000, 'x')}}};
  ASSERT_OK_AND_ASSIGN(OpenedStream opened, OpenStream(harness_, session, "a"));
  ASSERT_OK(WriteRange(opened.writer(), archive, 0, 60'000, random_, 3));
  EXPECT_OK(opened.writer().End(60'000));
}

TEST_F(BackupRestoreTest, DamageNamesTheChunkAndItsBytes) {
  ASSERT_OK_AND_ASSIGN(const Session session, harness_.OpenSession());
  std::string bytes(300'000, 0);
  for (char& byte : bytes) byte = static_cast<char>(random_());
  ASSERT_OK(Write(session, "a", {{{bytes}}}));
  ASSERT_OK_AND_ASSIGN(const Snapshot snapshot,
                       harness_.Finish(session, {{"a", bytes.size()}}));
  ASSERT_OK_AND_ASSIGN(
      const ArchiveEntries entries,
      harness_.index().client().FindEntries(
          harness_.admin(), {snapshot.name, "a"}, 0, bytes.size(), 4096));
  const PlacedEntry& victim = entries.entries[entries.entries.size() / 2];
  harness_.chunks().Damage(
      harness_.datastore(),
      {.kind = RecordKind::kChunk, .digest = victim.entry.digest});

  ASSERT_OK_AND_ASSIGN(OpenedArchive opened,
                       harness_.replica().restore().Open(
                           harness_.admin(), {snapshot.name, "a"}, 0, 0));
  uint64_t good = 0;
  absl::Status error;
  while (error.ok()) {
    absl::StatusOr<std::optional<ReadPiece>> piece = opened.reader->Next();
    error = piece.status();
    if (!error.ok()) break;
    ASSERT_TRUE(piece->has_value());
    EXPECT_EQ((*piece)->bytes,
              bytes.substr((*piece)->offset, (*piece)->length));
    good += (*piece)->length;
  }
  EXPECT_EQ(good, victim.offset);
  EXPECT_THAT(error, StatusIs(StatusCode::kDataLoss,
                              HasSubstr(victim.entry.digest.ToHex())));
  EXPECT_THAT(error, StatusIs(StatusCode::kDataLoss,
                              HasSubstr(absl::StrCat(
                                  "bytes ", victim.offset, "..",
                                  victim.offset + victim.entry.length - 1))));
  EXPECT_THAT(error, HasReasonCode(reason::kRecordDamaged));
  // What lies behind it is readable.
  const uint64_t behind = victim.offset + victim.entry.length;
  EXPECT_THAT(harness_.Read(snapshot, "a", behind),
              IsOkAndHolds(bytes.substr(behind)));

  // The next backup finds the chunk missing and heals it.
  ASSERT_OK_AND_ASSIGN(const Session second, harness_.OpenSession());
  ASSERT_OK_AND_ASSIGN(const WrittenArchive healed,
                       Write(second, "a", {{{bytes}}}));
  EXPECT_EQ(healed.totals.new_chunk_count, 1u);
  EXPECT_THAT(harness_.Read(snapshot, "a"), IsOkAndHolds(bytes));
}

TEST_F(BackupRestoreTest, ReadsNameWhatIsThere) {
  ASSERT_OK_AND_ASSIGN(const Session session, harness_.OpenSession());
  ASSERT_OK(Write(session, "a", {{{"hello"}}}));
  ASSERT_OK_AND_ASSIGN(const Snapshot snapshot,
                       harness_.Finish(session, {{"a", 5}}));
  EXPECT_THAT(harness_.Read(snapshot, "b"), StatusIs(StatusCode::kNotFound));
  EXPECT_THAT(harness_.Read(snapshot, "a", 6),
              StatusIs(StatusCode::kOutOfRange));
  EXPECT_THAT(harness_.Read(snapshot, "a", 5), IsOkAndHolds(""));
  EXPECT_THAT(harness_.Read(snapshot, "a", 2, 100), IsOkAndHolds("llo"));
  Snapshot other = snapshot;
  other.name.time += 1;
  EXPECT_THAT(harness_.Read(other, "a"), StatusIs(StatusCode::kNotFound));
  // Nothing is held once the readers are gone.
  ASSERT_OK_AND_ASSIGN(const ListPage<Lease> leases,
                       harness_.leases().List(harness_.admin(), "default", {}));
  EXPECT_THAT(leases.items, testing::IsEmpty());
}

TEST_F(BackupRestoreTest, AClientReadsItsOwnGroupsOnly) {
  ASSERT_OK_AND_ASSIGN(const Session session, harness_.OpenSession());
  ASSERT_OK(Write(session, "a", {{{"hello"}}}));
  ASSERT_OK_AND_ASSIGN(const Snapshot snapshot,
                       harness_.Finish(session, {{"a", 5}}));
  const Call stranger = {
      .caller = {CallerKind::kTls, CallerRole::kBackup, "web2@tls"}};
  EXPECT_THAT(
      harness_.replica().restore().Open(stranger, {snapshot.name, "a"}, 0, 0),
      HasReasonCode(reason::kNotOwner));
  EXPECT_THAT(harness_.replica().catalog().GetSnapshot(stranger, snapshot.name),
              HasReasonCode(reason::kNotOwner));
  EXPECT_THAT(harness_.replica().backup().GetSession(
                  stranger, {"default", session.ref.session}),
              HasReasonCode(reason::kNotOwner));
  ASSERT_OK_AND_ASSIGN(const ListPage<Group> groups,
                       harness_.replica().catalog().ListGroups(
                           stranger, {.parent = {.datastore = "default"}}, {}));
  EXPECT_THAT(groups.items, testing::IsEmpty());
}

TEST_F(BackupRestoreTest, ACancelledReadEnds) {
  ASSERT_OK_AND_ASSIGN(const Session session, harness_.OpenSession());
  const TestArchive archive = RandomArchive(random_, 500'000);
  ASSERT_OK(Write(session, "a", archive));
  ASSERT_OK_AND_ASSIGN(
      const Snapshot snapshot,
      harness_.Finish(session, {{"a", archive.Flat().size()}}));
  CancellationToken connection;
  Call call = harness_.admin();
  call.cancellation = &connection;
  ASSERT_OK_AND_ASSIGN(
      OpenedArchive opened,
      harness_.replica().restore().Open(call, {snapshot.name, "a"}, 0, 0));
  ASSERT_OK(opened.reader->Next());
  connection.Cancel();
  absl::StatusOr<std::optional<ReadPiece>> piece = opened.reader->Next();
  while (piece.ok() && piece->has_value()) piece = opened.reader->Next();
  EXPECT_THAT(piece, StatusIs(StatusCode::kCancelled));
}

}  // namespace
}  // namespace cairn::ingest
