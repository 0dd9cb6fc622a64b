#include "common/kv/memory_kv_store.h"

#include <utility>

#include "absl/random/distributions.h"
#include "absl/strings/str_cat.h"

namespace cairn {
namespace {

constexpr size_t kMaxMultiGetKeys = 4096;

absl::Status CheckTable(KvTable table, size_t count) {
  if (table < count) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("table ", table, " of a store with ", count));
}

}  // namespace

class MemoryKvStore::Cursor final : public KvCursor {
 public:
  Cursor(std::shared_ptr<const Tables> tables, KvTable table,
         std::string_view lower, std::string_view upper)
      : tables_(std::move(tables)),
        status_(CheckTable(table, tables_->size())) {
    if (!status_.ok()) return;
    const Table& entries = (*tables_)[table];
    next_ = entries.lower_bound(lower);
    end_ = upper.empty() ? entries.end() : entries.lower_bound(upper);
    if (!upper.empty() && upper <= lower) end_ = next_;
  }

  bool Valid() const override { return status_.ok() && next_ != end_; }
  std::string_view key() const override { return next_->first; }
  std::string_view value() const override { return next_->second; }
  void Next() override { ++next_; }
  absl::Status status() const override { return status_; }

 private:
  std::shared_ptr<const Tables> tables_;
  absl::Status status_;
  Table::const_iterator next_;
  Table::const_iterator end_;
};

class MemoryKvStore::View final : public KvView {
 public:
  explicit View(std::shared_ptr<const Tables> tables)
      : tables_(std::move(tables)) {}

  absl::StatusOr<std::optional<std::string>> Get(
      KvTable table, std::string_view key) const override {
    if (auto ok = CheckTable(table, tables_->size()); !ok.ok()) return ok;
    const auto found = (*tables_)[table].find(key);
    if (found == (*tables_)[table].end()) return std::nullopt;
    return found->second;
  }

  std::unique_ptr<KvCursor> Scan(KvTable table, std::string_view lower,
                                 std::string_view upper) const override {
    return std::make_unique<Cursor>(tables_, table, lower, upper);
  }

 private:
  std::shared_ptr<const Tables> tables_;
};

MemoryKvStore::MemoryKvStore(size_t table_count)
    : tables_(std::make_shared<Tables>(table_count)), durable_(table_count) {}

absl::StatusOr<std::optional<std::string>> MemoryKvStore::Get(
    KvTable table, std::string_view key) const {
  absl::MutexLock lock(&mutex_);
  return View(tables_).Get(table, key);
}

absl::StatusOr<std::vector<std::optional<std::string>>> MemoryKvStore::MultiGet(
    KvTable table, std::span<const std::string> keys) const {
  if (keys.size() > kMaxMultiGetKeys) {
    return absl::InvalidArgumentError(absl::StrCat(
        keys.size(), " keys in one MultiGet, at most ", kMaxMultiGetKeys));
  }
  absl::MutexLock lock(&mutex_);
  const View view(tables_);
  std::vector<std::optional<std::string>> values;
  values.reserve(keys.size());
  for (const std::string& key : keys) {
    auto value = view.Get(table, key);
    if (!value.ok()) return value.status();
    values.push_back(*std::move(value));
  }
  return values;
}

std::unique_ptr<KvView> MemoryKvStore::NewView() const {
  absl::MutexLock lock(&mutex_);
  return std::make_unique<View>(tables_);
}

void MemoryKvStore::Apply(const KvBatch& batch, Tables& tables) {
  for (const KvBatch::Change& change : batch.changes()) {
    Table& table = tables[change.table];
    if (change.value.has_value()) {
      table.insert_or_assign(change.key, *change.value);
    } else {
      table.erase(change.key);
    }
  }
}

absl::Status MemoryKvStore::Commit(const KvBatch& batch,
                                   Durability durability) {
  absl::MutexLock lock(&mutex_);
  if (!powered_) return absl::UnavailableError("store has lost power");
  for (const KvBatch::Change& change : batch.changes()) {
    if (auto ok = CheckTable(change.table, durable_.size()); !ok.ok()) {
      return ok;
    }
  }
  if (commits_until_failure_.has_value()) {
    if (*commits_until_failure_ <= 1) return failure_;
    --*commits_until_failure_;
  }
  if (tables_.use_count() > 1) tables_ = std::make_shared<Tables>(*tables_);
  Apply(batch, *tables_);
  ++commits_;
  unsynced_.push_back(batch);
  if (durability == Durability::kSynced) {
    for (const KvBatch& unsynced : unsynced_) Apply(unsynced, durable_);
    unsynced_.clear();
    ++synced_commits_;
  }
  return absl::OkStatus();
}

void MemoryKvStore::PowerCut(absl::BitGenRef random) {
  absl::MutexLock lock(&mutex_);
  const size_t survivors =
      absl::Uniform<size_t>(absl::IntervalClosed, random, 0, unsynced_.size());
  for (size_t i = 0; i < survivors; ++i) Apply(unsynced_[i], durable_);
  unsynced_.clear();
  tables_ = std::make_shared<Tables>(durable_);
  powered_ = false;
}

void MemoryKvStore::Recover() {
  absl::MutexLock lock(&mutex_);
  powered_ = true;
  commits_until_failure_.reset();
}

void MemoryKvStore::FailCommitsFrom(uint64_t nth, absl::Status error) {
  absl::MutexLock lock(&mutex_);
  commits_until_failure_ = nth;
  failure_ = std::move(error);
}

uint64_t MemoryKvStore::commit_count() const {
  absl::MutexLock lock(&mutex_);
  return commits_;
}

uint64_t MemoryKvStore::synced_commit_count() const {
  absl::MutexLock lock(&mutex_);
  return synced_commits_;
}

}  // namespace cairn
