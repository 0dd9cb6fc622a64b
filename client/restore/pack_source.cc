#include "client/restore/pack_source.h"

#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "common/pack/decode_record.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"
#include "common/wire/catalog_records.h"

namespace cairn::client {
namespace {

constexpr size_t kMaxProblems = 20;
constexpr size_t kWindowEntries = 4096;
constexpr RecordKind kCatalogKinds[] = {RecordKind::kManifest,
                                        RecordKind::kEvent};

void Note(PackSource::Problems& problems, const PackDamage& damage) {
  ++problems.count;
  if (problems.texts.size() >= kMaxProblems) return;
  problems.texts.push_back(
      absl::StrCat(damage.path, " at byte ", damage.offset, ": ",
                   damage.entry.has_value()
                       ? absl::StrCat(damage.entry->key.ToString(), ": ")
                       : "",
                   damage.why));
}

// Adds a manifest or event to the replay of its datastore.
absl::Status Take(const Uuid& datastore, const PackEntry& entry,
                  const Record& record, CatalogReplay& replay) {
  ASSIGN_OR_RETURN(const std::string bytes, DecodeRecord(record));
  if (entry.key.kind == RecordKind::kEvent) {
    ASSIGN_OR_RETURN(Event event, DecodeEvent(bytes));
    if (event.header.datastore.uuid == datastore) {
      replay.Add(entry.key.digest, std::move(event));
    }
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(Manifest manifest, DecodeManifest(bytes));
  if (manifest.datastore.uuid == datastore) {
    replay.Add(entry.key.digest, std::move(manifest), "");
  }
  return absl::OkStatus();
}

absl::StatusOr<Uuid> Choose(const std::map<Uuid, ReplayedCatalog>& catalogs,
                            const PackSource::Wanted& wanted,
                            const std::string& path) {
  std::vector<Uuid> found;
  std::string all;
  for (const auto& [uuid, catalog] : catalogs) {
    absl::StrAppend(&all, all.empty() ? "" : ", ", catalog.name, " (",
                    uuid.ToString(), ")");
    if (wanted.datastore == catalog.name ||
        wanted.datastore == uuid.ToString()) {
      found.push_back(uuid);
    }
  }
  if (found.empty() && wanted.any && catalogs.size() == 1) {
    return catalogs.begin()->first;
  }
  if (found.size() == 1) return found.front();
  if (catalogs.empty()) {
    return absl::NotFoundError(
        absl::StrCat(path, ": holds no packs of any datastore"));
  }
  if (found.empty()) {
    return absl::NotFoundError(absl::StrCat(path, ": has no datastore ",
                                            wanted.datastore, "; there are ",
                                            all, "; choose with --datastore"));
  }
  return absl::InvalidArgumentError(
      absl::StrCat(path, ": holds several datastores of this name, ", all,
                   "; choose one with --datastore, by its UUID"));
}

absl::Status DataLoss(const RecordKey& key, std::string_view why,
                      std::string_view code) {
  return WithReason(
      absl::DataLossError(absl::StrCat(key.ToString(), ": ", why)), code);
}

}  // namespace

absl::StatusOr<PackSource> PackSource::Open(const FileSystem* files,
                                            const std::string& path,
                                            const Wanted& wanted,
                                            const Interrupt* interrupt) {
  ASSIGN_OR_RETURN(PackDirectory packs, PackDirectory::Open(files, path));
  std::map<Uuid, CatalogReplay> replays;
  for (const Uuid& uuid : packs.Datastores()) replays.try_emplace(uuid);
  Problems problems;
  RETURN_IF_ERROR(packs.ForEachRecord(
      kCatalogKinds,
      [&](uint32_t pack, const PackEntry& entry,
          const Record& record) -> absl::Status {
        if (interrupt->raised()) return interrupt->Check();
        const PackPath& from = packs.packs()[pack];
        if (!from.datastore.has_value()) return absl::OkStatus();
        const absl::Status taken =
            Take(*from.datastore, entry, record, replays[*from.datastore]);
        if (!taken.ok()) {
          Note(problems, {.path = from.path,
                          .offset = entry.offset,
                          .entry = entry,
                          .why = std::string(taken.message())});
        }
        return absl::OkStatus();
      },
      [&](const PackDamage& damage) { Note(problems, damage); }));
  std::map<Uuid, ReplayedCatalog> catalogs;
  for (auto& [uuid, replay] : replays) {
    catalogs.emplace(uuid, std::move(replay).Finish());
  }
  ASSIGN_OR_RETURN(const Uuid chosen, Choose(catalogs, wanted, path));
  return PackSource(std::move(packs), chosen, std::move(catalogs[chosen]),
                    std::move(problems), interrupt);
}

absl::StatusOr<PackSource::Places> PackSource::Find(
    RecordKind kind, const absl::flat_hash_set<RecordKey>* wanted) const {
  Places places;
  const RecordKind kinds[] = {kind};
  RETURN_IF_ERROR(packs_.ForEachEntry(
      kinds,
      [&](uint32_t pack, const PackEntry& entry) -> absl::Status {
        if (interrupt_->raised()) return interrupt_->Check();
        if (packs_.packs()[pack].datastore != datastore_) {
          return absl::OkStatus();
        }
        if (wanted != nullptr && !wanted->contains(entry.key)) {
          return absl::OkStatus();
        }
        places[entry.key].push_back({.pack = pack,
                                     .stored_length = entry.stored_length,
                                     .offset = entry.offset});
        return absl::OkStatus();
      },
      [](const PackDamage&) {}));
  return places;
}

absl::StatusOr<std::string> PackSource::Read(const Places& places,
                                             const RecordKey& key) {
  const auto found = places.find(key);
  if (found == places.end()) {
    return DataLoss(key, "no pack holds it", reason::kRecordMissing);
  }
  absl::Status last;
  for (const Place& place : found->second) {
    const std::string& path = packs_.packs()[place.pack].path;
    if (open_ == nullptr || open_->path() != path) {
      ASSIGN_OR_RETURN(open_, PackFile::Open(packs_.files(), path));
    }
    const absl::StatusOr<Record> record =
        open_->ReadRecord(key, place.offset, place.stored_length);
    absl::StatusOr<std::string> plain =
        record.ok() ? DecodeRecord(*record)
                    : absl::StatusOr<std::string>(record.status());
    if (plain.ok()) return plain;
    if (!absl::IsDataLoss(plain.status())) return plain.status();
    last = plain.status();
  }
  return DataLoss(key, last.message(), reason::kRecordDamaged);
}

absl::Status PackReader::Open() {
  const uint64_t size = archive_.root.size_bytes;
  if (options_.offset > size) {
    return absl::OutOfRangeError(
        absl::StrCat("archive ", options_.label, " has ", size,
                     " bytes, the range begins at ", options_.offset));
  }
  const uint64_t rest = size - options_.offset;
  end_ = options_.offset +
         (options_.length == 0 ? rest : std::min(rest, options_.length));
  ASSIGN_OR_RETURN(pages_, source_.Find(RecordKind::kPage, nullptr));
  RETURN_IF_ERROR(FindChunks());
  return absl::OkStatus();
}

absl::StatusOr<std::string> PackReader::ReadPage(const Digest& id) {
  return source_.Read(pages_, {.kind = RecordKind::kPage, .digest = id});
}

absl::Status PackReader::FillWindow(uint64_t from) {
  const auto source = [this](const Digest& id) { return ReadPage(id); };
  ASSIGN_OR_RETURN(window_, FindEntries(archive_.root, from, end_ - from,
                                        kWindowEntries, source));
  next_ = 0;
  if (!window_.empty() && window_.front().offset <= from) {
    return absl::OkStatus();
  }
  return absl::DataLossError(absl::StrCat("archive ", options_.label,
                                          ": no entry covers byte ", from));
}

absl::Status PackReader::FindChunks() {
  absl::flat_hash_set<RecordKey> wanted;
  for (uint64_t at = options_.offset; at < end_;) {
    RETURN_IF_ERROR(FillWindow(at));
    for (const PlacedEntry& placed : window_) {
      if (placed.entry.is_hole) continue;
      wanted.insert({.kind = RecordKind::kChunk,
                     .domain = placed.entry.domain,
                     .digest = placed.entry.digest});
    }
    at = window_.back().offset + window_.back().entry.total_length();
  }
  window_.clear();
  next_ = 0;
  ASSIGN_OR_RETURN(chunks_, source_.Find(RecordKind::kChunk, &wanted));
  return absl::OkStatus();
}

absl::StatusOr<Frame> PackReader::FrameOf(const PlacedEntry& placed) {
  const ChunkEntry& entry = placed.entry;
  const uint64_t entry_end = placed.offset + entry.total_length();
  Frame frame = {.offset = position_};
  if (entry.is_hole) {
    frame.hole_bytes = std::min(entry_end, end_) - position_;
    return frame;
  }
  const RecordKey key = {.kind = RecordKind::kChunk,
                         .domain = entry.domain,
                         .digest = entry.digest};
  if (chunk_key_ != key) {
    chunk_key_.reset();
    absl::StatusOr<std::string> plain = source_.Read(chunks_, key);
    if (!plain.ok()) {
      return WithContext(
          plain.status(),
          absl::StrCat("archive ", options_.label, " at byte ", position_));
    }
    if (plain->size() != entry.length) {
      return DataLoss(key,
                      absl::StrCat("is ", plain->size(), " bytes long, its ",
                                   "page says ", entry.length),
                      reason::kRecordDamaged);
    }
    chunk_ = *std::move(plain);
    chunk_key_ = key;
  }
  const uint64_t in_chunk = (position_ - placed.offset) % entry.length;
  const uint64_t length = std::min<uint64_t>(
      {entry.length - in_chunk, end_ - position_, kFrameBytes});
  frame.data = chunk_.substr(in_chunk, length);
  return frame;
}

absl::StatusOr<std::optional<Frame>> PackReader::Next() {
  if (position_ == end_) return std::nullopt;
  while (next_ < window_.size() &&
         window_[next_].offset + window_[next_].entry.total_length() <=
             position_) {
    ++next_;
  }
  if (next_ == window_.size()) RETURN_IF_ERROR(FillWindow(position_));
  ASSIGN_OR_RETURN(Frame frame, FrameOf(window_[next_]));
  position_ = frame.end();
  progress_(TransferProgress{.archive = options_.label,
                             .bytes = position_ - begin(),
                             .size_bytes = end_ - begin(),
                             .done = position_ == end_});
  return frame;
}

}  // namespace cairn::client
