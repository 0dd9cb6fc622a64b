// A deep verify against the machine's own limit: the same packs read,
// decompressed and hashed by two threads that do nothing else.
#include <sys/resource.h>

#include <atomic>
#include <cstdint>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/blocking_counter.h"
#include "absl/time/time.h"
#include "benchmark/benchmark.h"
#include "common/compression/zstd.h"
#include "common/concurrency/thread_pool_executor.h"
#include "common/digest/sha256.h"
#include "common/digest/sha256_batch.h"
#include "common/io/posix_file_system.h"
#include "common/log/log.h"
#include "common/metrics/metric_registry.h"
#include "common/pack/pack_scanner.h"
#include "common/random/sample_input.h"
#include "common/testing/temp_dir.h"
#include "common/time/clock.h"
#include "services/chunk_storage/engine/chunk_repository.h"
#include "services/chunk_storage/engine/store_sweeper.h"
#include "services/chunk_storage/metrics.h"
#include "services/chunk_storage/storage/place_store.h"
#include "tests/benchmark/stages/disk.h"
#include "tests/benchmark/stages/sealed_packs.h"

namespace cairn {
namespace {

using chunk_storage::ChunkRepository;
using chunk_storage::StoreSweeper;

constexpr size_t kChunkBytes = 1 << 20;
constexpr size_t kChunks = 512;
constexpr int kThreads = 2;

absl::Duration ProcessCpuTime() {
  rusage usage = {};
  CHECK_EQ(getrusage(RUSAGE_SELF, &usage), 0);
  return absl::DurationFromTimeval(usage.ru_utime) +
         absl::DurationFromTimeval(usage.ru_stime);
}

class Store {
 public:
  Store()
      : metrics_(&registry_),
        executor_(*ThreadPoolExecutor::Create({.name = "bench"})) {
    database_ =
        OpenDatabase(directory_.Join("db"), PlaceTables(), 64 << 20, &fatal_);
    const std::string root = directory_.Join("datastores");
    CHECK_OK(files_.CreateDirectories(root));
    packs_ = absl::StrCat(root, "/", datastore_.uuid.ToString(), "/packs");
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
    CHECK_OK(repository_->EnsureDatastore(call_, datastore_).status());
    CHECK_OK(repository_
                 ->ShowToken(call_, datastore_,
                             {.token = 1, .epoch = 1, .sequence = 0})
                 .status());
    Fill();
  }

  void Fill() {
    const std::string input = MakeInput(InputKind::kText, 32 * kChunkBytes);
    for (uint64_t i = 0; i < kChunks; ++i) {
      std::string plain =
          input.substr(random_() % (31 * kChunkBytes), kChunkBytes);
      std::memcpy(plain.data(), &i, sizeof(i));
      std::vector<Record> records(1);
      Record& record = records[0];
      record.key.digest = Sha256(plain);
      record.plain_length = plain.size();
      EncodedPayload encoded = EncodeChunk(plain, kDefaultZstdLevel);
      record.encoding = encoded.encoding;
      record.payload = std::move(encoded.payload);
      record.payload_digest = Sha256(record.payload);
      CHECK_OK(repository_->Put(call_, {datastore_, Uuid{{1}}, 1}, records)
                   .status());
    }
    // Seals.
    CHECK_OK(sweeper_->BeginSweep(call_, datastore_, {.token = 2}).status());
    const auto page =
        sweeper_->ListPacks(call_, datastore_, std::nullopt, 1000, 0);
    CHECK_OK(page.status());
    for (const PackInfo& pack : page->packs) {
      numbers_.push_back(pack.number);
      stored_bytes_ += pack.records.bytes;
      Scan(pack);
    }
  }

  // The limit's work: what is where.
  struct Piece {
    size_t file = 0;
    std::vector<PackEntry> entries;  // kSha256Lanes
  };
  void Scan(const PackInfo& pack) {
    auto file = files_.OpenForRead(
        absl::StrCat(packs_, "/", pack.uuid.ToString(), ".pack"));
    CHECK_OK(file.status());
    const auto read = [&](uint64_t offset, size_t length) {
      return (*file)->ReadAt(offset, length);
    };
    const auto footer = ReadPackFooter(pack.uuid, pack.file_bytes, read);
    CHECK(footer.ok() && footer->has_value());
    for (const PackEntry& entry : (*footer)->entries) {
      if (pieces_.empty() || pieces_.back().file != opened_.size() ||
          pieces_.back().entries.size() == kSha256Lanes) {
        pieces_.push_back({.file = opened_.size()});
      }
      pieces_.back().entries.push_back(entry);
    }
    opened_.push_back(*std::move(file));
  }

  void Verify() {
    uint64_t records = 0;
    CHECK_OK(sweeper_->VerifyPacks(call_, datastore_, {.packs = numbers_},
                                   [&](const VerifiedPack& pack) {
                                     CHECK(pack.damage.empty());
                                     records += pack.records.records;
                                   }));
    CHECK_EQ(records, kChunks);
  }
  void RunLimit() {
    std::atomic<size_t> next = 0;
    absl::BlockingCounter left(kThreads);
    for (int i = 0; i < kThreads; ++i) {
      CHECK_OK(executor_->Schedule([&] {
        for (size_t at = next++; at < pieces_.size(); at = next++) {
          Prove(pieces_[at]);
        }
        left.DecrementCount();
      }));
    }
    left.Wait();
  }

  const Clock& clock() const { return clock_; }
  uint64_t stored_bytes() const { return stored_bytes_; }

 private:
  void Prove(const Piece& piece) const {
    std::vector<std::string> plain;
    const uint64_t start = piece.entries.front().offset;
    const PackEntry& last = piece.entries.back();
    const auto bytes = opened_[piece.file]->ReadAt(
        start, last.offset + kRecordHeaderBytes + last.stored_length - start);
    CHECK_OK(bytes.status());
    for (const PackEntry& entry : piece.entries) {
      auto decoded = DecodePayload(
          entry.encoding,
          std::string_view(*bytes).substr(
              entry.offset + kRecordHeaderBytes - start, entry.stored_length),
          entry.plain_length);
      CHECK_OK(decoded.status());
      plain.push_back(*std::move(decoded));
    }
    const std::vector<std::string_view> messages(plain.begin(), plain.end());
    std::vector<Digest> digests(messages.size());
    Sha256Batch(messages, digests);
    CHECK(digests[0] == piece.entries[0].key.digest);
  }

  const Call call_ = {
      .caller = {CallerKind::kLocal, CallerRole::kIngest, "benchmark"}};
  const DatastoreRef datastore_ = {Uuid{{0xd5, 1}}, 1};
  TempDir directory_;
  SystemClock clock_;
  PosixFileSystem files_;
  ExitingFatalErrorSink fatal_;
  std::mt19937_64 random_{1};
  MetricRegistry registry_;
  chunk_storage::Metrics metrics_;
  std::unique_ptr<ThreadPoolExecutor> executor_;
  std::unique_ptr<RocksKvStore> database_;
  std::unique_ptr<ChunkRepository> repository_;
  std::unique_ptr<StoreSweeper> sweeper_;
  std::string packs_;
  std::vector<uint32_t> numbers_;
  uint64_t stored_bytes_ = 0;
  std::vector<std::unique_ptr<File>> opened_;
  std::vector<Piece> pieces_;
};

// Bytes are plain ones. of_limit: the limit's time over the verify's; also of
// the processor's time, which other programs disturb less.
void BM_VerifyDeep(benchmark::State& state) {
  static Store store;
  absl::Duration verify;
  absl::Duration limit;
  absl::Duration verify_cpu;
  absl::Duration limit_cpu;
  for (auto _ : state) {
    const absl::Duration cpu = ProcessCpuTime();
    const absl::Duration taken = TimeOf(store.clock(), [&] { store.Verify(); });
    state.SetIterationTime(absl::ToDoubleSeconds(taken));
    const absl::Duration between = ProcessCpuTime();
    limit += TimeOf(store.clock(), [&] { store.RunLimit(); });
    verify += taken;
    verify_cpu += between - cpu;
    limit_cpu += ProcessCpuTime() - between;
  }
  state.SetBytesProcessed(state.iterations() *
                          static_cast<int64_t>(kChunks * kChunkBytes));
  state.counters["of_limit"] = absl::FDivDuration(limit, verify);
  state.counters["of_limit_cpu"] = absl::FDivDuration(limit_cpu, verify_cpu);
  state.counters["compression"] = static_cast<double>(kChunks * kChunkBytes) /
                                  static_cast<double>(store.stored_bytes());
}
BENCHMARK(BM_VerifyDeep)
    ->UseManualTime()
    ->MinTime(3)
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace cairn
