#include "common/rocks/rocks_kv_store.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/io/allocate_file.h"
#include "common/io/durable_directories.h"
#include "common/io/posix_file_system.h"
#include "common/log/log.h"
#include "common/rocks/free_space_gate.h"
#include "common/rocks/observed_files.h"
#include "common/rocks/rocks_listeners.h"
#include "common/rocks/rocks_options.h"
#include "common/rocks/rocks_status.h"
#include "common/rocks/rocks_view.h"
#include "common/rocks/zero_tail.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"
#include "rocksdb/cache.h"
#include "rocksdb/db.h"
#include "rocksdb/options.h"
#include "rocksdb/transaction_log.h"
#include "rocksdb/write_batch.h"

namespace cairn {
namespace {

constexpr size_t kMaxMultiGetKeys = 4096;
constexpr char kBallastName[] = "BALLAST";
constexpr char kProbeName[] = "PROBE";
// What Open writes besides what it replays: manifest, options, info log.
constexpr uint64_t kOpenBytes = uint64_t{8} << 20;

}  // namespace

class RocksKvStore::Impl {
 public:
  Impl(const Options& options, FatalErrorSink* fatal)
      : options_(options),
        files_(options.files != nullptr ? options.files : &machine_files_),
        latch_(std::make_shared<FailureLatch>(options.path, fatal)),
        gate_(files_, options.path, options.reserve_bytes) {}
  ~Impl() { Close(); }

  absl::Status Open();
  absl::StatusOr<rocksdb::ColumnFamilyHandle*> Family(KvTable table) const;
  // OK, or why no call is answered any more.
  absl::Status CheckUsable() const { return latch_->Check(); }
  absl::Status Write(const KvBatch& batch, Durability durability);

  rocksdb::DB* db() const { return db_.get(); }
  const std::vector<rocksdb::ColumnFamilyHandle*>& families() const {
    return families_;
  }
  bool read_mostly() const { return read_mostly_; }
  const WriteStalls& stalls() const { return *stalls_; }
  uint64_t BallastBytes() const;

 private:
  std::string BallastPath() const {
    return absl::StrCat(options_.path, "/", kBallastName);
  }
  absl::StatusOr<uint64_t> LogBytes() const;
  absl::StatusOr<bool> LacksSpaceToOpen();
  absl::Status GiveUpBallast();
  void MakeBallast();
  rocksdb::Status OpenDatabase();
  absl::StatusOr<rocksdb::Status> OpenWithoutZeros(
      const rocksdb::Status& before);
  void Close();

  const Options options_;
  PosixFileSystem machine_files_;
  FileSystem* const files_;
  const std::shared_ptr<FailureLatch> latch_;
  FreeSpaceGate gate_;
  // Constant after Open.
  bool read_mostly_ = false;
  std::shared_ptr<rocksdb::Cache> cache_;
  const std::shared_ptr<WriteStalls> stalls_ = std::make_shared<WriteStalls>();
  std::unique_ptr<rocksdb::Env> env_;  // null: the machine's
  std::unique_ptr<rocksdb::DB> db_;
  std::vector<rocksdb::ColumnFamilyHandle*> families_;
};

void RocksKvStore::Impl::Close() {
  if (db_ == nullptr) return;
  if (!CheckUsable().ok()) {
    // The process is about to end. Closing would touch files whose writing
    // has failed, which RocksDB answers by aborting where it was built with
    // assertions, as Debian does.
    db_.release();
    env_.release();  // its threads go on
    return;
  }
  for (auto* family : families_) db_->DestroyColumnFamilyHandle(family);
  families_.clear();
  // What was committed is in the log, so a failure here loses nothing.
  db_->Close().PermitUncheckedError();
  db_.reset();
}

// The size of the write-ahead log that RocksDB will replay.
absl::StatusOr<uint64_t> RocksKvStore::Impl::LogBytes() const {
  ASSIGN_OR_RETURN(const std::vector<std::string> names,
                   files_->List(options_.path));
  uint64_t total = 0;
  for (const std::string& name : names) {
    if (!absl::EndsWith(name, ".log")) continue;
    ASSIGN_OR_RETURN(const auto file, files_->OpenForRead(absl::StrCat(
                                          options_.path, "/", name)));
    ASSIGN_OR_RETURN(const uint64_t size, file->Size());
    total += size;
  }
  return total;
}

// Tries, and does not only ask: a quota shows in no number. RocksDB must not
// be the one to find out, since Debian's aborts on a write that was cut short,
// and would again at each start.
absl::StatusOr<bool> RocksKvStore::Impl::LacksSpaceToOpen() {
  const std::string probe = absl::StrCat(options_.path, "/", kProbeName);
  files_->Remove(probe).IgnoreError();  // of an Open that was cut short
  ASSIGN_OR_RETURN(const uint64_t free, files_->FreeBytes(options_.path));
  ASSIGN_OR_RETURN(const uint64_t log_bytes, LogBytes());
  const uint64_t needed = kOpenBytes + log_bytes;
  if (free < std::max(options_.reserve_bytes / 4, needed)) return true;
  const absl::Status allocated = AllocateFile(probe, needed);
  if (absl::IsResourceExhausted(allocated)) return true;
  RETURN_IF_ERROR(allocated);
  RETURN_IF_ERROR(files_->Remove(probe));
  return false;
}

uint64_t RocksKvStore::Impl::BallastBytes() const {
  const auto file = files_->OpenForRead(BallastPath());
  if (!file.ok()) return 0;
  return (*file)->Size().value_or(0);
}

absl::Status RocksKvStore::Impl::GiveUpBallast() {
  const absl::Status removed = files_->Remove(BallastPath());
  if (!removed.ok() && !absl::IsNotFound(removed)) return removed;
  read_mostly_ = true;
  gate_.CloseForGood();
  return absl::OkStatus();
}

// Space that a later Open can give up. That it cannot be had is no reason
// not to serve: the gate is the first defence.
void RocksKvStore::Impl::MakeBallast() {
  if (options_.ballast_bytes == 0) {
    files_->Remove(BallastPath()).IgnoreError();
    return;
  }
  const absl::StatusOr<uint64_t> free = files_->FreeBytes(options_.path);
  if (!free.ok() || *free < options_.reserve_bytes + options_.ballast_bytes) {
    return;  // one that is there stays
  }
  AllocateFile(BallastPath(), options_.ballast_bytes).IgnoreError();
}

rocksdb::Status RocksKvStore::Impl::OpenDatabase() {
  rocksdb::DBOptions database = RocksDatabaseOptions(options_);
  database.listeners.push_back(std::make_shared<BackgroundErrors>(latch_));
  database.listeners.push_back(stalls_);
  if (options_.syncs != nullptr && options_.clock != nullptr) {
    if (env_ == nullptr) env_ = NewObservedEnv(options_.clock, options_.syncs);
    database.env = env_.get();
  }
  // On a full disk a flush would fail; the log is replayed into memory.
  database.avoid_flush_during_recovery = read_mostly_;
  cache_ = rocksdb::NewLRUCache(options_.block_cache_bytes);
  std::vector<rocksdb::ColumnFamilyDescriptor> descriptors = {
      {rocksdb::kDefaultColumnFamilyName,
       RocksTableOptions(options_, Table{}, cache_)}};
  for (const Table& table : options_.tables) {
    descriptors.emplace_back(table.name,
                             RocksTableOptions(options_, table, cache_));
  }
  rocksdb::DB* db = nullptr;
  const rocksdb::Status opened =
      rocksdb::DB::Open(database, options_.path, descriptors, &families_, &db);
  db_.reset(db);
  return opened;
}

// Again, after `before`, without the zeros that a power cut left at the end
// of the log, of the manifest, or of both: the fewest with which it opens.
absl::StatusOr<rocksdb::Status> RocksKvStore::Impl::OpenWithoutZeros(
    const rocksdb::Status& before) {
  using Which = ZeroTails::Which;
  const std::vector<Which> trials[] = {
      {Which::kLog}, {Which::kManifest}, {Which::kLog, Which::kManifest}};
  ZeroTails tails(files_, options_.path);
  for (const std::vector<Which>& trial : trials) {
    bool cut = true;
    for (const Which which : trial) {
      ASSIGN_OR_RETURN(const bool cut_one, tails.Cut(which));
      cut &= cut_one;
    }
    const rocksdb::Status opened = cut ? OpenDatabase() : before;
    if (opened.ok()) {
      LOG(WARNING) << "database was cut off by a power cut, its end is dropped"
                   << " database=" << options_.path << " cut=\""
                   << tails.Describe() << "\"";
      RETURN_IF_ERROR(tails.Keep());
      return opened;
    }
    RETURN_IF_ERROR(tails.Restore());
    if (!opened.IsCorruption()) return opened;
  }
  return before;
}

absl::Status RocksKvStore::Impl::Open() {
  RETURN_IF_ERROR(CreateDirectoriesDurably(*files_, options_.path));
  RETURN_IF_ERROR(ZeroTails(files_, options_.path).Restore());
  ASSIGN_OR_RETURN(const bool lacks_space, LacksSpaceToOpen());
  if (lacks_space) RETURN_IF_ERROR(GiveUpBallast());
  rocksdb::Status opened = OpenDatabase();
  if (opened.IsNoSpace() && !read_mostly_) {
    RETURN_IF_ERROR(GiveUpBallast());
    opened = OpenDatabase();
  }
  if (opened.IsCorruption()) {
    ASSIGN_OR_RETURN(opened, OpenWithoutZeros(opened));
  }
  // The second: a file that another one names is not there.
  if (opened.IsCorruption() || opened.IsPathNotFound()) {
    return absl::DataLossError(
        absl::StrCat("database ", options_.path, ": ", opened.ToString(),
                     "; keep the directory aside and restore or rebuild it"));
  }
  if (!opened.ok()) {
    return WithContext(FromRocks(opened),
                       absl::StrCat("database ", options_.path));
  }
  if (!read_mostly_) MakeBallast();
  return CheckUsable();
}

absl::StatusOr<rocksdb::ColumnFamilyHandle*> RocksKvStore::Impl::Family(
    KvTable table) const {
  RETURN_IF_ERROR(CheckUsable());
  // The first family is RocksDB's default one, which holds nothing.
  if (table + size_t{1} < families_.size()) return families_[table + 1];
  return absl::InvalidArgumentError(
      absl::StrCat("table ", table, " of a store with ", families_.size() - 1));
}

absl::Status RocksKvStore::Impl::Write(const KvBatch& batch,
                                       Durability durability) {
  RETURN_IF_ERROR(CheckUsable());
  if (batch.empty()) {
    if (durability == Durability::kBuffered) return absl::OkStatus();
    const rocksdb::Status synced = db_->FlushWAL(/*sync=*/true);
    return synced.ok() ? absl::OkStatus() : latch_->Fail(synced);
  }
  rocksdb::WriteBatch writes;
  for (const KvBatch::Change& change : batch.changes()) {
    ASSIGN_OR_RETURN(rocksdb::ColumnFamilyHandle* const family,
                     Family(change.table));
    const rocksdb::Status added =
        change.value.has_value() ? writes.Put(family, change.key, *change.value)
                                 : writes.Delete(family, change.key);
    if (!added.ok()) return FromRocks(added);
    if (writes.GetDataSize() > kMaxBatchBytes) {
      return absl::InvalidArgumentError(
          absl::StrCat("batch of ", batch.changes().size(),
                       " changes is above ", kMaxBatchBytes, " bytes"));
    }
  }
  if (!batch.passes_gate()) RETURN_IF_ERROR(gate_.Pass(writes.GetDataSize()));
  rocksdb::WriteOptions options;
  options.sync = durability == Durability::kSynced;
  const rocksdb::Status written = db_->Write(options, &writes);
  return written.ok() ? absl::OkStatus() : latch_->Fail(written);
}

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
  ASSIGN_OR_RETURN(rocksdb::ColumnFamilyHandle* const family,
                   impl_->Family(table));
  return RocksGet(impl_->db(), family, nullptr, key);
}

absl::StatusOr<std::vector<std::optional<std::string>>> RocksKvStore::MultiGet(
    KvTable table, std::span<const std::string> keys) const {
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
      [impl = impl_.get()](KvTable table) { return impl->Family(table); });
}

absl::Status RocksKvStore::Commit(const KvBatch& batch, Durability durability) {
  return impl_->Write(batch, durability);
}

bool RocksKvStore::read_mostly() const { return impl_->read_mostly(); }

RocksStatistics RocksKvStore::Statistics() const {
  using Properties = rocksdb::DB::Properties;
  rocksdb::DB* const db = impl_->db();
  const auto sum = [this, db](const std::string& property) {
    uint64_t total = 0;
    for (auto* family : impl_->families()) {
      uint64_t value = 0;
      if (db->GetIntProperty(family, property, &value)) total += value;
    }
    return total;
  };
  // Of the database as a whole, asked of any one family.
  const auto one = [db](const std::string& property) {
    uint64_t value = 0;
    db->GetIntProperty(property, &value);
    return value;
  };
  RocksStatistics statistics;
  statistics.estimated_keys = sum(Properties::kEstimateNumKeys);
  statistics.sst_bytes = sum(Properties::kTotalSstFilesSize);
  statistics.memtable_bytes = sum(Properties::kCurSizeAllMemTables);
  statistics.pending_compaction_bytes =
      sum(Properties::kEstimatePendingCompactionBytes);
  statistics.block_cache_bytes = one(Properties::kBlockCacheUsage);
  statistics.background_errors = one(Properties::kBackgroundErrors);
  statistics.writes_stopped = one(Properties::kIsWriteStopped) != 0;
  statistics.running_compactions = one(Properties::kNumRunningCompactions);
  statistics.running_flushes = one(Properties::kNumRunningFlushes);
  statistics.stalls_delayed = impl_->stalls().delayed;
  statistics.stalls_stopped = impl_->stalls().stopped;
  statistics.ballast_bytes = impl_->BallastBytes();
  rocksdb::VectorLogPtr logs;
  if (db->GetSortedWalFiles(logs).ok()) {
    for (const auto& log : logs) statistics.wal_bytes += log->SizeFileBytes();
  }
  return statistics;
}

}  // namespace cairn
