#include "services/ingest/domain/archive_builder.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "common/digest/sha256.h"
#include "common/model/archive.h"
#include "common/model/session.h"
#include "common/testing/status_matchers.h"

namespace cairn::ingest {
namespace {

BuiltRun OneChunk(int number) {
  BuiltRun run;
  run.entries.push_back(
      {.length = 1000, .digest = Sha256(absl::StrCat("chunk ", number))});
  run.totals = {.chunk_count = 1,
                .new_chunk_count = 1,
                .plain_bytes = 1000,
                .new_plain_bytes = 1000,
                .stored_bytes = 10};
  return run;
}

ArchiveCheckpoint NewArchive() {
  return {.name = "root.tar", .kind = ArchiveKind::kStream};
}

TEST(ArchiveBuilderTest, GoesOnFromAnyCheckpointToTheSameArchive) {
  constexpr int kChunks = 700;
  ASSERT_OK_AND_ASSIGN(ArchiveBuilder straight,
                       ArchiveBuilder::Restore(NewArchive()));
  for (int i = 0; i < kChunks; ++i) ASSERT_OK(straight.Add(OneChunk(i)));
  ASSERT_OK_AND_ASSIGN(const ArchiveCheckpoint whole, straight.Finish());
  EXPECT_TRUE(whole.complete());
  EXPECT_EQ(whole.durable_bytes, 1000u * kChunks);
  EXPECT_EQ(whole.stored_bytes, 10u * kChunks);

  for (const int stop : {0, 1, 33, 500, 699, 700}) {
    ASSERT_OK_AND_ASSIGN(ArchiveBuilder first,
                         ArchiveBuilder::Restore(NewArchive()));
    for (int i = 0; i < stop; ++i) ASSERT_OK(first.Add(OneChunk(i)));
    first.TakePages();
    const ArchiveCheckpoint checkpoint = first.Checkpoint();
    EXPECT_EQ(checkpoint.durable_bytes, 1000u * stop);
    EXPECT_FALSE(checkpoint.complete());
    ASSERT_OK_AND_ASSIGN(ArchiveBuilder second,
                         ArchiveBuilder::Restore(checkpoint));
    for (int i = stop; i < kChunks; ++i) ASSERT_OK(second.Add(OneChunk(i)));
    ASSERT_OK_AND_ASSIGN(const ArchiveCheckpoint resumed, second.Finish());
    EXPECT_EQ(resumed.root, whole.root) << stop;
    EXPECT_EQ(resumed.stored_bytes, whole.stored_bytes);
    EXPECT_EQ(second.totals().chunk_count, uint64_t(kChunks - stop));
  }
}

TEST(ArchiveBuilderTest, RefusesACheckpointThatIsNotOneOfOurs) {
  ArchiveCheckpoint without_state = NewArchive();
  without_state.durable_bytes = 1;
  EXPECT_THAT(ArchiveBuilder::Restore(without_state),
              StatusIs(absl::StatusCode::kDataLoss));

  ASSERT_OK_AND_ASSIGN(ArchiveBuilder builder,
                       ArchiveBuilder::Restore(NewArchive()));
  ASSERT_OK(builder.Add(OneChunk(1)));
  ArchiveCheckpoint checkpoint = builder.Checkpoint();
  ArchiveCheckpoint moved = checkpoint;
  moved.durable_bytes += 1000;
  EXPECT_THAT(ArchiveBuilder::Restore(moved),
              StatusIs(absl::StatusCode::kDataLoss));
  checkpoint.builder_state[10] ^= 1;
  EXPECT_THAT(ArchiveBuilder::Restore(checkpoint),
              StatusIs(absl::StatusCode::kDataLoss));
}

}  // namespace
}  // namespace cairn::ingest
