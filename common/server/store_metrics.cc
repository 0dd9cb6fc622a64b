#include "common/server/store_metrics.h"

#include <array>
#include <functional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/io/disk_space.h"

namespace cairn {
namespace {

// One scrape asks for many figures of one moment.
constexpr absl::Duration kFiguresAge = absl::Milliseconds(500);

const char* FileName(SyncedFile file) {
  switch (file) {
    case SyncedFile::kPack:
      return "pack";
    case SyncedFile::kWal:
      return "wal";
    case SyncedFile::kDatabase:
      return "database";
    case SyncedFile::kDirectory:
      return "directory";
    case SyncedFile::kOther:
      return "other";
  }
  return "other";
}

class SyncMetrics final : public SyncObserver {
 public:
  SyncMetrics(const std::string& store, MetricRegistry* registry) {
    for (const SyncedFile file : kSyncedFiles) {
      const MetricLabels labels = {{"store", store}, {"file", FileName(file)}};
      of_[static_cast<size_t>(file)] = {
          &registry->AddHistogram("cairn_fsync_seconds",
                                  "Duration of one fsync or fdatasync.", labels,
                                  LatencyBuckets()),
          &registry->AddCounter("cairn_fsync_errors_total",
                                "Failed syncs; the first ends the process.",
                                labels)};
    }
  }

  void Synced(SyncedFile file, absl::Duration elapsed, bool ok) override {
    const Of& of = of_[static_cast<size_t>(file)];
    of.seconds->Observe(absl::ToDoubleSeconds(elapsed));
    if (!ok) of.errors->Increment();
  }

 private:
  struct Of {
    Histogram* seconds = nullptr;
    Counter* errors = nullptr;
  };
  std::array<Of, std::size(kSyncedFiles)> of_;
};

}  // namespace

// The figures of one database, asked for by any thread at any time, also when
// it is gone.
class StoreMetrics::Figures {
 public:
  explicit Figures(const Clock* clock) : clock_(clock) {}

  void Set(const RocksKvStore* database) {
    absl::MutexLock lock(&mutex_);
    Refresh();
    database_ = database;
    refreshed_ = -absl::InfiniteDuration();
  }

  double Read(const std::function<double(const RocksStatistics&)>& figure) {
    absl::MutexLock lock(&mutex_);
    Refresh();
    return figure(statistics_);
  }

 private:
  void Refresh() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (database_ == nullptr) return;
    const absl::Duration now = clock_->Monotonic();
    if (now - refreshed_ < kFiguresAge) return;
    statistics_ = database_->Statistics();
    refreshed_ = now;
  }

  const Clock* const clock_;
  absl::Mutex mutex_;
  const RocksKvStore* database_ ABSL_GUARDED_BY(mutex_) = nullptr;
  absl::Duration refreshed_ ABSL_GUARDED_BY(mutex_) = -absl::InfiniteDuration();
  RocksStatistics statistics_ ABSL_GUARDED_BY(mutex_);
};

StoreMetrics::StoreMetrics(const std::string& store, const std::string& path,
                           const Clock* clock, MetricRegistry* registry)
    : store_(store),
      registry_(registry),
      syncs_(std::make_shared<SyncMetrics>(store, registry)),
      figures_(std::make_shared<Figures>(clock)) {
  registry->AddCallback(
      "cairn_store_free_bytes",
      "Free on the file system of the store, for an unprivileged writer.",
      {{"store", store}}, /*counts=*/false, [path] {
        return static_cast<double>(
            ReadDiskSpace(path).value_or(DiskSpace()).free_bytes);
      });
  registry->AddCallback(
      "cairn_store_size_bytes", "Size of the file system of the store.",
      {{"store", store}}, /*counts=*/false, [path] {
        return static_cast<double>(
            ReadDiskSpace(path).value_or(DiskSpace()).size_bytes);
      });
}

StoreMetrics::~StoreMetrics() { Detach(); }

void StoreMetrics::Attach(const RocksKvStore* database) {
  figures_->Set(database);
  using Statistics = RocksStatistics;
  const auto add = [this](const std::string& name, const std::string& help,
                          bool counts, auto member, MetricLabels labels = {}) {
    labels["store"] = store_;
    registry_->AddCallback(
        "cairn_rocksdb_" + name, help, labels, counts,
        [figures = figures_, member] {
          return figures->Read([member](const Statistics& statistics) {
            return static_cast<double>(statistics.*member);
          });
        });
  };
  add("estimated_keys", "Keys of the database, estimated.", false,
      &Statistics::estimated_keys);
  add("sst_bytes", "Table files.", false, &Statistics::sst_bytes);
  add("wal_bytes", "Write-ahead log.", false, &Statistics::wal_bytes);
  add("memtable_bytes", "Memtables.", false, &Statistics::memtable_bytes);
  add("block_cache_bytes", "Block cache in use.", false,
      &Statistics::block_cache_bytes);
  add("pending_compaction_bytes", "What compaction has yet to rewrite.", false,
      &Statistics::pending_compaction_bytes);
  add("running_compactions", "Compactions that run.", false,
      &Statistics::running_compactions);
  add("running_flushes", "Flushes that run.", false,
      &Statistics::running_flushes);
  add("writes_stopped", "1 while the database takes no writes.", false,
      &Statistics::writes_stopped);
  add("background_errors_total", "Failed flushes and compactions.", true,
      &Statistics::background_errors);
  constexpr char kStalls[] = "Times that writes began to be held back.";
  add("write_stalls_total", kStalls, true, &Statistics::stalls_delayed,
      {{"condition", "delayed"}});
  add("write_stalls_total", kStalls, true, &Statistics::stalls_stopped,
      {{"condition", "stopped"}});
  add("ballast_bytes", "The file that is given up to open on a full disk.",
      false, &Statistics::ballast_bytes);
  registry_
      ->AddGauge("cairn_rocksdb_read_mostly",
                 "1: opened on a full disk, takes only what frees space.",
                 {{"store", store_}})
      .Set(database->read_mostly() ? 1 : 0);
}

void StoreMetrics::Detach() { figures_->Set(nullptr); }

}  // namespace cairn
