#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/kv/kv_store.h"
#include "common/model/datastore.h"
#include "common/model/digest.h"
#include "common/model/names.h"
#include "common/model/session.h"
#include "common/model/uuid.h"
#include "services/index/domain/rows.h"

namespace cairn::index {

// Tables by name; the numbers are positions in TableNames().
enum class Table : KvTable {
  kDatastores,
  kNamespaces,
  kGroups,
  kSnapshots,
  kSessions,
  kCheckpoints,
  kPages,
  kState,
};

// What a KvStore for index is opened with.
std::vector<std::string> TableNames();
// The table of pages, by far the largest; its values are mostly digests.
inline constexpr std::string_view kPagesTable = "pages";

// The rows of one datastore as they were at one moment, typed. Names must be
// of that datastore. DataLoss, naming table and key: a row that does not
// decode. Thread-safe.
class IndexView {
 public:
  IndexView(std::unique_ptr<KvView> view, const Uuid& datastore)
      : view_(std::move(view)), datastore_(datastore) {}

  absl::StatusOr<std::optional<NamespaceRow>> GetNamespace(
      const NamespacePath& path) const;
  absl::StatusOr<std::optional<GroupRow>> GetGroup(const GroupName& name) const;
  absl::StatusOr<std::optional<SnapshotRow>> GetSnapshot(
      const SnapshotName& name) const;
  absl::StatusOr<std::optional<SessionRow>> GetSession(const Uuid& id) const;
  absl::StatusOr<std::optional<ArchiveCheckpoint>> GetCheckpoint(
      const Uuid& session, const std::string& archive) const;
  // NotFound: as IndexStore::GetState.
  absl::StatusOr<IndexState> GetState() const;
  // The encoding of a page, unproved.
  absl::StatusOr<std::optional<std::string>> GetPage(const Digest& id) const;
  // Sorted by name. At most kMaxArchivesPerSnapshot, or DataLoss.
  absl::StatusOr<std::vector<ArchiveCheckpoint>> ListCheckpoints(
      const Uuid& session) const;

  // For walks; rows decode with DecodeAt below.
  std::unique_ptr<KvCursor> Scan(Table table, std::string_view lower,
                                 std::string_view upper) const;

 private:
  const std::unique_ptr<KvView> view_;
  const Uuid datastore_;
};

// DataLoss that names `table` and `key`.
absl::Status DamagedRow(Table table, std::string_view key,
                        const absl::Status& why);

// Decodes the row that a cursor stands on: `decode` takes its bytes.
template <typename Decode>
auto DecodeAt(Table table, const KvCursor& cursor, Decode decode)
    -> decltype(decode(std::string_view())) {
  auto row = decode(cursor.value());
  if (!row.ok()) return DamagedRow(table, cursor.key(), row.status());
  return row;
}

// Changes of one datastore that take effect together or not at all.
class IndexBatch {
 public:
  explicit IndexBatch(const Uuid& datastore) : datastore_(datastore) {}

  void PutDatastore(const Datastore& datastore);
  void PutNamespace(const NamespacePath& path, const NamespaceRow& row);
  void RemoveNamespace(const NamespacePath& path);
  void PutGroup(const GroupName& name, const GroupRow& row);
  void RemoveGroup(const GroupName& name);
  void PutSnapshot(const SnapshotName& name, const SnapshotRow& row);
  void RemoveSnapshot(const SnapshotName& name);
  void PutSession(const Uuid& id, const SessionRow& row);
  void RemoveSession(const Uuid& id);
  void PutCheckpoint(const Uuid& session, const ArchiveCheckpoint& row);
  void RemoveCheckpoint(const Uuid& session, const std::string& archive);
  void PutPage(const Digest& id, std::string encoded);
  void RemovePage(const Digest& id);
  void PutState(const IndexState& state);

  // Taken even when the disk is nearly full: for what ends work or makes
  // room.
  void PassGate() { batch_.set_passes_gate(true); }

  const KvBatch& changes() const { return batch_; }

 private:
  const Uuid datastore_;
  KvBatch batch_;
};

// The durable state of index over an ordered map. One class and not an
// interface: what has two implementations, held to one contract, is KvStore.
// Thread-safe.
class IndexStore {
 public:
  // `store` outlives the object and was opened with TableNames().
  explicit IndexStore(KvStore* store) : store_(store) {}

  // Every datastore there is, at most `max_count`, or DataLoss.
  absl::StatusOr<std::vector<Datastore>> ListDatastores(size_t max_count) const;
  // NotFound: a datastore without its numbers, which must not happen.
  absl::StatusOr<IndexState> GetState(const Uuid& datastore) const;

  IndexView NewView(const Uuid& datastore) const;

  // Reads a row. An error: the store has stopped.
  absl::Status CheckHealth() const;

  // Encoded pages, unproved; nothing where there is none. At most 4096.
  absl::StatusOr<std::vector<std::optional<std::string>>> GetPages(
      const Uuid& datastore, std::span<const Digest> ids) const;

  // Errors are those of KvStore::Commit.
  absl::Status Commit(const IndexBatch& batch, Durability durability);

 private:
  KvStore* const store_;
};

}  // namespace cairn::index
