#include "common/rocks/rocks_kv_store.h"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <functional>
#include <optional>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "common/rocks/rocks_status.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"
#include "rocksdb/cache.h"
#include "rocksdb/db.h"
#include "rocksdb/filter_policy.h"
#include "rocksdb/listener.h"
#include "rocksdb/options.h"
#include "rocksdb/slice_transform.h"
#include "rocksdb/table.h"
#include "rocksdb/write_batch.h"
#include "rocksdb/write_buffer_manager.h"

namespace cairn {
namespace {

constexpr size_t kMaxMultiGetKeys = 4096;
// The gate looks at the file system once in this many commits, or when this
// many bytes were written since: half of what the reserve must absorb.
constexpr int kCommitsPerSpaceCheck = 64;
constexpr uint64_t kBytesPerSpaceCheck = uint64_t{8} << 20;
constexpr char kBallastName[] = "BALLAST";

rocksdb::Slice ToSlice(std::string_view view) {
  return {view.data(), view.size()};
}
std::string_view ToView(const rocksdb::Slice& slice) {
  return {slice.data(), slice.size()};
}

absl::StatusOr<uint64_t> FreeBytes(const std::string& path) {
  struct statvfs stat {};
  if (statvfs(path.c_str(), &stat) != 0) {
    return absl::InternalError(
        absl::StrCat(path, ": free space unknown: ", std::strerror(errno)));
  }
  return uint64_t{stat.f_bavail} * stat.f_frsize;
}

// Reports what RocksDB's own threads run into.
class BackgroundErrors final : public rocksdb::EventListener {
 public:
  BackgroundErrors(std::string path, FatalErrorSink* fatal,
                   std::atomic<bool>* failed)
      : path_(std::move(path)), fatal_(fatal), failed_(failed) {}

  void OnBackgroundError(rocksdb::BackgroundErrorReason /*reason*/,
                         rocksdb::Status* status) override {
    if (failed_->exchange(true)) return;
    fatal_->Report(
        WithContext(FromRocks(*status), absl::StrCat("database ", path_)));
  }

 private:
  const std::string path_;
  FatalErrorSink* const fatal_;
  std::atomic<bool>* const failed_;
};

rocksdb::DBOptions DatabaseOptions(const RocksKvStore::Options& options) {
  rocksdb::DBOptions db;
  db.create_if_missing = true;
  db.create_missing_column_families = true;
  db.paranoid_checks = true;
  db.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  db.track_and_verify_wals_in_manifest = true;
  db.max_bgerror_resume_count = 0;  // after a failed sync nothing is retried
  db.max_total_wal_size = options.max_wal_bytes;
  db.max_open_files = options.max_open_files;
  db.max_background_jobs = 2;
  db.keep_log_file_num = 2;
  db.max_log_file_size = size_t{1} << 20;
  db.info_log_level = rocksdb::InfoLogLevel::WARN_LEVEL;
  db.stats_dump_period_sec = 0;
  db.stats_persist_period_sec = 0;
  return db;
}

rocksdb::ColumnFamilyOptions TableOptions(
    const RocksKvStore::Options& options, const RocksKvStore::Table& table,
    const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::BlockBasedTableOptions blocks;
  blocks.block_cache = cache;
  blocks.cache_index_and_filter_blocks = true;
  blocks.pin_l0_filter_and_index_blocks_in_cache = true;
  blocks.format_version = 5;
  blocks.block_size = 8 * 1024;
  if (table.bloom_filter) {
    blocks.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
    blocks.whole_key_filtering = true;
  }
  rocksdb::ColumnFamilyOptions family;
  family.table_factory.reset(rocksdb::NewBlockBasedTableFactory(blocks));
  family.write_buffer_size = options.write_buffer_bytes / 2;
  family.max_write_buffer_number = 2;
  family.arena_block_size = 256 * 1024;
  family.compression = rocksdb::kZSTD;
  family.level_compaction_dynamic_level_bytes = true;
  return family;
}

}  // namespace

class RocksKvStore::Impl {
 public:
  Impl(const Options& options, FatalErrorSink* fatal)
      : options_(options), fatal_(fatal) {}

  ~Impl() {
    for (auto* family : families_) db_->DestroyColumnFamilyHandle(family);
    families_.clear();
    if (db_ != nullptr) db_->Close().PermitUncheckedError();
  }

  absl::Status Open();
  absl::Status CheckUsable() const;
  absl::StatusOr<rocksdb::ColumnFamilyHandle*> Family(KvTable table) const;
  absl::Status PassGate(const KvBatch& batch, uint64_t bytes);
  absl::Status Fail(const rocksdb::Status& status);

  rocksdb::DB* db() const { return db_.get(); }
  const std::vector<rocksdb::ColumnFamilyHandle*>& families() const {
    return families_;
  }
  bool read_mostly() const { return read_mostly_; }

 private:
  std::string BallastPath() const {
    return absl::StrCat(options_.path, "/", kBallastName);
  }
  absl::Status PrepareDirectory();
  void MakeBallast();

  const Options options_;
  FatalErrorSink* const fatal_;
  std::atomic<bool> failed_ = false;
  std::unique_ptr<rocksdb::DB> db_;
  std::vector<rocksdb::ColumnFamilyHandle*> families_;
  bool read_mostly_ = false;
  std::atomic<int> commits_until_check_ = 0;
  std::atomic<uint64_t> bytes_since_check_ = 0;
  std::atomic<bool> gate_closed_ = false;
};

absl::Status RocksKvStore::Impl::PrepareDirectory() {
  std::error_code error;
  std::filesystem::create_directories(options_.path, error);
  if (error) {
    return absl::InternalError(
        absl::StrCat(options_.path, ": ", error.message()));
  }
  ASSIGN_OR_RETURN(const uint64_t free, FreeBytes(options_.path));
  // With less than this RocksDB may not even write its manifest.
  if (free < options_.reserve_bytes / 4) {
    read_mostly_ = true;
    std::filesystem::remove(BallastPath(), error);
  }
  return absl::OkStatus();
}

// Space that the next Open can give up. A failure to reserve it is no reason
// not to serve: the gate is the first defence.
void RocksKvStore::Impl::MakeBallast() {
  if (options_.ballast_bytes == 0 || read_mostly_) return;
  const absl::StatusOr<uint64_t> free = FreeBytes(options_.path);
  if (!free.ok() || *free < options_.reserve_bytes + options_.ballast_bytes) {
    return;
  }
  const int fd = open(BallastPath().c_str(), O_CREAT | O_RDWR | O_CLOEXEC,
                      S_IRUSR | S_IWUSR);
  if (fd < 0) return;
  const auto close_fd = absl::MakeCleanup([fd] { close(fd); });
  if (posix_fallocate(fd, 0, static_cast<off_t>(options_.ballast_bytes)) != 0) {
    unlink(BallastPath().c_str());
  }
}

absl::Status RocksKvStore::Impl::Open() {
  RETURN_IF_ERROR(PrepareDirectory());
  const auto cache = rocksdb::NewLRUCache(options_.block_cache_bytes);
  rocksdb::DBOptions db_options = DatabaseOptions(options_);
  db_options.listeners.push_back(
      std::make_shared<BackgroundErrors>(options_.path, fatal_, &failed_));
  db_options.write_buffer_manager =
      std::make_shared<rocksdb::WriteBufferManager>(
          options_.write_buffer_bytes, nullptr, /*allow_stall=*/false);
  db_options.avoid_flush_during_recovery = read_mostly_;
  std::vector<rocksdb::ColumnFamilyDescriptor> descriptors = {
      {rocksdb::kDefaultColumnFamilyName,
       TableOptions(options_, Table{}, cache)}};
  for (const Table& table : options_.tables) {
    descriptors.emplace_back(table.name, TableOptions(options_, table, cache));
  }
  rocksdb::DB* db = nullptr;
  const rocksdb::Status opened = rocksdb::DB::Open(
      db_options, options_.path, descriptors, &families_, &db);
  if (!opened.ok()) {
    return WithContext(FromRocks(opened),
                       absl::StrCat("database ", options_.path));
  }
  db_.reset(db);
  MakeBallast();
  return absl::OkStatus();
}

absl::Status RocksKvStore::Impl::CheckUsable() const {
  if (!failed_.load(std::memory_order_acquire)) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat(
      "database ", options_.path, " has failed; the process must restart"));
}

absl::StatusOr<rocksdb::ColumnFamilyHandle*> RocksKvStore::Impl::Family(
    KvTable table) const {
  // The first family is RocksDB's default one, which holds nothing.
  if (table + size_t{1} < families_.size()) return families_[table + 1];
  return absl::InvalidArgumentError(
      absl::StrCat("table ", table, " of a store with ", families_.size() - 1));
}

absl::Status RocksKvStore::Impl::PassGate(const KvBatch& batch,
                                          uint64_t bytes) {
  if (batch.passes_gate()) return absl::OkStatus();
  const uint64_t since = bytes_since_check_.fetch_add(bytes) + bytes;
  if (commits_until_check_.fetch_sub(1) <= 0 || since >= kBytesPerSpaceCheck ||
      gate_closed_) {
    bytes_since_check_ = 0;
    commits_until_check_ = kCommitsPerSpaceCheck;
    ASSIGN_OR_RETURN(const uint64_t free, FreeBytes(options_.path));
    gate_closed_ = free < options_.reserve_bytes;
  }
  if (!read_mostly_ && !gate_closed_) return absl::OkStatus();
  return WithReason(absl::ResourceExhaustedError(absl::StrCat(
                        "database ", options_.path,
                        ": less than the reserve of ", options_.reserve_bytes,
                        " bytes is free; free space or add some, then ",
                        read_mostly_ ? "restart" : "try again")),
                    reason::kStorageFull);
}

absl::Status RocksKvStore::Impl::Fail(const rocksdb::Status& status) {
  const absl::Status error =
      WithContext(FromRocks(status), absl::StrCat("database ", options_.path));
  if (!failed_.exchange(true)) fatal_->Report(error);
  return error;
}

namespace {

class Cursor final : public KvCursor {
 public:
  Cursor(absl::Status status) : status_(std::move(status)) {}
  Cursor(rocksdb::DB* db, rocksdb::ColumnFamilyHandle* family,
         const rocksdb::Snapshot* snapshot, std::string_view lower,
         std::string_view upper)
      : upper_(upper), upper_slice_(upper_) {
    rocksdb::ReadOptions options;
    options.snapshot = snapshot;
    if (!upper_.empty()) options.iterate_upper_bound = &upper_slice_;
    iterator_.reset(db->NewIterator(options, family));
    if (!upper_.empty() && upper_ <= lower) return;
    iterator_->Seek(ToSlice(lower));
  }

  bool Valid() const override {
    return iterator_ != nullptr && iterator_->Valid();
  }
  std::string_view key() const override { return ToView(iterator_->key()); }
  std::string_view value() const override { return ToView(iterator_->value()); }
  void Next() override { iterator_->Next(); }
  absl::Status status() const override {
    return iterator_ == nullptr ? status_ : FromRocks(iterator_->status());
  }

 private:
  absl::Status status_;
  const std::string upper_;
  const rocksdb::Slice upper_slice_;
  std::unique_ptr<rocksdb::Iterator> iterator_;
};

absl::StatusOr<std::optional<std::string>> GetAt(
    rocksdb::DB* db, rocksdb::ColumnFamilyHandle* family,
    const rocksdb::Snapshot* snapshot, std::string_view key) {
  rocksdb::ReadOptions options;
  options.snapshot = snapshot;
  std::string value;
  const rocksdb::Status status = db->Get(options, family, ToSlice(key), &value);
  if (status.IsNotFound()) return std::nullopt;
  if (!status.ok()) return FromRocks(status);
  return value;
}

}  // namespace

// Must not outlive its store.
class RocksView final : public KvView {
 public:
  using FamilyOf =
      std::function<absl::StatusOr<rocksdb::ColumnFamilyHandle*>(KvTable)>;

  RocksView(rocksdb::DB* db, FamilyOf family)
      : db_(db), family_(std::move(family)), snapshot_(db->GetSnapshot()) {}
  ~RocksView() override { db_->ReleaseSnapshot(snapshot_); }

  absl::StatusOr<std::optional<std::string>> Get(
      KvTable table, std::string_view key) const override {
    ASSIGN_OR_RETURN(rocksdb::ColumnFamilyHandle* const family, family_(table));
    return GetAt(db_, family, snapshot_, key);
  }

  std::unique_ptr<KvCursor> Scan(KvTable table, std::string_view lower,
                                 std::string_view upper) const override {
    const auto family = family_(table);
    if (!family.ok()) return std::make_unique<Cursor>(family.status());
    return std::make_unique<Cursor>(db_, *family, snapshot_, lower, upper);
  }

 private:
  rocksdb::DB* const db_;
  const FamilyOf family_;
  const rocksdb::Snapshot* const snapshot_;
};

absl::StatusOr<std::unique_ptr<RocksKvStore>> RocksKvStore::Open(
    const Options& options, FatalErrorSink* fatal) {
  auto impl = std::make_unique<Impl>(options, fatal);
  RETURN_IF_ERROR(impl->Open());
  return std::unique_ptr<RocksKvStore>(new RocksKvStore(std::move(impl)));
}

RocksKvStore::RocksKvStore(std::unique_ptr<Impl> impl)
    : impl_(std::move(impl)) {}
RocksKvStore::~RocksKvStore() = default;

absl::StatusOr<std::optional<std::string>> RocksKvStore::Get(
    KvTable table, std::string_view key) const {
  RETURN_IF_ERROR(impl_->CheckUsable());
  ASSIGN_OR_RETURN(rocksdb::ColumnFamilyHandle* const family,
                   impl_->Family(table));
  return GetAt(impl_->db(), family, nullptr, key);
}

absl::StatusOr<std::vector<std::optional<std::string>>> RocksKvStore::MultiGet(
    KvTable table, std::span<const std::string> keys) const {
  RETURN_IF_ERROR(impl_->CheckUsable());
  if (keys.size() > kMaxMultiGetKeys) {
    return absl::InvalidArgumentError(absl::StrCat(
        keys.size(), " keys in one MultiGet, at most ", kMaxMultiGetKeys));
  }
  ASSIGN_OR_RETURN(rocksdb::ColumnFamilyHandle* const family,
                   impl_->Family(table));
  const std::vector<rocksdb::Slice> slices(keys.begin(), keys.end());
  std::vector<rocksdb::PinnableSlice> values(keys.size());
  std::vector<rocksdb::Status> statuses(keys.size());
  impl_->db()->MultiGet(rocksdb::ReadOptions(), family, slices.size(),
                        slices.data(), values.data(), statuses.data());
  std::vector<std::optional<std::string>> results(keys.size());
  for (size_t i = 0; i < keys.size(); ++i) {
    if (statuses[i].IsNotFound()) continue;
    if (!statuses[i].ok()) return FromRocks(statuses[i]);
    results[i] = values[i].ToString();
  }
  return results;
}

std::unique_ptr<KvView> RocksKvStore::NewView() const {
  return std::make_unique<RocksView>(
      impl_->db(),
      [impl = impl_.get()](
          KvTable table) -> absl::StatusOr<rocksdb::ColumnFamilyHandle*> {
        RETURN_IF_ERROR(impl->CheckUsable());
        return impl->Family(table);
      });
}

absl::Status RocksKvStore::Commit(const KvBatch& batch, Durability durability) {
  RETURN_IF_ERROR(impl_->CheckUsable());
  rocksdb::WriteBatch writes;
  for (const KvBatch::Change& change : batch.changes()) {
    ASSIGN_OR_RETURN(rocksdb::ColumnFamilyHandle* const family,
                     impl_->Family(change.table));
    const rocksdb::Status added =
        change.value.has_value() ? writes.Put(family, change.key, *change.value)
                                 : writes.Delete(family, change.key);
    if (!added.ok()) return FromRocks(added);
  }
  RETURN_IF_ERROR(impl_->PassGate(batch, writes.GetDataSize()));
  rocksdb::WriteOptions options;
  options.sync = durability == Durability::kSynced;
  const rocksdb::Status written = impl_->db()->Write(options, &writes);
  if (!written.ok()) return impl_->Fail(written);
  return absl::OkStatus();
}

bool RocksKvStore::read_mostly() const { return impl_->read_mostly(); }

RocksStatistics RocksKvStore::Statistics() const {
  RocksStatistics statistics;
  const auto sum = [this](const std::string& property) {
    uint64_t total = 0;
    for (auto* family : impl_->families()) {
      uint64_t value = 0;
      if (impl_->db()->GetIntProperty(family, property, &value)) {
        total += value;
      }
    }
    return total;
  };
  statistics.estimated_keys = sum(rocksdb::DB::Properties::kEstimateNumKeys);
  statistics.sst_bytes = sum(rocksdb::DB::Properties::kTotalSstFilesSize);
  statistics.memtable_bytes =
      sum(rocksdb::DB::Properties::kCurSizeAllMemTables);
  impl_->db()->GetIntProperty(rocksdb::DB::Properties::kBackgroundErrors,
                              &statistics.background_errors);
  uint64_t stopped = 0;
  impl_->db()->GetIntProperty(rocksdb::DB::Properties::kIsWriteStopped,
                              &stopped);
  statistics.writes_stopped = stopped != 0;
  return statistics;
}

}  // namespace cairn
