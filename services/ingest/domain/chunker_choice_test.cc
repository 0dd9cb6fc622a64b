#include "services/ingest/domain/chunker_choice.h"

#include "common/chunking/chunker.h"
#include "common/model/archive.h"
#include "common/model/catalog.h"
#include "common/testing/status_matchers.h"

namespace cairn::ingest {
namespace {

const ChunkerSpec kSmall{"poly-v1", 4096, 8192, 16384};
const ChunkerSpec kOther{"fixed-v1", 65536, 65536, 65536};

Snapshot BaseWith(const ChunkerSpec& spec) {
  Snapshot base;
  base.archives.push_back(
      {.name = "a", .kind = ArchiveKind::kStream, .chunker = spec});
  return base;
}

TEST(ChunkerChoiceTest, TheClientsChoiceComesFirstThenTheBaseThenTheDefault) {
  const auto kind = ArchiveKind::kStream;
  EXPECT_THAT(ChooseChunker("a", kind, kOther, BaseWith(kSmall)),
              IsOkAndHolds(kOther));
  EXPECT_THAT(ChooseChunker("a", kind, std::nullopt, BaseWith(kSmall)),
              IsOkAndHolds(kSmall));
  EXPECT_THAT(ChooseChunker("b", kind, std::nullopt, BaseWith(kSmall)),
              IsOkAndHolds(DefaultChunkerSpec(kind)));
  EXPECT_THAT(
      ChooseChunker("a", ArchiveKind::kImage, std::nullopt, BaseWith(kSmall)),
      IsOkAndHolds(DefaultChunkerSpec(ArchiveKind::kImage)));
  EXPECT_THAT(ChooseChunker("a", kind, std::nullopt, std::nullopt),
              IsOkAndHolds(DefaultChunkerSpec(kind)));
}

TEST(ChunkerChoiceTest, AnUnknownChunkerOfTheBaseIsPassedOver) {
  EXPECT_THAT(ChooseChunker("a", ArchiveKind::kStream, std::nullopt,
                            BaseWith({"rabin-v9", 1, 2, 3})),
              IsOkAndHolds(DefaultChunkerSpec(ArchiveKind::kStream)));
}

TEST(ChunkerChoiceTest, AWrongChoiceIsRefused) {
  EXPECT_THAT(ChooseChunker("a", ArchiveKind::kStream,
                            ChunkerSpec{"poly-v1", 1, 2, 3}, std::nullopt),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(ChooseChunker("a", ArchiveKind::kBlob, kSmall, std::nullopt),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace cairn::ingest
