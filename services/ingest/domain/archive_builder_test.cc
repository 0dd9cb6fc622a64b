#include "services/ingest/domain/archive_builder.h"

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/digest/sha256.h"
#include "common/model/archive.h"
#include "common/model/session.h"
#include "common/testing/seed.h"
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

// As an archive's pages are in index.
class Pages {
 public:
  void Put(std::vector<EncodedPage> pages) {
    for (EncodedPage& page : pages) pages_[page.id] = std::move(page.bytes);
  }
  absl::StatusOr<std::string> operator()(const Digest& id) const {
    ++fetched_;
    const auto found = pages_.find(id);
    if (found == pages_.end()) return absl::DataLossError("is not stored");
    return found->second;
  }
  int fetched() const { return fetched_; }

 private:
  std::map<Digest, std::string> pages_;
  mutable int fetched_ = 0;
};

BuiltRun RunOf(std::vector<ChunkEntry> entries) {
  BuiltRun run;
  run.entries = std::move(entries);
  for (const ChunkEntry& entry : run.entries) {
    run.totals.reused_bytes += entry.total_length();
    if (!entry.is_hole) run.totals.chunk_count += entry.repeat;
  }
  return run;
}

// Random bases and changes: as if every entry of the base were given alone,
// page by page, with the same totals, through any checkpoint in between.
TEST(ArchiveBuilderTest, SplicingIsAddingEntryByEntry) {
  std::mt19937_64 random(TestSeed());
  for (int round = 0; round < 30; ++round) {
    std::vector<ChunkEntry> entries;
    for (int left = 1 + random() % 6000; left > 0; --left) {
      ChunkEntry& entry = entries.emplace_back();
      entry.length = 1 + random() % 3;
      entry.is_hole = random() % 16 == 0;
      // Some stand side by side, and are joined.
      if (!entry.is_hole) {
        entry.digest = Sha256(absl::StrCat(random() % 500 == 0 ? 0 : random()));
      }
    }
    Pages pages;
    ASSERT_OK_AND_ASSIGN(ArchiveBuilder base,
                         ArchiveBuilder::Restore(NewArchive()));
    ASSERT_OK(base.Add(RunOf(entries)));
    ASSERT_OK_AND_ASSIGN(const ArchiveCheckpoint whole, base.Finish());
    pages.Put(base.TakePages());

    ASSERT_OK_AND_ASSIGN(ArchiveBuilder one,
                         ArchiveBuilder::Restore(NewArchive()));
    ASSERT_OK_AND_ASSIGN(ArchiveBuilder spliced,
                         ArchiveBuilder::Restore(NewArchive()));
    uint64_t chunk_count = 0;
    for (size_t at = 0; at < entries.size();) {
      const size_t to = std::min(entries.size(), at + 1 + random() % 3000);
      BuiltRun run = RunOf({entries.begin() + at, entries.begin() + to});
      const bool is_changed = random() % 4 == 0;
      if (is_changed) {
        // Of the same length: what follows keeps its place.
        for (ChunkEntry& entry : run.entries) {
          if (!entry.is_hole && random() % 2 == 0) {
            entry.digest = Sha256(entry.digest.view());
          }
        }
      }
      ASSERT_OK(one.Add(run));
      if (is_changed) {
        ASSERT_OK(spliced.Add(run));
      } else {
        const uint64_t end = one.size_bytes();
        while (spliced.size_bytes() < end) {
          ASSERT_OK(spliced.Splice(*whole.root, end,
                                   {.max_entries = 1 + random() % 5000,
                                    .max_pages = 1 + random() % 50},
                                   pages));
          pages.Put(spliced.TakePages());
        }
      }
      at = to;
      if (random() % 3 != 0) continue;
      pages.Put(spliced.TakePages());
      one.TakePages();
      const ArchiveCheckpoint checkpoint = spliced.Checkpoint();
      EXPECT_EQ(checkpoint.builder_state, one.Checkpoint().builder_state);
      chunk_count += spliced.totals().chunk_count;
      ASSERT_OK_AND_ASSIGN(spliced, ArchiveBuilder::Restore(checkpoint));
    }
    EXPECT_EQ(chunk_count + spliced.totals().chunk_count,
              one.totals().chunk_count);
    ASSERT_OK_AND_ASSIGN(const ArchiveCheckpoint expected, one.Finish());
    ASSERT_OK_AND_ASSIGN(const ArchiveCheckpoint got, spliced.Finish());
    EXPECT_EQ(got.root, expected.root) << "round " << round;
  }
}

TEST(ArchiveBuilderTest, SplicingFetchesFewPages) {
  constexpr int kChunks = 60'000;
  Pages pages;
  ASSERT_OK_AND_ASSIGN(ArchiveBuilder base,
                       ArchiveBuilder::Restore(NewArchive()));
  for (int i = 0; i < kChunks; ++i) ASSERT_OK(base.Add(OneChunk(i)));
  ASSERT_OK_AND_ASSIGN(const ArchiveCheckpoint whole, base.Finish());
  pages.Put(base.TakePages());
  ASSERT_OK_AND_ASSIGN(ArchiveBuilder spliced,
                       ArchiveBuilder::Restore(NewArchive()));
  ASSERT_OK_AND_ASSIGN(
      const WriteTotals totals,
      spliced.Splice(*whole.root, whole.durable_bytes, {}, pages));
  EXPECT_EQ(spliced.size_bytes(), whole.durable_bytes);
  EXPECT_EQ(totals, (WriteTotals{.chunk_count = kChunks,
                                 .reused_bytes = whole.durable_bytes}));
  EXPECT_EQ(totals, spliced.totals());
  EXPECT_LT(pages.fetched(), 40);
  ASSERT_OK_AND_ASSIGN(const ArchiveCheckpoint got, spliced.Finish());
  EXPECT_EQ(got.root, whole.root);
  EXPECT_EQ(got.stored_bytes, 0u);
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
