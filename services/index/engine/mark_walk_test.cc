#include "services/index/engine/mark_walk.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/digest/sha256.h"
#include "common/kv/memory_kv_store.h"
#include "common/page/page_tree_builder.h"
#include "common/status/reason.h"
#include "common/testing/in_memory_file_system.h"
#include "common/testing/seed.h"
#include "common/testing/status_matchers.h"
#include "gtest/gtest.h"
#include "services/index/storage/index_store.h"

namespace cairn::index {
namespace {

constexpr PageCutRule kSmallPages = {
    .min_entries = 2, .mean_entries = 4, .max_entries = 8};

using Marks = std::map<std::tuple<RecordKind, Domain, uint64_t>, MarkHolder>;

class MarkWalkTest : public ::testing::Test {
 protected:
  MarkWalkTest() : random_(TestSeed()), kv_(TableNames().size()), store_(&kv_) {
    auto directory = RunDirectory::Open(&files_, "/sweep");
    EXPECT_OK(directory);
    directory_ = *std::move(directory);
    for (uint8_t& byte : uuid_.bytes) byte = static_cast<uint8_t>(random_());
  }

  ChunkEntry SomeEntry() {
    ChunkEntry entry;
    entry.length = 1 + random_() % 1000;
    if (random_() % 10 == 0) {
      entry.is_hole = true;
      return entry;
    }
    if (random_() % 8 == 0) entry.repeat = 2;
    if (random_() % 8 == 0) entry.domain.bytes[3] = 1;
    for (uint8_t& byte : entry.digest.bytes) {
      byte = static_cast<uint8_t>(random_());
    }
    return entry;
  }

  // The pages of `entries`, stored; and what a walk must find below the root.
  PageRoot Put(const std::vector<ChunkEntry>& entries) {
    PageTreeBuilder builder(kSmallPages);
    for (const ChunkEntry& entry : entries) EXPECT_OK(builder.Add(entry));
    const auto root = builder.Finish();
    EXPECT_OK(root);
    IndexBatch batch(uuid_);
    for (const EncodedPage& page : builder.TakePages()) {
      pages_[page.id] = page.bytes;
      batch.PutPage(page.id, page.bytes);
    }
    EXPECT_OK(store_.Commit(batch, Durability::kSynced));
    return *root;
  }

  static void Expect(Marks& marks, RecordKind kind, const Domain& domain,
                     const Digest& digest, MarkHolder holder) {
    const auto [known, added] =
        marks.emplace(std::tuple(kind, domain, MarkPrefix(digest)), holder);
    known->second = std::min(known->second, holder);
  }

  // By recursion, through every archive on its own.
  void ExpectTree(Marks& marks, const Digest& page, MarkHolder holder) {
    Expect(marks, RecordKind::kPage, {}, page, holder);
    const auto decoded = DecodePage(pages_.at(page));
    for (const ChunkEntry& entry : decoded->entries) {
      if (entry.is_hole) continue;
      Expect(marks, RecordKind::kChunk, entry.domain, entry.digest, holder);
    }
    for (const PageChild& child : decoded->children) {
      ExpectTree(marks, child.page, holder);
    }
  }

  static absl::StatusOr<Marks> Read(const WalkedMarks& walked) {
    Marks marks;
    const auto stream = walked.NewStream();
    std::optional<Marks::key_type> last;
    while (true) {
      auto run = stream->Next();
      if (!run.ok()) return run.status();
      if (!run->has_value()) return marks;
      for (const Mark& mark : (*run)->marks) {
        const Marks::key_type key{(*run)->kind, (*run)->domain, mark.prefix};
        EXPECT_TRUE(!last.has_value() || *last < key);
        last = key;
        marks[key] = mark.holder;
      }
    }
  }

  std::mt19937_64 random_;
  Uuid uuid_;
  MemoryKvStore kv_;
  IndexStore store_;
  InMemoryFileSystem files_;
  std::unique_ptr<RunDirectory> directory_;
  std::map<Digest, std::string> pages_;
};

constexpr auto kNoTick = [](const MarkProgress&) { return absl::OkStatus(); };

TEST_F(MarkWalkTest, MarksWhatAWalkThroughEachArchiveFinds) {
  for (const size_t memory : {64, 4096, 1 << 20}) {
    Marks expected;
    const IndexStore& store = store_;
    std::vector<ChunkEntry> entries;
    for (int i = 0; i < 300; ++i) entries.push_back(SomeEntry());
    std::vector<std::pair<PageRoot, MarkHolder>> roots;
    for (int snapshot = 0; snapshot < 12; ++snapshot) {
      // What is changed comes in a run.
      const size_t at = random_() % 280;
      for (size_t i = at; i < at + 10; ++i) entries[i] = SomeEntry();
      const auto holder = static_cast<MarkHolder>(1 + random_() % 3);
      // Some are short, so that roots are of all levels.
      const size_t count = snapshot % 3 == 0 ? random_() % 20 : entries.size();
      roots.emplace_back(Put({entries.begin(),
                              entries.begin() + static_cast<ptrdiff_t>(count)}),
                         holder);
      ExpectTree(expected, roots.back().first.page, holder);
    }
    const IndexView view = store.NewView(uuid_);
    MarkWalk walk({.chunk_memory_bytes = memory,
                   .record_memory_bytes = memory,
                   .page_memory_bytes = memory},
                  &view, uuid_, directory_.get(), kNoTick);
    uint64_t logical_bytes = 0;
    for (const auto& [root, holder] : roots) {
      const Digest manifest =
          Sha256(absl::StrCat(roots.size(), root.level, root.page.ToHex()));
      ASSERT_OK(
          walk.AddSnapshot({{.name = "a", .root = root}}, manifest, holder));
      Expect(expected, RecordKind::kManifest, {}, manifest, holder);
      logical_bytes += root.size_bytes;
    }
    const ChunkEntry loose = SomeEntry();
    ASSERT_OK(walk.AddChunk(loose.domain, loose.digest, MarkHolder::kSession));
    Expect(expected, RecordKind::kChunk, loose.domain, loose.digest,
           MarkHolder::kSession);
    ASSERT_OK_AND_ASSIGN(const WalkedMarks walked, walk.Run());
    ASSERT_OK_AND_ASSIGN(const Marks marks, Read(walked));
    EXPECT_EQ(marks, expected);
    EXPECT_EQ(walked.progress.marks, expected.size());
    EXPECT_EQ(walked.progress.snapshots, roots.size());
    EXPECT_EQ(walked.progress.logical_bytes, logical_bytes);
    EXPECT_EQ(
        walked.progress.pages,
        std::count_if(expected.begin(), expected.end(), [](const auto& mark) {
          return std::get<0>(mark.first) == RecordKind::kPage;
        }));
  }
  EXPECT_TRUE(files_.List("/sweep")->empty());
}

TEST_F(MarkWalkTest, EveryPageThatIsMissingOrDamagedEndsIt) {
  std::vector<ChunkEntry> entries;
  for (int i = 0; i < 60; ++i) entries.push_back(SomeEntry());
  const PageRoot root = Put(entries);
  const auto run = [&]() -> absl::Status {
    const IndexView view = store_.NewView(uuid_);
    MarkWalk walk({}, &view, uuid_, directory_.get(), kNoTick);
    EXPECT_OK(walk.AddPage(root.level, root.page, MarkHolder::kListed));
    return walk.Run().status();
  };
  ASSERT_OK(run());
  for (const auto& [id, bytes] : pages_) {
    IndexBatch remove(uuid_);
    remove.RemovePage(id);
    ASSERT_OK(store_.Commit(remove, Durability::kSynced));
    const absl::Status missing = run();
    EXPECT_THAT(missing, StatusIs(absl::StatusCode::kDataLoss));
    EXPECT_NE(missing.message().find(id.ToHex()), std::string::npos);
    IndexBatch damage(uuid_);
    std::string flipped = bytes;
    flipped[random_() % flipped.size()] ^= 4;
    damage.PutPage(id, flipped);
    ASSERT_OK(store_.Commit(damage, Durability::kSynced));
    const absl::Status damaged = run();
    EXPECT_THAT(damaged, StatusIs(absl::StatusCode::kDataLoss));
    EXPECT_NE(damaged.message().find(id.ToHex()), std::string::npos);
    IndexBatch heal(uuid_);
    heal.PutPage(id, bytes);
    ASSERT_OK(store_.Commit(heal, Durability::kSynced));
  }
  ASSERT_OK(run());
}

TEST_F(MarkWalkTest, AProvedPageThatIsNoPageOrOfAnotherLevelEndsIt) {
  const std::string garbage = "no page at all";
  const PageRoot root = Put({SomeEntry()});
  IndexBatch batch(uuid_);
  batch.PutPage(Sha256(garbage), garbage);
  ASSERT_OK(store_.Commit(batch, Durability::kSynced));
  const IndexView view = store_.NewView(uuid_);
  for (const auto& [level, id] :
       {std::pair(0u, Sha256(garbage)), std::pair(1u, root.page)}) {
    MarkWalk walk({}, &view, uuid_, directory_.get(), kNoTick);
    ASSERT_OK(walk.AddPage(level, id, MarkHolder::kListed));
    EXPECT_THAT(walk.Run(), StatusIs(absl::StatusCode::kDataLoss));
  }
  MarkWalk walk({}, &view, uuid_, directory_.get(), kNoTick);
  EXPECT_THAT(walk.AddPage(kMaxPageLevel + 1, root.page, MarkHolder::kListed),
              StatusIs(absl::StatusCode::kDataLoss));
}

TEST_F(MarkWalkTest, ReadsTheViewWhateverIsDroppedMeanwhile) {
  const PageRoot root = Put({SomeEntry(), SomeEntry()});
  const IndexView view = store_.NewView(uuid_);
  IndexBatch batch(uuid_);
  batch.RemovePage(root.page);
  ASSERT_OK(store_.Commit(batch, Durability::kSynced));
  MarkWalk walk({}, &view, uuid_, directory_.get(), kNoTick);
  ASSERT_OK(walk.AddPage(root.level, root.page, MarkHolder::kListed));
  EXPECT_OK(walk.Run());
}

// Few pages of a large table are looked up, most of them by a walk: both find
// the same.
TEST_F(MarkWalkTest, FindsFewPagesOfManyAndMany) {
  std::vector<PageRoot> roots;
  for (int i = 0; i < 600; ++i) roots.push_back(Put({SomeEntry()}));
  for (const size_t every : {1, 2, 7, 40, 599}) {
    const IndexView view = store_.NewView(uuid_);
    MarkWalk walk({}, &view, uuid_, directory_.get(), kNoTick);
    std::set<Digest> asked;
    for (size_t i = 0; i < roots.size(); i += every) {
      asked.insert(roots[i].page);
      ASSERT_OK(walk.AddPage(0, roots[i].page, MarkHolder::kListed));
    }
    ASSERT_OK_AND_ASSIGN(const WalkedMarks walked, walk.Run());
    EXPECT_EQ(walked.progress.pages, asked.size());
  }
}

TEST_F(MarkWalkTest, CanBeEnded) {
  const PageRoot root = Put({SomeEntry()});
  const IndexView view = store_.NewView(uuid_);
  const auto stop = [](const MarkProgress&) {
    return absl::AbortedError("enough");
  };
  MarkWalk walk({}, &view, uuid_, directory_.get(), stop);
  ASSERT_OK(walk.AddPage(root.level, root.page, MarkHolder::kListed));
  EXPECT_THAT(walk.Run(), StatusIs(absl::StatusCode::kAborted));
}

}  // namespace
}  // namespace cairn::index
