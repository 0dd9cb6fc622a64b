#include "tests/benchmark/stages/daily_image.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/kv/kv_store.h"
#include "common/log/log.h"
#include "common/model/mark.h"
#include "common/page/page_splice.h"

namespace cairn {
namespace {

// As index has them by default.
constexpr uint64_t kCacheBytes = uint64_t{24} << 20;
constexpr index::MarkWalk::Options kWalkOptions = {
    .chunk_memory_bytes = size_t{64} << 20,
    .page_memory_bytes = size_t{48} << 20};

uint64_t Mix(uint64_t number) {
  number += 0x9e3779b97f4a7c15;
  number = (number ^ number >> 30) * 0xbf58476d1ce4e5b9;
  number = (number ^ number >> 27) * 0x94d049bb133111eb;
  return number ^ number >> 31;
}

ChunkEntry NumberedChunk(uint64_t number) {
  ChunkEntry entry;
  entry.length = DailyImage::kChunkBytes;
  entry.digest = DailyImage::ChunkDigest(number);
  return entry;
}

}  // namespace

std::vector<ImageScale> AskedImages() {
  std::vector<ImageScale> scales;
  const char* const asked = std::getenv("CAIRN_MARK");
  if (asked == nullptr) {
    return {{.chunks = 50000, .snapshots = 20, .run = 64},
            {.chunks = 50000, .snapshots = 20, .run = 1}};
  }
  for (const std::string_view one : absl::StrSplit(asked, ' ')) {
    const std::vector<std::string> parts = absl::StrSplit(one, ':');
    ImageScale scale;
    CHECK(parts.size() == 3 && absl::SimpleAtoi(parts[0], &scale.chunks) &&
          absl::SimpleAtoi(parts[1], &scale.snapshots) &&
          absl::SimpleAtoi(parts[2], &scale.run) && scale.run > 0 &&
          scale.chunks > scale.run && scale.snapshots > 0)
        << "CAIRN_MARK has \"" << one
        << "\", which is not chunks:snapshots:run";
    scales.push_back(scale);
  }
  return scales;
}

std::string NameOf(const ImageScale& scale) {
  return absl::StrCat("/chunks:", scale.chunks, "/snapshots:", scale.snapshots,
                      "/run:", scale.run);
}

DailyImage::DailyImage(const ImageScale& scale) : scale_(scale) {
  std::vector<RocksKvStore::Table> tables;
  for (const std::string& name : index::TableNames()) {
    const bool pages = name == index::kPagesTable;
    tables.push_back({.name = name, .bloom_filter = pages, .compress = !pages});
  }
  database_ = OpenDatabase(directory_.Join("db"), tables, kCacheBytes, &fatal_);
  store_ = std::make_unique<index::IndexStore>(database_.get());
  auto runs = index::RunDirectory::Open(&files_, directory_.Join("runs"));
  CHECK_OK(runs.status());
  runs_ = *std::move(runs);
  datastore_.bytes[0] = 1;
  PageTreeBuilder builder{PageCutRule{}};
  for (int64_t i = 0; i < scale.chunks; ++i) {
    CHECK_OK(builder.Add(NumberedChunk(next_chunk_++)));
    Store(builder);
  }
  Finish(builder);
  while (roots_.size() < static_cast<size_t>(scale.snapshots)) Change();
}

index::WalkedMarks DailyImage::Walk(int copies) {
  const index::IndexView view = store_->NewView(datastore_);
  const auto tick = [](const MarkProgress&) { return absl::OkStatus(); };
  index::MarkWalk walk(kWalkOptions, &view, datastore_, runs_.get(), tick);
  for (int copy = 0; copy < copies; ++copy) {
    for (const PageRoot& root : roots_) {
      CHECK_OK(walk.AddSnapshot({{.name = "disk.img", .root = root}}, root.page,
                                MarkHolder::kListed));
    }
  }
  auto walked = walk.Run();
  CHECK_OK(walked.status());
  return *std::move(walked);
}

Digest DailyImage::ChunkDigest(uint64_t number) {
  Digest digest;
  for (size_t i = 0; i < 4; ++i) {
    const uint64_t part = Mix(4 * number + i);
    std::memcpy(digest.bytes.data() + 8 * i, &part, sizeof(part));
  }
  return digest;
}

std::vector<Digest> DailyImage::TakePages() {
  std::vector<Digest> pages(pages_.begin(), pages_.end());
  pages_ = {};
  return pages;
}

void DailyImage::Store(PageTreeBuilder& builder) {
  index::IndexBatch batch(datastore_);
  for (EncodedPage& page : builder.TakePages()) {
    pages_.insert(page.id);
    batch.PutPage(page.id, std::move(page.bytes));
  }
  CHECK_OK(store_->Commit(batch, Durability::kBuffered));
}

void DailyImage::Finish(PageTreeBuilder& builder) {
  const auto root = builder.Finish();
  CHECK_OK(root.status());
  Store(builder);
  roots_.push_back(*root);
}

void DailyImage::Keep(PageTreeBuilder& builder, uint64_t begin, uint64_t end) {
  const PageRoot base = roots_.back();
  const auto source = [this](const Digest& id) -> absl::StatusOr<std::string> {
    const auto pages = store_->GetPages(datastore_, {&id, 1});
    CHECK_OK(pages.status());
    return (*pages)[0].value();
  };
  while (begin < end) {
    const auto spliced = Splice(builder, base, begin, end, {}, source);
    CHECK_OK(spliced.status());
    begin = spliced->next;
    Store(builder);
  }
}

void DailyImage::Change() {
  std::vector<int64_t> starts(
      static_cast<size_t>(scale_.chunks / 100 / scale_.run + 1));
  for (int64_t& start : starts) {
    start = static_cast<int64_t>(
        random_() % static_cast<uint64_t>(scale_.chunks - scale_.run));
  }
  std::sort(starts.begin(), starts.end());
  PageTreeBuilder builder{PageCutRule{}};
  int64_t at = 0;
  for (const int64_t start : starts) {
    if (start < at) continue;
    Keep(builder, at * uint64_t{kChunkBytes}, start * uint64_t{kChunkBytes});
    for (int64_t i = 0; i < scale_.run; ++i) {
      CHECK_OK(builder.Add(NumberedChunk(next_chunk_++)));
    }
    Store(builder);
    at = start + scale_.run;
  }
  Keep(builder, at * uint64_t{kChunkBytes},
       scale_.chunks * uint64_t{kChunkBytes});
  Finish(builder);
}

}  // namespace cairn
