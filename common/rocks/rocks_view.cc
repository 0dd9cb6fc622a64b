#include "common/rocks/rocks_view.h"

#include <utility>

#include "common/rocks/rocks_status.h"
#include "common/status/status_macros.h"
#include "rocksdb/iterator.h"
#include "rocksdb/options.h"
#include "rocksdb/slice.h"

namespace cairn {
namespace {

rocksdb::Slice ToSlice(std::string_view view) {
  return {view.data(), view.size()};
}
std::string_view ToView(const rocksdb::Slice& slice) {
  return {slice.data(), slice.size()};
}

class RocksCursor final : public KvCursor {
 public:
  explicit RocksCursor(absl::Status status) : status_(std::move(status)) {}
  RocksCursor(rocksdb::DB* db, rocksdb::ColumnFamilyHandle* family,
              const rocksdb::Snapshot* snapshot, std::string_view lower,
              std::string_view upper)
      : upper_(upper), upper_slice_(upper_) {
    if (!upper_.empty() && upper_ <= lower) return;  // nothing between
    rocksdb::ReadOptions options;
    options.snapshot = snapshot;
    // A walk over a large table must not push out what others need.
    options.fill_cache = false;
    if (!upper_.empty()) options.iterate_upper_bound = &upper_slice_;
    iterator_.reset(db->NewIterator(options, family));
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
  const absl::Status status_;
  const std::string upper_;
  const rocksdb::Slice upper_slice_;  // of `upper_`; the iterator keeps it
  std::unique_ptr<rocksdb::Iterator> iterator_;
};

}  // namespace

absl::StatusOr<std::optional<std::string>> RocksGet(
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

RocksView::RocksView(rocksdb::DB* db, FamilyOf family)
    : db_(db), family_(std::move(family)), snapshot_(db->GetSnapshot()) {}

RocksView::~RocksView() { db_->ReleaseSnapshot(snapshot_); }

absl::StatusOr<std::optional<std::string>> RocksView::Get(
    KvTable table, std::string_view key) const {
  ASSIGN_OR_RETURN(rocksdb::ColumnFamilyHandle* const family, family_(table));
  return RocksGet(db_, family, snapshot_, key);
}

std::unique_ptr<KvCursor> RocksView::Scan(KvTable table, std::string_view lower,
                                          std::string_view upper) const {
  const auto family = family_(table);
  if (!family.ok()) return std::make_unique<RocksCursor>(family.status());
  return std::make_unique<RocksCursor>(db_, *family, snapshot_, lower, upper);
}

}  // namespace cairn
