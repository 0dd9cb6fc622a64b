#include "services/index/storage/index_store.h"

#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/model/catalog.h"
#include "common/status/status_macros.h"
#include "services/index/domain/catalog_keys.h"
#include "services/index/storage/row_codec.h"

namespace cairn::index {
namespace {

constexpr std::string_view kTableNames[] = {
    "datastores", "namespaces",  "groups",    "snapshots",
    "sessions",   "checkpoints", kPagesTable, "state",
};

KvTable Number(Table table) { return static_cast<KvTable>(table); }

// Reads and decodes one row of `reader`, a KvView or KvStore.
template <typename Reader, typename Decode>
auto ReadRow(const Reader& reader, Table table, const std::string& key,
             Decode decode)
    -> absl::StatusOr<
        std::optional<typename decltype(decode(""))::value_type>> {
  ASSIGN_OR_RETURN(const std::optional<std::string> bytes,
                   reader.Get(Number(table), key));
  if (!bytes.has_value()) return std::nullopt;
  auto row = decode(*bytes);
  if (!row.ok()) return DamagedRow(table, key, row.status());
  return *std::move(row);
}

template <typename Reader>
absl::StatusOr<IndexState> ReadState(const Reader& reader,
                                     const Uuid& datastore) {
  ASSIGN_OR_RETURN(
      std::optional<IndexState> state,
      ReadRow(reader, Table::kState, DatastorePrefix(datastore), DecodeState));
  if (state.has_value()) return *std::move(state);
  return absl::NotFoundError(absl::StrCat("datastore ", datastore.ToString(),
                                          " has no row of numbers"));
}

}  // namespace

std::vector<std::string> TableNames() {
  return {std::begin(kTableNames), std::end(kTableNames)};
}

absl::Status DamagedRow(Table table, std::string_view key,
                        const absl::Status& why) {
  return absl::DataLossError(absl::StrCat("table ", kTableNames[Number(table)],
                                          ", key \"", absl::CHexEscape(key),
                                          "\": ", why.message()));
}

absl::StatusOr<std::optional<NamespaceRow>> IndexView::GetNamespace(
    const NamespacePath& path) const {
  return ReadRow(*view_, Table::kNamespaces, NamespaceKey(datastore_, path),
                 DecodeNamespace);
}

absl::StatusOr<std::optional<GroupRow>> IndexView::GetGroup(
    const GroupName& name) const {
  return ReadRow(*view_, Table::kGroups, GroupKey(datastore_, name),
                 DecodeGroup);
}

absl::StatusOr<std::optional<SnapshotRow>> IndexView::GetSnapshot(
    const SnapshotName& name) const {
  return ReadRow(*view_, Table::kSnapshots, SnapshotKey(datastore_, name),
                 DecodeSnapshot);
}

absl::StatusOr<std::optional<SessionRow>> IndexView::GetSession(
    const Uuid& id) const {
  return ReadRow(*view_, Table::kSessions, SessionKey(datastore_, id),
                 DecodeSession);
}

absl::StatusOr<std::optional<ArchiveCheckpoint>> IndexView::GetCheckpoint(
    const Uuid& session, const std::string& archive) const {
  return ReadRow(*view_, Table::kCheckpoints,
                 CheckpointKey(datastore_, session, archive),
                 [&archive](std::string_view bytes) {
                   return DecodeCheckpoint(archive, bytes);
                 });
}

absl::StatusOr<IndexState> IndexView::GetState() const {
  return ReadState(*view_, datastore_);
}

absl::StatusOr<std::optional<std::string>> IndexView::GetPage(
    const Digest& id) const {
  return view_->Get(Number(Table::kPages), PageKey(datastore_, id));
}

absl::StatusOr<std::vector<ArchiveCheckpoint>> IndexView::ListCheckpoints(
    const Uuid& session) const {
  const std::string prefix = CheckpointPrefix(datastore_, session);
  std::vector<ArchiveCheckpoint> checkpoints;
  const auto cursor = Scan(Table::kCheckpoints, prefix, PrefixEnd(prefix));
  for (; cursor->Valid(); cursor->Next()) {
    const std::optional<std::string> archive =
        ParseCheckpointKey(cursor->key());
    if (!archive.has_value() || checkpoints.size() == kMaxArchivesPerSnapshot) {
      return DamagedRow(
          Table::kCheckpoints, cursor->key(),
          absl::DataLossError("not the key of a checkpoint, or one too many"));
    }
    ASSIGN_OR_RETURN(
        ArchiveCheckpoint row,
        DecodeAt(Table::kCheckpoints, *cursor, [&](std::string_view bytes) {
          return DecodeCheckpoint(*archive, bytes);
        }));
    checkpoints.push_back(std::move(row));
  }
  RETURN_IF_ERROR(cursor->status());
  return checkpoints;
}

std::unique_ptr<KvCursor> IndexView::Scan(Table table, std::string_view lower,
                                          std::string_view upper) const {
  return view_->Scan(Number(table), lower, upper);
}

void IndexBatch::PutDatastore(const Datastore& datastore) {
  batch_.Put(Number(Table::kDatastores), datastore.name,
             EncodeDatastore(datastore));
}

void IndexBatch::PutNamespace(const NamespacePath& path,
                              const NamespaceRow& row) {
  batch_.Put(Number(Table::kNamespaces), NamespaceKey(datastore_, path),
             EncodeNamespace(row));
}

void IndexBatch::RemoveNamespace(const NamespacePath& path) {
  batch_.Remove(Number(Table::kNamespaces), NamespaceKey(datastore_, path));
}

void IndexBatch::PutGroup(const GroupName& name, const GroupRow& row) {
  batch_.Put(Number(Table::kGroups), GroupKey(datastore_, name),
             EncodeGroup(row));
}

void IndexBatch::RemoveGroup(const GroupName& name) {
  batch_.Remove(Number(Table::kGroups), GroupKey(datastore_, name));
}

void IndexBatch::PutSnapshot(const SnapshotName& name, const SnapshotRow& row) {
  batch_.Put(Number(Table::kSnapshots), SnapshotKey(datastore_, name),
             EncodeSnapshot(row));
}

void IndexBatch::RemoveSnapshot(const SnapshotName& name) {
  batch_.Remove(Number(Table::kSnapshots), SnapshotKey(datastore_, name));
}

void IndexBatch::PutSession(const Uuid& id, const SessionRow& row) {
  batch_.Put(Number(Table::kSessions), SessionKey(datastore_, id),
             EncodeSession(row));
}

void IndexBatch::RemoveSession(const Uuid& id) {
  batch_.Remove(Number(Table::kSessions), SessionKey(datastore_, id));
}

void IndexBatch::PutCheckpoint(const Uuid& session,
                               const ArchiveCheckpoint& row) {
  batch_.Put(Number(Table::kCheckpoints),
             CheckpointKey(datastore_, session, row.name),
             EncodeCheckpoint(row));
}

void IndexBatch::RemoveCheckpoint(const Uuid& session,
                                  const std::string& archive) {
  batch_.Remove(Number(Table::kCheckpoints),
                CheckpointKey(datastore_, session, archive));
}

void IndexBatch::PutPage(const Digest& id, std::string encoded) {
  batch_.Put(Number(Table::kPages), PageKey(datastore_, id),
             std::move(encoded));
}

void IndexBatch::RemovePage(const Digest& id) {
  batch_.Remove(Number(Table::kPages), PageKey(datastore_, id));
}

void IndexBatch::PutState(const IndexState& state) {
  batch_.Put(Number(Table::kState), DatastorePrefix(datastore_),
             EncodeState(state));
}

absl::StatusOr<std::vector<Datastore>> IndexStore::ListDatastores(
    size_t max_count) const {
  std::vector<Datastore> datastores;
  const auto view = store_->NewView();
  const auto cursor = view->Scan(Number(Table::kDatastores), "", "");
  for (; cursor->Valid(); cursor->Next()) {
    if (datastores.size() == max_count) {
      return DamagedRow(Table::kDatastores, cursor->key(),
                        absl::DataLossError(absl::StrCat("there are more than ",
                                                         max_count, " rows")));
    }
    ASSIGN_OR_RETURN(
        Datastore datastore,
        DecodeAt(Table::kDatastores, *cursor, [&](std::string_view bytes) {
          return DecodeDatastore(cursor->key(), bytes);
        }));
    datastores.push_back(std::move(datastore));
  }
  RETURN_IF_ERROR(cursor->status());
  return datastores;
}

absl::StatusOr<IndexState> IndexStore::GetState(const Uuid& datastore) const {
  return ReadState(*store_, datastore);
}

absl::Status IndexStore::CheckHealth() const {
  return store_->Get(Number(Table::kState), DatastorePrefix(Uuid{})).status();
}

IndexView IndexStore::NewView(const Uuid& datastore) const {
  return IndexView(store_->NewView(), datastore);
}

absl::StatusOr<std::vector<std::optional<std::string>>> IndexStore::GetPages(
    const Uuid& datastore, std::span<const Digest> ids) const {
  std::vector<std::string> keys;
  keys.reserve(ids.size());
  for (const Digest& id : ids) keys.push_back(PageKey(datastore, id));
  return store_->MultiGet(Number(Table::kPages), keys);
}

absl::Status IndexStore::Commit(const IndexBatch& batch,
                                Durability durability) {
  return store_->Commit(batch.changes(), durability);
}

}  // namespace cairn::index
