// The walk of a sweep: what daily snapshots of one image refer to. Made small,
// or as large as is asked for:
//   CAIRN_MARK="chunks:snapshots:run ..."
// an image of so many chunks, and so many snapshots of it each with 1 % of its
// chunks changed in runs of so many:
//   CAIRN_MARK="1000000:1000:64 1000000:30:1"
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "benchmark/benchmark.h"
#include "common/io/posix_file_system.h"
#include "common/kv/kv_store.h"
#include "common/log/log.h"
#include "common/model/archive.h"
#include "common/model/mark.h"
#include "common/page/page_splice.h"
#include "common/page/page_tree_builder.h"
#include "common/testing/temp_dir.h"
#include "services/index/engine/mark_walk.h"
#include "services/index/storage/index_store.h"
#include "tests/benchmark/stages/cpu_time.h"
#include "tests/benchmark/stages/disk.h"

namespace cairn {
namespace {

constexpr uint32_t kChunkBytes = 256 << 10;

struct Scale {
  int64_t chunks = 0;
  int64_t snapshots = 0;
  int64_t run = 0;
};

uint64_t Mix(uint64_t number) {
  number += 0x9e3779b97f4a7c15;
  number = (number ^ number >> 30) * 0xbf58476d1ce4e5b9;
  number = (number ^ number >> 27) * 0x94d049bb133111eb;
  return number ^ number >> 31;
}

ChunkEntry NumberedChunk(uint64_t number) {
  ChunkEntry entry;
  entry.length = kChunkBytes;
  for (size_t i = 0; i < 4; ++i) {
    const uint64_t part = Mix(4 * number + i);
    std::memcpy(entry.digest.bytes.data() + 8 * i, &part, sizeof(part));
  }
  return entry;
}

// Snapshots of an image, whose pages are in a database.
class Image {
 public:
  explicit Image(const Scale& scale) : scale_(scale) {
    std::vector<RocksKvStore::Table> tables;
    for (const std::string& name : index::TableNames()) {
      const bool pages = name == index::kPagesTable;
      tables.push_back(
          {.name = name, .bloom_filter = pages, .compress = !pages});
    }
    database_ = OpenDatabase(directory_.Join("db"), tables, 24 << 20, &fatal_);
    store_ = std::make_unique<index::IndexStore>(database_.get());
    datastore_.bytes[0] = 1;
    PageTreeBuilder builder{PageCutRule{}};
    for (int64_t i = 0; i < scale.chunks; ++i) {
      CHECK_OK(builder.Add(NumberedChunk(next_chunk_++)));
      Store(builder);
    }
    Finish(builder);
    while (roots_.size() < static_cast<size_t>(scale.snapshots)) Change();
  }

  index::IndexView NewView() const { return store_->NewView(datastore_); }
  const Uuid& datastore() const { return datastore_; }
  std::string run_path() const { return directory_.Join("runs"); }
  const std::vector<PageRoot>& roots() const { return roots_; }

 private:
  void Store(PageTreeBuilder& builder) {
    index::IndexBatch batch(datastore_);
    for (EncodedPage& page : builder.TakePages()) {
      batch.PutPage(page.id, std::move(page.bytes));
    }
    CHECK_OK(store_->Commit(batch, Durability::kBuffered));
  }

  void Finish(PageTreeBuilder& builder) {
    const auto root = builder.Finish();
    CHECK_OK(root.status());
    Store(builder);
    roots_.push_back(*root);
  }

  void Keep(PageTreeBuilder& builder, uint64_t begin, uint64_t end) {
    const PageRoot base = roots_.back();
    const auto source =
        [this](const Digest& id) -> absl::StatusOr<std::string> {
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

  void Change() {
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

  const Scale scale_;
  TempDir directory_;
  ExitingFatalErrorSink fatal_;
  std::unique_ptr<RocksKvStore> database_;
  std::unique_ptr<index::IndexStore> store_;
  Uuid datastore_;
  std::mt19937_64 random_{1};
  uint64_t next_chunk_ = 0;
  std::vector<PageRoot> roots_;
};

// Sets the process's highest resident memory to what it is now.
void ForgetPeak() { std::ofstream("/proc/self/clear_refs") << "5"; }

double MemoryMiB(const std::string& name) {
  std::ifstream file("/proc/self/status");
  std::string line;
  while (std::getline(file, line)) {
    if (line.compare(0, name.size(), name) != 0) continue;
    return std::strtod(line.c_str() + name.size() + 1, nullptr) / 1024;
  }
  return 0;
}

// Walk and sort until all marks are known, and then take them all. Each
// snapshot is there `copies` times.
MarkProgress MarkAll(const Image& image, int copies) {
  PosixFileSystem files;
  const auto runs = index::RunDirectory::Open(&files, image.run_path());
  CHECK_OK(runs.status());
  const index::IndexView view = image.NewView();
  const auto tick = [](const MarkProgress&) { return absl::OkStatus(); };
  index::MarkWalk walk({}, &view, image.datastore(), runs->get(), tick);
  for (int copy = 0; copy < copies; ++copy) {
    for (const PageRoot& root : image.roots()) {
      CHECK_OK(walk.AddSnapshot({{.name = "disk.img", .root = root}}, root.page,
                                MarkHolder::kListed));
    }
  }
  const auto walked = walk.Run();
  CHECK_OK(walked.status());
  uint64_t marks = 0;
  const auto stream = walked->NewStream();
  while (true) {
    const auto run = stream->Next();
    CHECK_OK(run.status());
    if (!run->has_value()) break;
    marks += (*run)->marks.size();
  }
  CHECK_EQ(marks, walked->progress.marks);
  return walked->progress;
}

// Items are references of distinct pages. times_copies: with ten times the
// snapshots over the same pages, against one. peak_mib is of the process, over
// what it had before.
void BM_Mark(benchmark::State& state, const Scale& scale) {
  const Image image(scale);
  MarkProgress progress;
  absl::Duration once;
  absl::Duration copies;
  double peak = 0;
  for (auto _ : state) {
    const double before = MemoryMiB("VmRSS:");
    ForgetPeak();
    const absl::Duration taken =
        CpuTimeOf([&] { progress = MarkAll(image, 1); });
    state.SetIterationTime(absl::ToDoubleSeconds(taken));
    once += taken;
    peak = std::max(peak, MemoryMiB("VmHWM:") - before);
    copies += CpuTimeOf([&] { MarkAll(image, 10); });
  }
  state.SetItemsProcessed(state.iterations() *
                          static_cast<int64_t>(progress.references));
  state.counters["pages"] = static_cast<double>(progress.pages);
  state.counters["references"] = static_cast<double>(progress.references);
  state.counters["marks"] = static_cast<double>(progress.marks);
  state.counters["times_copies"] = absl::FDivDuration(copies, once);
  state.counters["peak_mib"] = peak;
}

void Register(const Scale& scale) {
  benchmark::RegisterBenchmark(
      absl::StrCat("BM_Mark/chunks:", scale.chunks,
                   "/snapshots:", scale.snapshots, "/run:", scale.run)
          .c_str(),
      BM_Mark, scale)
      ->UseManualTime()
      ->Iterations(3)  // of one image, which takes long to make
      ->Unit(benchmark::kMillisecond);
}

const bool kRegistered = [] {
  const char* const asked = std::getenv("CAIRN_MARK");
  if (asked == nullptr) {
    Register({.chunks = 50000, .snapshots = 20, .run = 64});
    Register({.chunks = 50000, .snapshots = 20, .run = 1});
    return true;
  }
  for (const std::string_view one : absl::StrSplit(asked, ' ')) {
    const std::vector<std::string> parts = absl::StrSplit(one, ':');
    Scale scale;
    CHECK(parts.size() == 3 && absl::SimpleAtoi(parts[0], &scale.chunks) &&
          absl::SimpleAtoi(parts[1], &scale.snapshots) &&
          absl::SimpleAtoi(parts[2], &scale.run) && scale.run > 0 &&
          scale.chunks > scale.run && scale.snapshots > 0)
        << "CAIRN_MARK has \"" << one
        << "\", which is not chunks:snapshots:run";
    Register(scale);
  }
  return true;
}();

}  // namespace
}  // namespace cairn
