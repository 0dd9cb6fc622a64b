#include "tests/benchmark/stages/sealed_store.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/log/log.h"
#include "services/chunk_storage/storage/place_store.h"
#include "tests/benchmark/stages/sealed_packs.h"

namespace cairn {
namespace {

using chunk_storage::ChunkRepository;
using chunk_storage::PlaceStore;
using chunk_storage::StoreSweeper;

constexpr uint64_t kPlacesPerPack = 4096;
constexpr uint32_t kStoredBytes = 40'000;
constexpr uint32_t kPackPage = 10'000;
constexpr MarkSetRef kSet = {.id = Uuid{{1}}, .token = 2};
// What chunk_storage has of its own accord.
constexpr uint64_t kCacheBytes = uint64_t{128} << 20;

}  // namespace

SealedStore::SealedStore(uint64_t count,
                         absl::FunctionRef<RecordKey(uint64_t)> key_of)
    : metrics_(&registry_),
      executor_(*ThreadPoolExecutor::Create({.name = "bench"})) {
  database_ =
      OpenDatabase(directory_.Join("db"), PlaceTables(), kCacheBytes, &fatal_);
  const std::string root = directory_.Join("datastores");
  const std::string packs =
      absl::StrCat(root, "/", datastore_.uuid.ToString(), "/packs");
  CHECK_OK(files_.CreateDirectories(packs));
  Seal(count, key_of, packs);
  auto opened = ChunkRepository::Open({},
                                      {.files = &files_,
                                       .kv = database_.get(),
                                       .clock = &clock_,
                                       .executor = executor_.get(),
                                       .random = random_,
                                       .fatal_errors = &fatal_,
                                       .metrics = &metrics_},
                                      root, /*incarnation=*/1);
  CHECK_OK(opened.status());
  repository_ = *std::move(opened);
  sweeper_ = std::make_unique<StoreSweeper>(repository_.get());
  CHECK_OK(repository_
               ->ShowToken(call_, datastore_,
                           {.token = 1, .epoch = 1, .sequence = 0})
               .status());
  CHECK_OK(
      sweeper_->BeginSweep(call_, datastore_, {.token = kSet.token, .cut = 5})
          .status());
}

MarkSummary SealedStore::PutMarks(MarkStream& marks) {
  auto summary = sweeper_->PutMarks(call_, datastore_, kSet, marks);
  CHECK_OK(summary.status());
  return *std::move(summary);
}

std::vector<PackInfo> SealedStore::ListPacks() {
  std::vector<PackInfo> packs;
  for (bool done = false; !done;) {
    auto page = sweeper_->ListPacks(call_, datastore_, kSet.id, kPackPage,
                                    packs.empty() ? 0 : packs.back().number);
    CHECK_OK(page.status());
    done = page->done || page->packs.empty();
    for (PackInfo& pack : page->packs) packs.push_back(std::move(pack));
  }
  return packs;
}

void SealedStore::Seal(uint64_t count,
                       absl::FunctionRef<RecordKey(uint64_t)> key_of,
                       const std::string& directory) {
  PlaceStore store(database_.get());
  const chunk_storage::StoredDatastore row = {
      .number = kBenchmarkDatastore, .ref = datastore_, .loss_mark = 1};
  CHECK_OK(store.SaveDatastore(row));
  for (uint64_t first = 0; first < count; first += kPlacesPerPack) {
    chunk_storage::SealBatch batch = {.datastore = row};
    batch.pack.number = static_cast<uint32_t>(1 + first / kPlacesPerPack);
    batch.pack.uuid = Uuid::Random(random_);
    CHECK_OK(files_
                 .Create(absl::StrCat(directory, "/",
                                      batch.pack.uuid.ToString(), ".pack"))
                 .status());
    batch.pack.record_count = std::min(kPlacesPerPack, count - first);
    for (uint32_t i = 0; i < batch.pack.record_count; ++i) {
      batch.places.push_back({key_of(first + i),
                              {.pack = batch.pack.number,
                               .ordinal = i,
                               .offset = 4096 + uint64_t{i} * 65536,
                               .stored_length = kStoredBytes,
                               .plain_length = 2 * kStoredBytes,
                               .encoding = Encoding::kZstd}});
    }
    CHECK_OK(store.CommitSealed(batch));
  }
}

}  // namespace cairn
