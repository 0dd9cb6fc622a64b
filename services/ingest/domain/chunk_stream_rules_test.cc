#include "services/ingest/domain/chunk_stream_rules.h"

#include "common/model/archive.h"
#include "common/model/record.h"
#include "common/page/page.h"
#include "common/status/reason.h"
#include "common/testing/status_matchers.h"
#include "services/ingest/domain/stream_rules.h"

namespace cairn::ingest {
namespace {

using absl::StatusCode;
using testing::HasSubstr;

constexpr uint64_t kLongest = 4096;
constexpr uint64_t kMax = ~uint64_t{0};

ChunkHeader Zstd(uint64_t offset, uint64_t length, uint64_t stored_length) {
  return {.offset = offset,
          .length = length,
          .encoding = Encoding::kZstd,
          .stored_length = stored_length};
}

ChunkHeader Raw(uint64_t offset, uint64_t length) {
  return {.offset = offset, .length = length, .stored_length = length};
}

auto Invalid(const char* text) {
  return StatusIs(StatusCode::kInvalidArgument, HasSubstr(text));
}

ChunkStreamRules Stream(uint64_t start = 0) {
  return ChunkStreamRules(ArchiveKind::kStream, kLongest, start);
}

TEST(ChunkStreamRulesTest, MessagesContinueWhereTheArchiveStands) {
  ChunkStreamRules rules = Stream(100);
  EXPECT_OK(rules.Chunk(Raw(100, 10), 10));
  EXPECT_OK(rules.Hole(110, 5));
  EXPECT_OK(rules.Flush());
  EXPECT_OK(rules.Reuse(115, 85));
  ChunkHeader repeated = Zstd(200, 10, 7);
  repeated.repeat = 10;
  EXPECT_OK(rules.Chunk(repeated, 7));
  EXPECT_EQ(rules.position(), 300u);
  EXPECT_OK(rules.End(300));
}

TEST(ChunkStreamRulesTest, AnotherOffsetIsRefusedAndNamesTheRightOne) {
  ChunkStreamRules rules = Stream(100);
  for (const uint64_t offset : {uint64_t{0}, uint64_t{99}, uint64_t{101}}) {
    for (const absl::Status& status :
         {rules.Chunk(Raw(offset, 10), 10), rules.Hole(offset, 10),
          rules.Reuse(offset, 10), rules.End(101)}) {
      EXPECT_THAT(status, StatusIs(StatusCode::kOutOfRange));
      EXPECT_THAT(status, HasReasonCode(reason::kOffsetMismatch));
      EXPECT_EQ(ReasonOf(status)->metadata.at("expected"), "100");
    }
  }
  EXPECT_EQ(rules.position(), 100u);
  EXPECT_OK(rules.End(100));
}

TEST(ChunkStreamRulesTest, APayloadIsWholeBeforeAnythingElse) {
  ChunkStreamRules rules = Stream();
  EXPECT_OK(rules.Chunk(Zstd(0, 1000, 100), 0));
  EXPECT_EQ(rules.missing_bytes(), 100u);
  EXPECT_THAT(rules.Chunk(Raw(1000, 1), 1), Invalid("lacks 100"));
  EXPECT_THAT(rules.Reuse(1000, 1), Invalid("lacks 100"));
  EXPECT_THAT(rules.Hole(1000, 1), Invalid("lacks 100"));
  EXPECT_THAT(rules.Flush(), Invalid("lacks 100"));
  EXPECT_THAT(rules.End(1000), Invalid("lacks 100"));
  EXPECT_THAT(rules.Fragment(0), Invalid("has 0 bytes"));
  EXPECT_THAT(rules.Fragment(101), Invalid("lacks 100"));
  EXPECT_OK(rules.Fragment(60));
  EXPECT_THAT(rules.Fragment(41), Invalid("lacks 40"));
  EXPECT_OK(rules.Fragment(40));
  EXPECT_THAT(rules.Fragment(1), Invalid("lacks 0"));
  EXPECT_OK(rules.End(1000));
}

TEST(ChunkStreamRulesTest, AMessageHasAtMostOneFrameOfPayload) {
  ChunkStreamRules rules(ArchiveKind::kStream, 4 * kMaxFrameBytes, 0);
  const uint64_t length = 3 * kMaxFrameBytes;
  EXPECT_THAT(rules.Chunk(Raw(0, length), kMaxFrameBytes + 1),
              Invalid("allowed in one message"));
  EXPECT_OK(rules.Chunk(Raw(0, length), kMaxFrameBytes));
  EXPECT_THAT(rules.Fragment(kMaxFrameBytes + 1), Invalid("allowed are 1.."));
  EXPECT_OK(rules.Fragment(kMaxFrameBytes));
  EXPECT_OK(rules.Fragment(kMaxFrameBytes));
}

TEST(ChunkStreamRulesTest, ChunksHaveTheBoundsOfTheirChunker) {
  ChunkStreamRules rules = Stream();
  EXPECT_THAT(rules.Chunk(Zstd(0, 0, 1), 1), Invalid("allowed by its chunker"));
  EXPECT_THAT(rules.Chunk(Zstd(0, kLongest + 1, 1), 1),
              Invalid("allowed by its chunker"));
  EXPECT_THAT(rules.Chunk(Zstd(0, kMax, 1), 1),
              Invalid("allowed by its chunker"));
  EXPECT_THAT(rules.Chunk(Zstd(0, 10, 0), 0), Invalid("stored_length"));
  EXPECT_THAT(rules.Chunk(Zstd(0, 10, 11 + kMaxEncodingGrowth), 11),
              Invalid("stored_length"));
  EXPECT_THAT(rules.Chunk(Zstd(0, 10, kMax), 11), Invalid("stored_length"));
  EXPECT_THAT(rules.Chunk(Zstd(0, 10, 5), 6), Invalid("6 bytes"));
  EXPECT_EQ(rules.position(), 0u);
  EXPECT_OK(rules.Chunk(Zstd(0, kLongest, kLongest + kMaxEncodingGrowth), 1));
}

TEST(ChunkStreamRulesTest, RawBytesAreStoredAsTheyAre) {
  ChunkStreamRules rules = Stream();
  ChunkHeader header = Raw(0, 10);
  for (const uint64_t stored : {9, 11}) {
    header.stored_length = stored;
    const absl::Status status = rules.Chunk(header, 9);
    EXPECT_THAT(status, StatusIs(StatusCode::kInvalidArgument));
    EXPECT_THAT(status, HasReasonCode(reason::kChunkMismatch));
  }
}

TEST(ChunkStreamRulesTest, EncryptedChunksAreNotTaken) {
  ChunkStreamRules rules = Stream();
  for (const Encoding encoding :
       {Encoding::kEncryptedRaw, Encoding::kEncryptedZstd}) {
    ChunkHeader header = Zstd(0, 10, 10);
    header.encoding = encoding;
    EXPECT_THAT(rules.Chunk(header, 10), Invalid("send raw or zstd"));
  }
}

TEST(ChunkStreamRulesTest, RepeatsAndRangesCannotOverflow) {
  ChunkStreamRules rules = Stream(1000);
  ChunkHeader header = Zstd(1000, 16, 9);
  for (const uint64_t repeat :
       {uint64_t{0}, kMax, kMax / 16 + 1, kMaxArchiveBytes / 16 + 1,
        (kMaxArchiveBytes - 1000) / 16 + 1}) {
    header.repeat = repeat;
    EXPECT_THAT(rules.Chunk(header, 9), StatusIs(StatusCode::kInvalidArgument))
        << repeat;
  }
  for (const uint64_t length : {uint64_t{0}, kMax, kMaxArchiveBytes - 999}) {
    EXPECT_THAT(rules.Reuse(1000, length),
                StatusIs(StatusCode::kInvalidArgument));
    EXPECT_THAT(rules.Hole(1000, length),
                StatusIs(StatusCode::kInvalidArgument));
  }
  EXPECT_EQ(rules.position(), 1000u);
  header.repeat = (kMaxArchiveBytes - 1000) / 16;
  EXPECT_OK(rules.Chunk(header, 9));
  EXPECT_OK(rules.Reuse(rules.position(), kMaxArchiveBytes - rules.position()));
}

TEST(ChunkStreamRulesTest, ABlobIsOneChunkWithoutHoles) {
  ChunkStreamRules sent(ArchiveKind::kBlob, kMaxRecordPlainBytes, 0);
  EXPECT_THAT(sent.Hole(0, 1), Invalid("blob"));
  ChunkHeader twice = Raw(0, 10);
  twice.repeat = 2;
  EXPECT_THAT(sent.Chunk(twice, 10), Invalid("blob"));
  EXPECT_THAT(sent.Reuse(0, kMaxRecordPlainBytes + 1), Invalid("blob"));
  EXPECT_OK(sent.Chunk(Raw(0, 10), 10));
  EXPECT_THAT(sent.Chunk(Raw(10, 10), 10), Invalid("blob"));
  EXPECT_THAT(sent.Reuse(10, 10), Invalid("blob"));
  EXPECT_OK(sent.End(10));

  ChunkStreamRules reused(ArchiveKind::kBlob, kMaxRecordPlainBytes, 0);
  EXPECT_OK(reused.Reuse(0, kMaxRecordPlainBytes));
  EXPECT_THAT(reused.Chunk(Raw(kMaxRecordPlainBytes, 1), 1), Invalid("blob"));

  ChunkStreamRules empty(ArchiveKind::kBlob, kMaxRecordPlainBytes, 0);
  EXPECT_OK(empty.End(0));
}

TEST(ChunkStreamRulesTest, NothingFollowsTheEnd) {
  ChunkStreamRules rules = Stream();
  EXPECT_OK(rules.End(0));
  EXPECT_THAT(rules.Chunk(Raw(0, 1), 1), Invalid("end"));
  EXPECT_THAT(rules.Fragment(1), Invalid("lacks 0"));
  EXPECT_THAT(rules.Reuse(0, 1), Invalid("end"));
  EXPECT_THAT(rules.Hole(0, 1), Invalid("end"));
  EXPECT_THAT(rules.Flush(), Invalid("end"));
  EXPECT_THAT(rules.End(0), Invalid("end"));
}

}  // namespace
}  // namespace cairn::ingest
