#include "tests/simulator/oracle.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/digest/sha256.h"
#include "common/pack/pack_scanner.h"
#include "common/status/status_macros.h"
#include "services/chunk_storage/storage/place_store.h"
#include "services/index/storage/index_store.h"

namespace cairn::simulator {
namespace {

constexpr char kDatastore[] = "default";

SnapshotQuery AllSnapshots(bool trash) {
  SnapshotQuery query;
  query.parent.datastore = kDatastore;
  query.max_depth = 8;
  query.trash = trash;
  return query;
}

}  // namespace

void Oracle::Check() {
  ++checks_;
  CheckNumbers();
  CheckLists();
  CheckHeld();
}

void Oracle::NeverLess(const char* what, uint64_t value, uint64_t& seen) {
  if (value < seen) {
    Fail(absl::StrCat("I3: ", what, " was ", seen, " and is ", value));
  }
  seen = value;
}

void Oracle::CheckNumbers() {
  const Call& call = cluster_->admin();
  IndexProcess& index = cluster_->index();
  if (!index.serves()) return;
  if (datastore_.generation == 0) {
    const auto datastore = index.client().GetDatastore(call, kDatastore);
    if (!datastore.ok()) return;
    datastore_ = datastore->ref;
  }
  const auto fence = index.client().GetFence(call, datastore_);
  if (!fence.ok())
    return Fail(absl::StrCat("fence: ", fence.status().ToString()));
  NeverLess("the fence", fence->fence, seen_.fence);
  NeverLess("index's highest epoch", fence->highest_epoch, seen_.epoch);
  NeverLess("index's highest token", fence->highest_token, seen_.index_token);
  NeverLess("index's sequence", fence->sequence, seen_.sequence);
  if (!cluster_->store().serves()) return;
  const auto store =
      cluster_->store().repository().Statistics(call, datastore_);
  // It may not know the datastore yet.
  if (!store.ok()) return;
  NeverLess("the store's token", store->token, seen_.store_token);
  if (store->sequence > fence->sequence) {
    Fail(absl::StrCat("the store holds change ", store->sequence,
                      ", index has numbered up to ", fence->sequence));
  }
}

void Oracle::CheckLists() {
  IndexProcess& index = cluster_->index();
  if (!index.serves() || datastore_.generation == 0) return;
  found_.clear();
  for (const bool trash : {false, true}) {
    const auto page = index.client().ListSnapshots(
        cluster_->admin(), AllSnapshots(trash), {.page_size = kMaxPageSize});
    if (!page.ok()) {
      return Fail(absl::StrCat("list: ", page.status().ToString()));
    }
    for (const Snapshot& snapshot : page->items) CheckListed(snapshot);
  }
  for (const auto& [session, backup] : cluster_->ledger().backups()) {
    if (!cluster_->ledger().MustExist(backup) || found_.contains(session)) {
      continue;
    }
    Fail(absl::StrCat("D1: ", backup.name.ToString(),
                      " was acknowledged and is not there"));
  }
}

void Oracle::CheckListed(const Snapshot& snapshot) {
  const std::string name = snapshot.name.ToString();
  Ledger::Backup* const backup = cluster_->ledger().Find(snapshot.session);
  if (backup == nullptr || !backup->finish_sent) {
    return Fail(absl::StrCat("D2: ", name, " is there and was not finished"));
  }
  if (!found_.insert(snapshot.session).second) {
    return Fail(absl::StrCat(name, " is there twice"));
  }
  if (snapshot.archives.size() != backup->records.size()) {
    return Fail(absl::StrCat("D2: ", name, " has ", snapshot.archives.size(),
                             " archives of ", backup->records.size()));
  }
  for (const Archive& archive : snapshot.archives) {
    const auto expected = backup->records.find(archive.name);
    if (expected == backup->records.end()) {
      return Fail(absl::StrCat("D2: ", name, " has archive ", archive.name));
    }
    if (expected->second.root != archive.root &&
        !IsCutOtherwise(snapshot, archive, *backup)) {
      return Fail(absl::StrCat("D1: ", name, "/", archive.name,
                               " is not what was backed up"));
    }
  }
  CheckRecords("S1", *backup);
}

bool Oracle::IsCutOtherwise(const Snapshot& snapshot, const Archive& archive,
                            Ledger::Backup& backup) {
  const std::string bytes = BytesOf(backup.content.archives.at(archive.name));
  const auto found = cluster_->index().client().FindEntries(
      cluster_->admin(), {snapshot.name, archive.name}, 0, ~uint64_t{0}, 4096);
  if (!found.ok()) return false;
  std::vector<ChunkEntry> entries;
  uint64_t offset = 0;
  for (const PlacedEntry& placed : found->entries) {
    const ChunkEntry& entry = placed.entry;
    for (uint64_t i = 0; i < entry.repeat; ++i, offset += entry.length) {
      if (offset + entry.length > bytes.size()) return false;
      const std::string chunk = bytes.substr(offset, entry.length);
      const bool is_right =
          entry.is_hole ? chunk.find_first_not_of('\0') == std::string::npos
                        : Sha256(chunk) == entry.digest;
      if (!is_right) return false;
    }
    entries.push_back(entry);
  }
  ArchiveRecords& records = backup.records.at(archive.name);
  records = RecordsOfEntries(entries);
  return offset == bytes.size() && records.root == archive.root;
}

void Oracle::CheckRecords(const char* rule, const Ledger::Backup& backup) {
  IndexProcess& index = cluster_->index();
  StoreProcess& store = cluster_->store();
  const index::IndexView view(index.kv().NewView(), datastore_.uuid);
  for (const auto& [archive, expected] : backup.records) {
    const std::string name = absl::StrCat(backup.name.ToString(), "/", archive);
    for (const Digest& page : expected.pages) {
      const auto row = view.GetPage(page);
      if (row.ok() && row->has_value()) continue;
      Fail(absl::StrCat(rule, ": index lacks page ", page.ToHex(), " of ",
                        name));
    }
    if (!store.serves()) continue;
    for (const RecordKey& key : expected.records) {
      const auto touch =
          store.repository().TouchOf(cluster_->admin(), datastore_, key);
      if (touch.ok()) continue;
      // After an error of its disk it says nothing any more.
      if (absl::IsUnavailable(touch.status())) return;
      Fail(absl::StrCat(rule, ": the store lacks ", key.ToString(), " of ",
                        name, ": ", touch.status().ToString()));
    }
  }
}

void Oracle::CheckHeld() {
  if (!cluster_->index().serves() || datastore_.generation == 0) return;
  for (const std::string& claim : cluster_->leases().HeldSnapshots()) {
    const auto name = SnapshotName::Parse(claim);
    if (!name.ok()) continue;
    const Ledger::Backup* const backup = cluster_->ledger().FindByName(*name);
    if (backup != nullptr) CheckRecords("S2", *backup);
  }
}

std::set<RecordKey> Oracle::FindNeeded() {
  std::set<RecordKey> needed;
  for (const Uuid& session : found_) {
    for (const auto& [name, archive] :
         cluster_->ledger().Find(session)->records) {
      needed.insert(archive.records.begin(), archive.records.end());
    }
  }
  return needed;
}

void Oracle::CheckNoGarbage() {
  const std::set<RecordKey> needed = FindNeeded();
  const std::set<RecordKey> in_packs = ScanPacks();
  for (const RecordKey& key : needed) {
    if (!in_packs.contains(key)) {
      return Fail(absl::StrCat("S1: no pack holds ", key.ToString()));
    }
  }
  size_t places = 0;
  size_t manifests = 0;
  const chunk_storage::PlaceStore rows(&cluster_->store().kv());
  for (auto cursor = rows.ScanPlaces(/*datastore=*/1); cursor.Valid();
       cursor.Next()) {
    const absl::StatusOr<RecordKey> key = cursor.key();
    if (!key.ok()) return Fail(key.status().ToString());
    if (key->kind == RecordKind::kManifest) ++manifests;
    if (key->kind != RecordKind::kChunk && key->kind != RecordKind::kPage) {
      continue;
    }
    ++places;
    if (!needed.contains(*key)) {
      return Fail(absl::StrCat("S3: ", key->ToString(), " is garbage"));
    }
  }
  if (places != needed.size()) {
    Fail(absl::StrCat("S1: ", places, " records have a place, needed are ",
                      needed.size()));
  }
  if (manifests != found_.size()) {
    Fail(absl::StrCat("S3: ", manifests, " manifests of ", found_.size(),
                      " snapshots"));
  }
  CheckPageRows(needed);
}

// As much as a sweep leaves on purpose: records whose place is elsewhere.
std::set<RecordKey> Oracle::ScanPacks() {
  std::set<RecordKey> records;
  InMemoryFileSystem& disk = cluster_->store().disk();
  const std::string directory =
      absl::StrCat("/data/datastores/", datastore_.uuid.ToString(), "/packs");
  const auto names = disk.List(directory);
  if (!names.ok()) return records;
  for (const std::string& name : *names) {
    const auto pack = Uuid::Parse(name.substr(0, 36));
    const auto file = disk.OpenForRead(absl::StrCat(directory, "/", name));
    if (!pack.ok() || !file.ok()) continue;
    PackScanner scanner(*pack, *(*file)->Size(),
                        [&](uint64_t offset, size_t length) {
                          return (*file)->ReadAt(offset, length);
                        });
    for (;;) {
      const auto entry = scanner.Next();
      if (!entry.ok() || !entry->has_value()) break;
      records.insert((*entry)->key);
    }
  }
  return records;
}

void Oracle::CheckPageRows(const std::set<RecordKey>& needed) {
  size_t pages = 0;
  const auto view = cluster_->index().kv().NewView();
  for (const auto row =
           view->Scan(static_cast<KvTable>(index::Table::kPages), "", "");
       row->Valid(); row->Next()) {
    ++pages;
  }
  size_t needed_pages = 0;
  for (const RecordKey& key : needed) {
    needed_pages += key.kind == RecordKind::kPage ? 1 : 0;
  }
  if (pages != needed_pages) {
    Fail(absl::StrCat("S3: index has ", pages, " pages, needed are ",
                      needed_pages));
  }
}

}  // namespace cairn::simulator
