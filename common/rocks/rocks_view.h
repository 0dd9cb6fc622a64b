#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/kv/kv_store.h"
#include "rocksdb/db.h"

// Reading of a RocksKvStore. Part of its implementation.
namespace cairn {

// The value of `key` at `snapshot` (null: now).
absl::StatusOr<std::optional<std::string>> RocksGet(
    rocksdb::DB* db, rocksdb::ColumnFamilyHandle* family,
    const rocksdb::Snapshot* snapshot, std::string_view key);

// A view, which goes before its database, as do its cursors.
class RocksView final : public KvView {
 public:
  // The family of a table, or why it is not to be read.
  using FamilyOf =
      std::function<absl::StatusOr<rocksdb::ColumnFamilyHandle*>(KvTable)>;

  RocksView(rocksdb::DB* db, FamilyOf family);
  ~RocksView() override;

  absl::StatusOr<std::optional<std::string>> Get(
      KvTable table, std::string_view key) const override;
  std::unique_ptr<KvCursor> Scan(KvTable table, std::string_view lower,
                                 std::string_view upper) const override;

 private:
  rocksdb::DB* const db_;
  const FamilyOf family_;
  const rocksdb::Snapshot* const snapshot_;
};

}  // namespace cairn
