#include "services/index/engine/index_rebuild.h"

#include <algorithm>
#include <memory>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/model/record.h"
#include "common/pack/decode_record.h"
#include "common/status/status_macros.h"
#include "common/wire/catalog_records.h"
#include "services/index/domain/snapshot_counts.h"

namespace cairn::index {
namespace {

constexpr RecordKind kCatalogKinds[] = {RecordKind::kManifest,
                                        RecordKind::kEvent};
constexpr size_t kBatchBytes = size_t{1} << 20;
// More than an encoded archive takes.
constexpr size_t kArchiveBytes = 400;
constexpr size_t kMaxDatastoreName = 32;

const FormerDatastore* FindFormer(std::span<const FormerDatastore> former,
                                  const Uuid& uuid) {
  for (const FormerDatastore& one : former) {
    if (one.info.ref.uuid == uuid) return &one;
  }
  return nullptr;
}

// `name`, or one like it that `taken` does not have.
std::string FreeName(const std::string& name, const Uuid& uuid,
                     const std::set<std::string>& taken) {
  const std::string wanted = name.empty() ? "recovered" : name;
  if (!name.empty() && !taken.contains(name)) return name;
  const std::string suffix = absl::StrCat("-", uuid.ToString().substr(0, 8));
  return absl::StrCat(wanted.substr(0, kMaxDatastoreName - suffix.size()),
                      suffix);
}

GroupRow ToRow(const ReplayedGroup& group) {
  return {.owner = group.owner,
          .notes = group.notes,
          .create_time = group.create_time,
          .newest_time = group.newest_time,
          .owner_sequence = group.owner_sequence,
          .notes_sequence = group.notes_sequence,
          .listed_count = group.listed_count,
          .newest_listed_time = group.newest_listed_time};
}

SnapshotRow ToRow(const ReplayedSnapshot& snapshot) {
  SnapshotRow row;
  row.state = snapshot.state;
  row.archives = snapshot.manifest.archives;
  row.notes = snapshot.notes;
  row.is_protected = snapshot.is_protected;
  row.sequence = snapshot.manifest.sequence;
  row.session = snapshot.manifest.session;
  row.publish_time = snapshot.manifest.publish_time;
  row.stored_bytes = snapshot.manifest.stored_bytes;
  row.manifest = snapshot.digest;
  row.notes_sequence = snapshot.notes_sequence;
  row.protected_sequence = snapshot.protected_sequence;
  row.recovered = true;
  row.trash_time = snapshot.trash_time;
  row.trash_until = snapshot.trash_until;
  row.state_sequence = snapshot.state_sequence;
  return row;
}

}  // namespace

bool IndexRebuildReport::lost() const {
  return damage_count > 0 ||
         std::any_of(datastores.begin(), datastores.end(),
                     [](const RebuiltDatastore& one) {
                       return one.passed_over_count > 0 ||
                              one.damaged_snapshots > 0 ||
                              one.recorded_name != one.info.name;
                     });
}

void IndexRebuild::AddDamage(const PackDamage& damage) {
  ++report_.damage_count;
  if (report_.damage.size() < IndexRebuildReport::kMaxListed) {
    report_.damage.push_back(damage);
  }
}

absl::StatusOr<IndexRebuildReport> IndexRebuild::Run(
    std::span<const FormerDatastore> former) {
  for (const PackDirectory& directory : *dependencies_.packs) {
    for (const PackPath& pack : directory.packs()) {
      if (pack.datastore.has_value()) {
        replays_.try_emplace(*pack.datastore);
      } else {
        AddDamage({.path = pack.path,
                   .why = "its header is damaged, and its directory does not "
                          "say whose it is"});
      }
    }
  }
  if (replays_.empty()) {
    return absl::FailedPreconditionError(
        "there are no packs of any datastore; name the directory that holds "
        "them, such as DATA-DIR/chunk_storage");
  }
  RETURN_IF_ERROR(pages_.Run([this](const PackDamage& d) { AddDamage(d); }));
  RETURN_IF_ERROR(ReadCatalogs());
  std::map<Uuid, ReplayedCatalog> catalogs;
  for (auto& [uuid, replay] : replays_) {
    catalogs.emplace(uuid, std::move(replay).Finish());
  }
  replays_.clear();
  Name(catalogs, former);
  for (RebuiltDatastore& rebuilt : report_.datastores) {
    const auto catalog = catalogs.find(rebuilt.info.ref.uuid);
    RETURN_IF_ERROR(Write(rebuilt, catalog->second,
                          FindFormer(former, rebuilt.info.ref.uuid)));
    catalogs.erase(catalog);
  }
  return std::move(report_);
}

void IndexRebuild::NoteEntry(const PackPath& path, const PackEntry& entry) {
  if (!path.datastore.has_value()) return;
  uint64_t& highest = highest_sequence_[*path.datastore];
  highest = std::max(highest, entry.sequence);
}

absl::Status IndexRebuild::ReadCatalogs() {
  for (const PackDirectory& directory : *dependencies_.packs) {
    RETURN_IF_ERROR(directory.ForEachRecord(
        kCatalogKinds,
        [&](uint32_t pack, const PackEntry& entry, const Record& record) {
          return TakeRecord(directory.packs()[pack], entry, record);
        },
        // What has no name was found with the pages already.
        [&](const PackDamage& damage) {
          if (!damage.entry.has_value()) return;
          for (const PackPath& path : directory.packs()) {
            if (path.path == damage.path) NoteEntry(path, *damage.entry);
          }
          AddDamage(damage);
        }));
  }
  return absl::OkStatus();
}

absl::Status IndexRebuild::TakeRecord(const PackPath& path,
                                      const PackEntry& entry,
                                      const Record& record) {
  if (!path.datastore.has_value()) return absl::OkStatus();
  NoteEntry(path, entry);
  const auto refuse = [&](std::string_view why) {
    AddDamage({.path = path.path,
               .offset = entry.offset,
               .length = RecordExtent(entry.stored_length),
               .entry = entry,
               .why = std::string(why)});
    return absl::OkStatus();
  };
  const absl::StatusOr<std::string> bytes = DecodeRecord(record);
  if (!bytes.ok()) return refuse(bytes.status().message());
  CatalogReplay& replay = replays_[*path.datastore];
  if (entry.key.kind == RecordKind::kEvent) {
    absl::StatusOr<Event> event = DecodeEvent(*bytes);
    if (!event.ok()) return refuse(event.status().message());
    if (event->header.datastore.uuid != *path.datastore) {
      return refuse("an event of another datastore");
    }
    replay.Add(entry.key.digest, *std::move(event));
    return absl::OkStatus();
  }
  absl::StatusOr<Manifest> manifest = DecodeManifest(*bytes);
  if (!manifest.ok()) return refuse(manifest.status().message());
  if (manifest->datastore.uuid != *path.datastore) {
    return refuse("a manifest of another datastore");
  }
  std::string incomplete;
  for (const Archive& archive : manifest->archives) {
    const absl::Status there = pages_.CheckTree(*path.datastore, archive.root);
    if (there.ok()) continue;
    if (!absl::IsDataLoss(there)) return there;
    incomplete = absl::StrCat("archive ", archive.name, ": ", there.message(),
                              ", itself or below it");
    break;
  }
  replay.Add(entry.key.digest, *std::move(manifest), std::move(incomplete));
  return absl::OkStatus();
}

// The datastore with the most changes keeps a name that several have.
void IndexRebuild::Name(std::map<Uuid, ReplayedCatalog>& catalogs,
                        std::span<const FormerDatastore> former) {
  std::vector<std::pair<Uuid, ReplayedCatalog*>> order;
  for (auto& [uuid, catalog] : catalogs) {
    catalog.highest_sequence =
        std::max(catalog.highest_sequence, highest_sequence_[uuid]);
    order.emplace_back(uuid, &catalog);
  }
  std::stable_sort(
      order.begin(), order.end(), [](const auto& a, const auto& b) {
        return a.second->highest_sequence > b.second->highest_sequence;
      });
  std::set<std::string> taken;
  for (const auto& [uuid, catalog] : order) {
    const FormerDatastore* const known = FindFormer(former, uuid);
    RebuiltDatastore rebuilt;
    rebuilt.recorded_name = catalog->name;
    if (rebuilt.recorded_name.empty() && known != nullptr) {
      rebuilt.recorded_name = known->info.name;
    }
    rebuilt.info.name = FreeName(rebuilt.recorded_name, uuid, taken);
    taken.insert(rebuilt.info.name);
    rebuilt.info.ref = {
        .uuid = uuid,
        .generation = 1 + std::max(catalog->highest_generation,
                                   known ? known->info.ref.generation : 0)};
    rebuilt.info.comment = catalog->comment;
    if (catalog->create_time.has_value()) {
      rebuilt.info.create_time = *catalog->create_time;
    } else if (known != nullptr) {
      rebuilt.info.create_time = known->info.create_time;
      rebuilt.info.comment = known->info.comment;
    } else {
      rebuilt.info.create_time = dependencies_.clock->Now();
    }
    report_.datastores.push_back(std::move(rebuilt));
  }
}

absl::Status IndexRebuild::Write(RebuiltDatastore& rebuilt,
                                 const ReplayedCatalog& catalog,
                                 const FormerDatastore* former) {
  const Uuid& uuid = rebuilt.info.ref.uuid;
  const auto found = pages_.found().find(uuid);
  if (found != pages_.found().end()) rebuilt.pages = found->second;
  // A batch cannot be emptied.
  auto batch = std::make_unique<IndexBatch>(uuid);
  for (const auto& [path, row] : catalog.namespaces) {
    batch->PutNamespace(path, {.comment = row.comment,
                               .create_time = row.create_time,
                               .sequence = row.sequence});
  }
  for (const auto& [name, group] : catalog.groups) {
    batch->PutGroup(name, ToRow(group));
  }
  size_t bytes = 0;
  for (const auto& [name, snapshot] : catalog.snapshots) {
    RETURN_IF_ERROR(WriteSnapshot(name, snapshot, rebuilt, *batch));
    bytes += snapshot.notes.size() +
             kArchiveBytes * (1 + snapshot.manifest.archives.size());
    if (bytes < kBatchBytes) continue;
    RETURN_IF_ERROR(store_.Commit(*batch, Durability::kBuffered));
    batch = std::make_unique<IndexBatch>(uuid);
    bytes = 0;
  }
  rebuilt.highest_sequence = catalog.highest_sequence;
  rebuilt.namespaces = catalog.namespaces.size();
  rebuilt.groups = catalog.groups.size();
  rebuilt.cancelled = catalog.cancelled;
  rebuilt.passed_over_count = catalog.passed_over.size();
  rebuilt.passed_over = catalog.passed_over;
  if (rebuilt.passed_over.size() > IndexRebuildReport::kMaxListed) {
    rebuilt.passed_over.resize(IndexRebuildReport::kMaxListed);
  }
  IndexState numbers = former != nullptr ? former->numbers : IndexState();
  numbers.highest_epoch =
      std::max({numbers.highest_epoch, catalog.highest_epoch,
                rebuilt.pages.highest_epoch});
  // Whoever had one of these epochs opened its session in the former index.
  numbers.fence = std::max(numbers.fence, numbers.highest_epoch + 1);
  numbers.sequence_limit =
      std::max(numbers.sequence_limit, catalog.highest_sequence + 1);
  numbers.namespace_delete_sequence = std::max(
      numbers.namespace_delete_sequence, catalog.namespace_delete_sequence);
  numbers.snapshot_count = rebuilt.snapshots;
  numbers.logical_bytes = rebuilt.logical_bytes;
  numbers.trash_count = rebuilt.trash;
  numbers.trash_bytes = rebuilt.trash_bytes;
  numbers.gone_count = 0;
  numbers.counted = true;
  batch->PutDatastore(rebuilt.info);
  batch->PutState(numbers);
  return store_.Commit(*batch, Durability::kSynced);
}

absl::Status IndexRebuild::WriteSnapshot(const SnapshotName& name,
                                         const ReplayedSnapshot& snapshot,
                                         RebuiltDatastore& rebuilt,
                                         IndexBatch& batch) {
  SnapshotRow row = ToRow(snapshot);
  SnapshotName shown = name;
  shown.group.parent.datastore = rebuilt.info.name;
  ASSIGN_OR_RETURN(const bool lost,
                   FindLost(shown, snapshot.manifest, rebuilt));
  if (lost) {
    row.verification.state = VerifyState::kFailed;
    ++rebuilt.damaged_snapshots;
  }
  IndexState counts;
  AddToCounts(row, counts);
  rebuilt.snapshots += counts.snapshot_count;
  rebuilt.logical_bytes += counts.logical_bytes;
  rebuilt.trash += counts.trash_count;
  rebuilt.trash_bytes += counts.trash_bytes;
  batch.PutSnapshot(name, row);
  return absl::OkStatus();
}

absl::StatusOr<bool> IndexRebuild::FindLost(const SnapshotName& name,
                                            const Manifest& manifest,
                                            RebuiltDatastore& rebuilt) {
  bool any = false;
  for (const Archive& archive : manifest.archives) {
    LostArchive lost{.name = {.snapshot = name, .archive = archive.name}};
    RETURN_IF_ERROR(pages_.ForEachLostRange(
        rebuilt.info.ref.uuid, archive.root, [&lost](const LostRange& range) {
          lost.lost_bytes += range.length;
          ++lost.range_count;
          if (lost.ranges.size() < LostArchive::kMaxRanges) {
            lost.ranges.push_back(range);
          }
        }));
    if (lost.range_count == 0) continue;
    any = true;
    ++rebuilt.lost_archive_count;
    if (rebuilt.lost.size() < IndexRebuildReport::kMaxListed) {
      rebuilt.lost.push_back(std::move(lost));
    }
  }
  return any;
}

}  // namespace cairn::index
