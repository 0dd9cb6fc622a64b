// Archives that clients cut, hash and encode themselves come out as those
// that the server cuts; what a client says and is not so, is refused before
// anything of it is there.

#include "services/ingest/engine/chunk_writer.h"

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/chunking/chunker.h"
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
using testing::HasSubstr;

struct OpenedChunkStream {
  std::unique_ptr<CancellationToken> connection =
      std::make_unique<CancellationToken>();
  std::unique_ptr<Call> call;
  std::unique_ptr<RecordingListener> listener =
      std::make_unique<RecordingListener>();
  std::unique_ptr<ChunkBackupStream> stream;
  ChunkWriter& writer() { return stream->writer(); }
};

std::vector<std::string> CutBySmallChunks(std::string_view bytes) {
  const std::unique_ptr<Chunker> chunker = *NewChunker(kSmallChunks);
  std::vector<std::string> chunks;
  std::string current;
  while (!bytes.empty()) {
    const size_t end = chunker->Scan(bytes);
    const size_t taken = end == 0 ? bytes.size() : end;
    current.append(bytes.substr(0, taken));
    bytes.remove_prefix(taken);
    if (end != 0) chunks.push_back(std::exchange(current, {}));
  }
  if (!current.empty()) chunks.push_back(current);
  return chunks;
}

struct Encoded {
  ChunkHeader header;
  std::string payload;
};

Encoded Encode(uint64_t offset, const std::string& plain, Encoding encoding) {
  Encoded encoded;
  encoded.payload = encoding == Encoding::kRaw ? plain : ZstdCompress(plain, 1);
  encoded.header = {.offset = offset,
                    .length = plain.size(),
                    .digest = Sha256(plain),
                    .encoding = encoding,
                    .stored_length = encoded.payload.size()};
  return encoded;
}

absl::Status Send(ChunkWriter& writer, const Encoded& encoded) {
  return writer.Chunk(encoded.header, encoded.payload);
}

ReuseRange ReuseOfSent(uint64_t offset, uint64_t number,
                       const std::string& plain, uint64_t repeat = 1) {
  return {.offset = offset,
          .length = plain.size() * repeat,
          .sent_chunk = number,
          .check = CheckOfEntries(
              std::vector<ChunkEntry>{{.length = plain.size(),
                                       .repeat = repeat,
                                       .digest = Sha256(plain)}})};
}

class ChunkWriterTest : public testing::Test {
 protected:
  ChunkWriterTest() : random_(TestSeed()), harness_(random_()) {}

  absl::StatusOr<OpenedChunkStream> Open(
      const Session& session, const std::string& archive,
      uint64_t resume_offset = 0, ArchiveKind kind = ArchiveKind::kStream) {
    OpenedChunkStream opened;
    opened.call = std::make_unique<Call>(harness_.admin());
    opened.call->cancellation = opened.connection.get();
    OpenStreamRequest request{.session = {"default", session.ref.session},
                              .archive = archive,
                              .kind = kind,
                              .resume_offset = resume_offset};
    if (kind != ArchiveKind::kBlob) request.chunker = kSmallChunks;
    ASSIGN_OR_RETURN(opened.stream,
                     harness_.replica().backup().OpenChunkStream(
                         *opened.call, request, opened.listener.get()));
    return opened;
  }

  std::string RandomBytes(size_t size) {
    std::string bytes(size, 0);
    for (char& byte : bytes) byte = static_cast<char>(random_());
    return bytes;
  }

  // Sends `chunks`, which begin at `offset`, in every form there is.
  absl::Status SendInEveryForm(ChunkWriter& writer, uint64_t offset,
                               const std::vector<std::string>& chunks) {
    std::map<std::string, uint64_t> sent;
    for (size_t i = 0; i < chunks.size(); ++i) {
      const std::string& plain = chunks[i];
      uint64_t repeat = 1;
      while (i + 1 < chunks.size() && chunks[i + 1] == plain &&
             random_() % 2 == 0) {
        ++repeat;
        ++i;
      }
      const uint64_t length = plain.size() * repeat;
      const bool is_zero = plain == std::string(plain.size(), '\0');
      if (const auto it = sent.find(plain);
          it != sent.end() && random_() % 2 == 0) {
        RETURN_IF_ERROR(
            writer.Reuse(ReuseOfSent(offset, it->second, plain, repeat)));
      } else if (is_zero && random_() % 2 == 0) {
        RETURN_IF_ERROR(writer.Hole(offset, length));
      } else {
        Encoded encoded = Encode(
            offset, plain, random_() % 2 ? Encoding::kRaw : Encoding::kZstd);
        encoded.header.repeat = repeat;
        const size_t number = sent_count_++;
        sent.emplace(plain, number);
        RETURN_IF_ERROR(SendInPieces(writer, encoded));
      }
      if (random_() % 50 == 0) RETURN_IF_ERROR(writer.Flush());
      offset += length;
    }
    return absl::OkStatus();
  }

  absl::Status SendInPieces(ChunkWriter& writer, const Encoded& encoded) {
    std::string_view rest = encoded.payload;
    size_t taken = random_() % (rest.size() + 1);
    RETURN_IF_ERROR(
        writer.Chunk(encoded.header, std::string(rest.substr(0, taken))));
    rest.remove_prefix(taken);
    while (!rest.empty()) {
      taken = 1 + random_() % rest.size();
      RETURN_IF_ERROR(writer.Fragment(std::string(rest.substr(0, taken))));
      rest.remove_prefix(taken);
    }
    return absl::OkStatus();
  }

  // A snapshot with one archive "a", written as bytes.
  absl::StatusOr<Snapshot> BackUp(const std::string& bytes,
                                  const std::string& archive = "a") {
    ASSIGN_OR_RETURN(const Session session, harness_.OpenSession());
    {
      ASSIGN_OR_RETURN(OpenedStream opened,
                       OpenStream(harness_, session, archive));
      RETURN_IF_ERROR(
          WriteRange(opened.writer(), {{{bytes}}}, 0, bytes.size(), random_));
      RETURN_IF_ERROR(opened.writer().End(bytes.size()).status());
    }
    return harness_.Finish(session, {{archive, bytes.size()}});
  }

  std::vector<PlacedEntry> EntriesOf(const Snapshot& snapshot) {
    return harness_.index()
        .client()
        .FindEntries(harness_.admin(), {snapshot.name, "a"}, 0, ~uint64_t{0},
                     4096)
        ->entries;
  }

  static ReuseRange ReuseOfBase(const std::vector<PlacedEntry>& entries,
                                size_t begin, size_t end) {
    ReuseRange range{.offset = entries[begin].offset,
                     .base_offset = entries[begin].offset};
    std::vector<ChunkEntry> named;
    for (size_t i = begin; i < end; ++i) {
      named.push_back(entries[i].entry);
      range.length += entries[i].entry.total_length();
    }
    range.check = CheckOfEntries(named);
    return range;
  }

  size_t stored_records() {
    return harness_.chunks().Records(harness_.datastore()).size();
  }

  std::mt19937_64 random_;
  IngestHarness harness_;
  uint64_t sent_count_ = 0;
};

TEST_F(ChunkWriterTest, ArchivesAreThoseThatTheServerCuts) {
  for (const size_t size : {0, 1, 5000, 100'000, 3'000'000}) {
    const std::string flat = RandomArchive(random_, size).Flat();
    ASSERT_OK_AND_ASSIGN(const Session session, harness_.OpenSession());
    PageRoot cut_here;
    {
      sent_count_ = 0;
      ASSERT_OK_AND_ASSIGN(OpenedChunkStream opened, Open(session, "chunks"));
      ASSERT_OK(SendInEveryForm(opened.writer(), 0, CutBySmallChunks(flat)));
      ASSERT_OK_AND_ASSIGN(const WrittenArchive written,
                           opened.writer().End(flat.size()));
      cut_here = written.archive.root;
      const WriteTotals& totals = written.totals;
      EXPECT_EQ(totals.plain_bytes + totals.hole_bytes + totals.reused_bytes,
                flat.size());
      EXPECT_EQ(totals.chunk_count, cut_here.chunk_count);
    }
    ASSERT_OK_AND_ASSIGN(OpenedStream bytes,
                         OpenStream(harness_, session, "bytes"));
    ASSERT_OK(WriteRange(bytes.writer(), {{{flat}}}, 0, flat.size(), random_));
    ASSERT_OK_AND_ASSIGN(const WrittenArchive cut_there,
                         bytes.writer().End(flat.size()));
    EXPECT_EQ(cut_here, cut_there.archive.root) << size;
    EXPECT_EQ(cut_there.totals.new_chunk_count, 0u);
    bytes.stream.reset();
    ASSERT_OK_AND_ASSIGN(const Snapshot snapshot,
                         harness_.Finish(session, {{"chunks", flat.size()},
                                                   {"bytes", flat.size()}}));
    EXPECT_TRUE(*harness_.Read(snapshot, "chunks") == flat);
  }
}

TEST_F(ChunkWriterTest, PayloadsAreStoredAsTheyCame) {
  ASSERT_OK_AND_ASSIGN(const Session session, harness_.OpenSession());
  ASSERT_OK_AND_ASSIGN(OpenedChunkStream opened, Open(session, "a"));
  const std::string plain(10'000, 'x');
  const Encoded raw = Encode(0, plain, Encoding::kRaw);
  ASSERT_OK(Send(opened.writer(), raw));
  ASSERT_OK_AND_ASSIGN(const WrittenArchive written,
                       opened.writer().End(plain.size()));
  EXPECT_EQ(written.totals.stored_bytes, plain.size());
  EXPECT_EQ(written.totals.new_plain_bytes, plain.size());
  for (const Record& record : harness_.chunks().Records(harness_.datastore())) {
    if (record.key.kind != RecordKind::kChunk) continue;
    EXPECT_EQ(record.encoding, Encoding::kRaw);
    EXPECT_TRUE(record.payload == plain);
  }
}

TEST_F(ChunkWriterTest, WhatTheBaseHasIsPinnedAndNotSent) {
  const std::string flat =
      RandomBytes(700'000) + std::string(100'000, '\0') + RandomBytes(100'000);
  ASSERT_OK_AND_ASSIGN(const Snapshot base, BackUp(flat));
  ASSERT_OK_AND_ASSIGN(const Session session, harness_.OpenSession());
  harness_.chunks().Restart();  // forgets all touches
  const std::vector<PlacedEntry> entries = EntriesOf(base);
  ASSERT_GT(entries.size(), 40u);
  const auto touch_of = [this](const PlacedEntry& placed) {
    return harness_.chunks().TouchOf(
        harness_.datastore(),
        {.kind = RecordKind::kChunk, .digest = placed.entry.digest});
  };
  ASSERT_LT(touch_of(entries[0]), session.ref.epoch);

  ASSERT_OK_AND_ASSIGN(OpenedChunkStream opened, Open(session, "a"));
  for (size_t at = 0; at < entries.size();) {
    const size_t end = std::min(entries.size(), at + 1 + random_() % 30);
    ASSERT_OK(opened.writer().Reuse(ReuseOfBase(entries, at, end)));
    at = end;
  }
  ASSERT_OK_AND_ASSIGN(const WrittenArchive written,
                       opened.writer().End(flat.size()));
  EXPECT_EQ(written.archive.root, base.archives[0].root);
  EXPECT_EQ(written.totals.reused_bytes, flat.size());
  EXPECT_EQ(written.totals.plain_bytes, 0u);
  for (const PlacedEntry& placed : entries) {
    if (placed.entry.is_hole) continue;
    EXPECT_EQ(touch_of(placed), session.ref.epoch);
  }
  opened.stream.reset();
  ASSERT_OK_AND_ASSIGN(const Snapshot snapshot,
                       harness_.Finish(session, {{"a", flat.size()}}));
  EXPECT_TRUE(*harness_.Read(snapshot, "a") == flat);
}

TEST_F(ChunkWriterTest, WhatStandsElsewhereInTheBaseMoves) {
  const std::string flat = RandomBytes(300'000);
  ASSERT_OK_AND_ASSIGN(const Snapshot base, BackUp(flat));
  const std::vector<PlacedEntry> entries = EntriesOf(base);
  ASSERT_OK_AND_ASSIGN(const Session session, harness_.OpenSession());
  // The base's halves in the other order, in an archive of another name.
  const size_t middle = entries.size() / 2;
  const uint64_t at = entries[middle].offset;
  ASSERT_OK_AND_ASSIGN(OpenedChunkStream opened, Open(session, "b"));
  ReuseRange second = ReuseOfBase(entries, middle, entries.size());
  ReuseRange first = ReuseOfBase(entries, 0, middle);
  second.base_archive = first.base_archive = "a";
  second.offset = 0;
  first.offset = flat.size() - at;
  ASSERT_OK(opened.writer().Reuse(second));
  ASSERT_OK(opened.writer().Reuse(first));
  ASSERT_OK(opened.writer().End(flat.size()));
  opened.stream.reset();
  ASSERT_OK_AND_ASSIGN(const Snapshot snapshot,
                       harness_.Finish(session, {{"b", flat.size()}}));
  EXPECT_TRUE(*harness_.Read(snapshot, "b") ==
              flat.substr(at) + flat.substr(0, at));
}

TEST_F(ChunkWriterTest, ReusesGoOnBehindWhatIndexAnswersAtOnce) {
  constexpr size_t kChunks = 2 * kMaxReuseEntries + 50;
  PageRoot root;
  std::vector<PlacedEntry> entries;
  {
    ASSERT_OK_AND_ASSIGN(const Session first, harness_.OpenSession());
    ASSERT_OK_AND_ASSIGN(OpenedChunkStream opened, Open(first, "a"));
    for (size_t i = 0; i < kChunks; ++i) {
      const Encoded chunk =
          Encode(8 * i, absl::StrCat(10'000'000 + i), Encoding::kRaw);
      ASSERT_OK(Send(opened.writer(), chunk));
      entries.push_back(
          {.offset = 8 * i,
           .entry = {.length = 8, .digest = chunk.header.digest}});
    }
    ASSERT_OK_AND_ASSIGN(const WrittenArchive written,
                         opened.writer().End(8 * kChunks));
    root = written.archive.root;
    opened.stream.reset();
    ASSERT_OK(harness_.Finish(first, {{"a", 8 * kChunks}}));
  }
  ASSERT_OK_AND_ASSIGN(const Session session, harness_.OpenSession());
  {
    ASSERT_OK_AND_ASSIGN(OpenedChunkStream opened, Open(session, "a"));
    EXPECT_THAT(
        opened.writer().Reuse(ReuseOfBase(entries, 0, kMaxReuseEntries + 1)),
        StatusIs(StatusCode::kInvalidArgument, HasSubstr("in parts")));
  }
  ASSERT_OK_AND_ASSIGN(OpenedChunkStream opened, Open(session, "a"));
  // The second lies in two windows.
  for (const auto& [begin, end] : std::vector<std::pair<size_t, size_t>>{
           {0, 100},
           {100, 100 + kMaxReuseEntries},
           {100 + kMaxReuseEntries, kChunks}}) {
    ASSERT_OK(opened.writer().Reuse(ReuseOfBase(entries, begin, end)));
  }
  ASSERT_OK_AND_ASSIGN(const WrittenArchive written,
                       opened.writer().End(8 * kChunks));
  EXPECT_EQ(written.archive.root, root);
}

TEST_F(ChunkWriterTest, AReuseIsOfTheBaseAndWhatItsCheckSays) {
  const std::string flat = RandomBytes(300'000);
  {
    ASSERT_OK_AND_ASSIGN(const Session first, harness_.OpenSession());
    ASSERT_OK_AND_ASSIGN(OpenedChunkStream opened, Open(first, "a"));
    EXPECT_THAT(opened.writer().Reuse({.offset = 0, .length = 1}),
                HasReasonCode(reason::kReuseRefused));
    opened.stream.reset();
    ASSERT_OK(harness_.replica().backup().AbortSession(
        harness_.admin(), {"default", first.ref.session}));
  }
  ASSERT_OK_AND_ASSIGN(const Snapshot base, BackUp(flat));
  const std::vector<PlacedEntry> entries = EntriesOf(base);
  ASSERT_OK_AND_ASSIGN(const Session session, harness_.OpenSession());
  const auto reuse = [&](const ReuseRange& range) -> absl::Status {
    ASSIGN_OR_RETURN(OpenedChunkStream opened, Open(session, "a"));
    return opened.writer().Reuse(range);
  };
  const ReuseRange good = ReuseOfBase(entries, 0, 3);

  ReuseRange other_check = good;
  other_check.check = Sha256("other");
  EXPECT_THAT(reuse(other_check), HasReasonCode(reason::kChunkMismatch));
  ReuseRange inside = good;
  inside.length -= 1;
  EXPECT_THAT(reuse(inside), HasReasonCode(reason::kChunkMismatch));
  ReuseRange later = good;
  later.base_offset = entries[1].offset;
  EXPECT_THAT(reuse(later), StatusIs(StatusCode::kInvalidArgument));

  ReuseRange no_archive = good;
  no_archive.base_archive = "b";
  ReuseRange beyond = good;
  beyond.base_offset = flat.size();
  ReuseRange too_long = good;
  too_long.length = flat.size() + 1;
  ReuseRange overflow = good;
  overflow.base_offset = ~uint64_t{0};
  for (const ReuseRange& range : {no_archive, beyond, too_long, overflow}) {
    const absl::Status refused = reuse(range);
    EXPECT_THAT(refused, StatusIs(StatusCode::kFailedPrecondition));
    ASSERT_THAT(refused, HasReasonCode(reason::kReuseRefused));
    EXPECT_EQ(ReasonOf(refused)->metadata.at("offset"), "0");
    EXPECT_EQ(ReasonOf(refused)->metadata.at("length"),
              absl::StrCat(range.length));
  }
  EXPECT_OK(reuse(good));
}

TEST_F(ChunkWriterTest, AChunkThatTheBaseHasLostIsNamedAndSent) {
  const std::string flat = RandomBytes(400'000);
  ASSERT_OK_AND_ASSIGN(const Snapshot base, BackUp(flat));
  const std::vector<PlacedEntry> entries = EntriesOf(base);
  const PlacedEntry& victim = entries[entries.size() / 2];
  harness_.chunks().Damage(
      harness_.datastore(),
      {.kind = RecordKind::kChunk, .digest = victim.entry.digest});
  // A read finds it, so that it counts as missing.
  EXPECT_THAT(harness_.Read(base, "a"), StatusIs(StatusCode::kDataLoss));

  ASSERT_OK_AND_ASSIGN(const Session session, harness_.OpenSession());
  {
    ASSERT_OK_AND_ASSIGN(OpenedChunkStream opened, Open(session, "a"));
    absl::Status status =
        opened.writer().Reuse(ReuseOfBase(entries, 0, entries.size()));
    if (status.ok()) status = opened.writer().End(flat.size()).status();
    EXPECT_THAT(status, StatusIs(StatusCode::kFailedPrecondition));
    ASSERT_THAT(status, HasReasonCode(reason::kReuseRefused));
    EXPECT_EQ(ReasonOf(status)->metadata.at("offset"),
              absl::StrCat(victim.offset));
    EXPECT_EQ(ReasonOf(status)->metadata.at("length"),
              absl::StrCat(victim.entry.length));
  }
  ASSERT_OK_AND_ASSIGN(OpenedChunkStream opened, Open(session, "a"));
  const size_t at = &victim - entries.data();
  ASSERT_OK(opened.writer().Reuse(ReuseOfBase(entries, 0, at)));
  ASSERT_OK(Send(
      opened.writer(),
      Encode(victim.offset, flat.substr(victim.offset, victim.entry.length),
             Encoding::kZstd)));
  ASSERT_OK(
      opened.writer().Reuse(ReuseOfBase(entries, at + 1, entries.size())));
  ASSERT_OK_AND_ASSIGN(const WrittenArchive written,
                       opened.writer().End(flat.size()));
  EXPECT_EQ(written.archive.root, base.archives[0].root);
  EXPECT_EQ(written.totals.new_chunk_count, 1u);
  opened.stream.reset();
  ASSERT_OK(harness_.Finish(session, {{"a", flat.size()}}));
  // Healed for the base too.
  EXPECT_TRUE(*harness_.Read(base, "a") == flat);
}

TEST_F(ChunkWriterTest, APayloadIsWhatItsHeaderSays) {
  const std::string plain = RandomBytes(5'000) + std::string(3'000, 'x');
  const std::string known = RandomBytes(8'000);
  ASSERT_OK(BackUp(known, "known"));
  ASSERT_OK_AND_ASSIGN(const Session session, harness_.OpenSession());
  const Encoded zstd = Encode(0, plain, Encoding::kZstd);
  const Encoded raw = Encode(0, plain, Encoding::kRaw);

  std::map<std::string, Encoded> lies;
  // The digest of what the store has, with other bytes: neither the chunk
  // nor that it is there may be had for it.
  lies["raw of a known digest"] = raw;
  lies["raw of a known digest"].header.digest = Sha256(known);
  lies["zstd of a known digest"] = zstd;
  lies["zstd of a known digest"].header.digest = Sha256(known);
  lies["nothing of a known digest"] =
      Encode(0, std::string(plain.size(), '\0'), Encoding::kZstd);
  lies["nothing of a known digest"].header.digest = Sha256(known);
  lies["longer"] = zstd;
  ++lies["longer"].header.length;
  lies["shorter"] = zstd;
  --lies["shorter"].header.length;
  lies["no frame"] = zstd;
  lies["no frame"].header.stored_length = plain.size();
  lies["no frame"].payload = plain;
  lies["half a frame"] = zstd;
  lies["half a frame"].payload.resize(zstd.payload.size() / 2);
  lies["half a frame"].header.stored_length = zstd.payload.size() / 2;
  lies["a frame and more"] = zstd;
  lies["a frame and more"].payload += "x";
  ++lies["a frame and more"].header.stored_length;
  lies["a bomb"] = Encode(0, std::string(16'000'000, 'x'), Encoding::kZstd);
  lies["a bomb"].header.length = 100;
  lies["raw zstd"] = raw;
  lies["raw zstd"].header.encoding = Encoding::kZstd;

  const size_t records = stored_records();
  for (const auto& [name, lie] : lies) {
    ASSERT_OK_AND_ASSIGN(OpenedChunkStream opened, Open(session, "a"));
    absl::Status status = Send(opened.writer(), lie);
    // Good chunks beside it do not help.
    const uint64_t next = lie.header.length;
    if (status.ok()) {
      status = Send(opened.writer(), Encode(next, "good", Encoding::kRaw));
    }
    if (status.ok()) status = opened.writer().End(next + 4).status();
    EXPECT_THAT(status, StatusIs(StatusCode::kInvalidArgument)) << name;
    EXPECT_THAT(status, HasReasonCode(reason::kChunkMismatch)) << name;
    EXPECT_EQ(opened.listener->durable_bytes(), 0u) << name;
  }
  EXPECT_EQ(stored_records(), records);
  ASSERT_OK_AND_ASSIGN(const Session after,
                       harness_.replica().backup().GetSession(
                           harness_.admin(), {"default", session.ref.session}));
  EXPECT_THAT(after.archives, testing::IsEmpty());
}

TEST_F(ChunkWriterTest, ZerosAreHolesHoweverTheyCome) {
  const std::string zeros(8192, '\0');
  ASSERT_OK_AND_ASSIGN(const Session session, harness_.OpenSession());
  ASSERT_OK_AND_ASSIGN(OpenedChunkStream opened, Open(session, "a"));
  ChunkWriter& writer = opened.writer();
  ASSERT_OK(Send(writer, Encode(0, "begin", Encoding::kRaw)));
  Encoded repeated = Encode(5, zeros, Encoding::kZstd);
  repeated.header.repeat = uint64_t{1} << 40;
  ASSERT_OK(Send(writer, repeated));
  uint64_t at = 5 + zeros.size() * repeated.header.repeat;
  // In the same batch, and after it.
  ASSERT_OK(writer.Reuse(ReuseOfSent(at, 1, zeros, 3)));
  at += 3 * zeros.size();
  ASSERT_OK(writer.Flush());
  ASSERT_OK(writer.Reuse(ReuseOfSent(at, 1, zeros, 4)));
  at += 4 * zeros.size();
  ASSERT_OK(writer.Hole(at, 10));
  ASSERT_OK(writer.Reuse(ReuseOfSent(at + 10, 0, "begin")));
  ASSERT_OK_AND_ASSIGN(const WrittenArchive written, writer.End(at + 15));
  EXPECT_EQ(written.archive.root.chunk_count, 2u);
  EXPECT_EQ(written.totals.chunk_count, 2u);
  EXPECT_EQ(written.archive.root.hole_bytes, at + 5);
  EXPECT_EQ(written.totals.new_chunk_count, 1u);
  opened.stream.reset();
  ASSERT_OK_AND_ASSIGN(const Snapshot snapshot,
                       harness_.Finish(session, {{"a", at + 15}}));
  EXPECT_THAT(harness_.Read(snapshot, "a", at, 0),
              IsOkAndHolds(std::string(10, '\0') + "begin"));
  EXPECT_THAT(harness_.Read(snapshot, "a", 0, 7),
              IsOkAndHolds(std::string("begin\0\0", 7)));
}

TEST_F(ChunkWriterTest, OneWayGoesOnWhereAnotherBroke) {
  const std::string flat = RandomArchive(random_, 1'500'000).Flat();
  const std::vector<std::string> chunks = CutBySmallChunks(flat);
  ASSERT_OK_AND_ASSIGN(const Session session, harness_.OpenSession());
  size_t next = 0;
  uint64_t at = 0;
  while (at < flat.size()) {
    if (random_() % 2 == 0) {
      ASSERT_OK_AND_ASSIGN(OpenedStream opened,
                           OpenStream(harness_, session, "a", at));
      const uint64_t to =
          std::min<uint64_t>(flat.size(), at + 1 + random_() % 400'000);
      ASSERT_OK(WriteRange(opened.writer(), {{{flat}}}, at, to, random_));
      ASSERT_OK(opened.writer().Flush());
    } else {
      ASSERT_OK_AND_ASSIGN(OpenedChunkStream opened, Open(session, "a", at));
      const size_t end = std::min(chunks.size(), next + 1 + random_() % 40);
      sent_count_ = 0;
      ASSERT_OK(SendInEveryForm(opened.writer(), at,
                                {chunks.begin() + next, chunks.begin() + end}));
      ASSERT_OK(opened.writer().Flush());
    }
    ASSERT_OK_AND_ASSIGN(
        const Session now,
        harness_.replica().backup().GetSession(
            harness_.admin(), {"default", session.ref.session}));
    if (!now.archives.empty()) at = now.archives[0].durable_bytes;
    for (uint64_t before = 0, i = 0; i <= chunks.size(); ++i) {
      if (before >= at) {
        ASSERT_EQ(before, at) << "not a boundary of the chunker";
        next = i;
        break;
      }
      before += chunks[i].size();
    }
    if (next == chunks.size() || chunks.size() - next < 3) break;
  }
  ASSERT_OK_AND_ASSIGN(OpenedStream last,
                       OpenStream(harness_, session, "a", at));
  ASSERT_OK(WriteRange(last.writer(), {{{flat}}}, at, flat.size(), random_));
  ASSERT_OK(last.writer().End(flat.size()));
  last.stream.reset();
  ASSERT_OK_AND_ASSIGN(const Snapshot snapshot,
                       harness_.Finish(session, {{"a", flat.size()}}));
  EXPECT_TRUE(*harness_.Read(snapshot, "a") == flat);
}

TEST_F(ChunkWriterTest, ABlobIsOneChunkSentOrReused) {
  const std::string bytes = RandomBytes(3'000'000);
  const std::string name = "config.json";
  for (const bool reused : {false, true}) {
    ASSERT_OK_AND_ASSIGN(const Session session, harness_.OpenSession());
    ASSERT_OK_AND_ASSIGN(OpenedChunkStream opened,
                         Open(session, name, 0, ArchiveKind::kBlob));
    if (reused) {
      ASSERT_OK(opened.writer().Reuse(
          {.length = bytes.size(),
           .check = CheckOfEntries(std::vector<ChunkEntry>{
               {.length = bytes.size(), .digest = Sha256(bytes)}})}));
    } else {
      const Encoded encoded = Encode(0, bytes, Encoding::kRaw);
      ASSERT_OK(opened.writer().Chunk(encoded.header,
                                      bytes.substr(0, kMaxFrameBytes)));
      ASSERT_OK(opened.writer().Fragment(
          bytes.substr(kMaxFrameBytes, kMaxFrameBytes)));
      ASSERT_OK(opened.writer().Fragment(bytes.substr(2 * kMaxFrameBytes)));
    }
    ASSERT_OK_AND_ASSIGN(const WrittenArchive written,
                         opened.writer().End(bytes.size()));
    EXPECT_EQ(written.archive.root.chunk_count, 1u);
    EXPECT_EQ(written.totals.reused_bytes, reused ? bytes.size() : 0);
    opened.stream.reset();
    ASSERT_OK_AND_ASSIGN(const Snapshot snapshot,
                         harness_.Finish(session, {{name, bytes.size()}}));
    EXPECT_TRUE(*harness_.Read(snapshot, name) == bytes);
  }
}

TEST_F(ChunkWriterTest, AReuseKeepsToTheArchivesChunker) {
  ASSERT_OK(BackUp(RandomBytes(300'000)));
  ASSERT_OK_AND_ASSIGN(const Session session, harness_.OpenSession());
  ASSERT_OK_AND_ASSIGN(const ArchiveEntries entries,
                       harness_.index().client().FindEntries(
                           harness_.admin(), {*session.base, "a"}, 0, 1, 1));
  OpenStreamRequest request{.session = {"default", session.ref.session},
                            .archive = "a"};
  request.chunker = ChunkerSpec{"fixed-v1", 4096, 4096, 4096};
  RecordingListener listener;
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<ChunkBackupStream> stream,
                       harness_.replica().backup().OpenChunkStream(
                           harness_.admin(), request, &listener));
  EXPECT_THAT(stream->writer().Reuse(ReuseOfBase(entries.entries, 0, 1)),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("chunker")));
}

// Without room for a second chunk beside the one that comes.
TEST(ChunkWriterMemoryTest, AStreamGoesOnWithItsGuaranteeAlone) {
  IngestEngine::Options options = SmallSteps();
  options.backup.memory.process_bytes = ChunkWriter::GuaranteeFor(kSmallChunks);
  options.backup.memory.stream_bytes = 1;
  std::mt19937_64 random(TestSeed());
  IngestHarness harness(random(), options);
  ASSERT_OK_AND_ASSIGN(const Session session, harness.OpenSession());
  OpenStreamRequest request{.session = {"default", session.ref.session},
                            .archive = "a"};
  request.chunker = kSmallChunks;
  RecordingListener listener;
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<ChunkBackupStream> stream,
                       harness.replica().backup().OpenChunkStream(
                           harness.admin(), request, &listener));
  EXPECT_THAT(harness.replica().backup().OpenChunkStream(
                  harness.admin(),
                  [&] {
                    OpenStreamRequest other = request;
                    other.archive = "b";
                    return other;
                  }(),
                  &listener),
              HasReasonCode(reason::kLimitExceeded));
  uint64_t at = 0;
  for (int i = 0; i < 500; ++i) {
    std::string plain(kSmallChunks.max_bytes, 0);
    for (char& byte : plain) byte = static_cast<char>(random());
    ASSERT_OK(Send(stream->writer(), Encode(at, plain, Encoding::kZstd)));
    at += plain.size();
  }
  EXPECT_OK(stream->writer().End(at));
}

}  // namespace
}  // namespace cairn::ingest
