#include "services/ingest/domain/reuse.h"

#include <string>

#include "common/digest/sha256.h"
#include "common/model/archive.h"
#include "common/status/reason.h"
#include "common/testing/status_matchers.h"

namespace cairn::ingest {
namespace {

using absl::StatusCode;
using testing::ElementsAre;

ChunkEntry Repeated(uint64_t length, uint64_t repeat, const char* bytes) {
  return {.length = length, .repeat = repeat, .digest = Sha256(bytes)};
}

ChunkEntry HoleOf(uint64_t length) {
  return {.is_hole = true, .length = length};
}

// 100..130 a run of three, 130..230 a hole, 230..250 a chunk.
const std::vector<PlacedEntry> kPlaced = {{100, Repeated(10, 3, "a")},
                                          {130, HoleOf(100)},
                                          {230, Repeated(20, 1, "b")}};

TEST(CutToRangeTest, CutsRunsBetweenRepetitionsAndHolesAnywhere) {
  EXPECT_THAT(CutToRange(kPlaced, 100, 150),
              IsOkAndHolds(ElementsAre(Repeated(10, 3, "a"), HoleOf(100),
                                       Repeated(20, 1, "b"))));
  EXPECT_THAT(CutToRange(kPlaced, 110, 20),
              IsOkAndHolds(ElementsAre(Repeated(10, 2, "a"))));
  EXPECT_THAT(CutToRange(kPlaced, 110, 10),
              IsOkAndHolds(ElementsAre(Repeated(10, 1, "a"))));
  EXPECT_THAT(CutToRange(kPlaced, 120, 11),
              IsOkAndHolds(ElementsAre(Repeated(10, 1, "a"), HoleOf(1))));
  EXPECT_THAT(CutToRange(kPlaced, 137, 3),
              IsOkAndHolds(ElementsAre(HoleOf(3))));
  EXPECT_THAT(CutToRange(kPlaced, 229, 21),
              IsOkAndHolds(ElementsAre(HoleOf(1), Repeated(20, 1, "b"))));
}

TEST(CutToRangeTest, NeverCutsAChunk) {
  for (const auto& [offset, length] :
       std::vector<std::pair<uint64_t, uint64_t>>{
           {101, 9}, {100, 5}, {105, 10}, {120, 5}, {230, 19}, {231, 19}}) {
    const auto cut = CutToRange(kPlaced, offset, length);
    EXPECT_THAT(cut, StatusIs(StatusCode::kInvalidArgument)) << offset;
    EXPECT_THAT(cut, HasReasonCode(reason::kChunkMismatch)) << offset;
  }
}

TEST(CheckOfEntriesTest, IsWhatTheContractSays) {
  const std::string expected =
      std::string("\x0a\0\0\0\0\0\0\0", 8) +
      std::string("\x03\0\0\0\0\0\0\0", 8) + std::string(Sha256("a").view()) +
      std::string("\x02\x01\0\0\0\0\0\0", 8) +
      std::string("\x01\0\0\0\0\0\0\0", 8) + std::string(32, '\0');
  const std::vector<ChunkEntry> entries = {Repeated(10, 3, "a"), HoleOf(258)};
  EXPECT_EQ(CheckOfEntries(entries), Sha256(expected));
  EXPECT_EQ(CheckOfEntries({}), Sha256(""));
}

TEST(ReuseRefusedTest, NamesTheBytes) {
  const absl::Status refused = ReuseRefused("it is gone", 7, 5);
  EXPECT_THAT(refused, StatusIs(StatusCode::kFailedPrecondition,
                                testing::HasSubstr("bytes 7..11")));
  EXPECT_THAT(refused, HasReasonCode(reason::kReuseRefused));
  EXPECT_EQ(ReasonOf(refused)->metadata.at("offset"), "7");
  EXPECT_EQ(ReasonOf(refused)->metadata.at("length"), "5");
}

TEST(SentChunksTest, FindsTheLastOnesByNumber) {
  SentChunks sent;
  EXPECT_THAT(sent.Find(0, 1), StatusIs(StatusCode::kInvalidArgument));
  sent.Add(10, Sha256("a"));
  EXPECT_THAT(sent.Find(0, 10), IsOkAndHolds(Repeated(10, 1, "a")));
  EXPECT_THAT(sent.Find(0, 70), IsOkAndHolds(Repeated(10, 7, "a")));
  EXPECT_THAT(sent.Find(0, 0), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(sent.Find(0, 15), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(sent.Find(1, 10), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(sent.Find(~uint64_t{0}, 10),
              StatusIs(StatusCode::kInvalidArgument));
  for (uint64_t i = 1; i < kMaxSentChunks; ++i) sent.Add(i, Sha256("b"));
  EXPECT_OK(sent.Find(0, 10));
  sent.Add(5, Sha256("c"));
  EXPECT_THAT(sent.Find(0, 10), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(sent.Find(1, 1), IsOkAndHolds(Repeated(1, 1, "b")));
  EXPECT_THAT(sent.Find(kMaxSentChunks, 5), IsOkAndHolds(Repeated(5, 1, "c")));
}

}  // namespace
}  // namespace cairn::ingest
