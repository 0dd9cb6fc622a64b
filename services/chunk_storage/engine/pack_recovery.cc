#include "services/chunk_storage/engine/pack_recovery.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "common/log/log.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"

namespace cairn::chunk_storage {

absl::Status PackRecovery::Run(const std::vector<SealedPack>& sealed) {
  ASSIGN_OR_RETURN(const std::vector<Uuid> files,
                   context_->packs->ListPacks(datastore_));
  absl::flat_hash_set<Uuid> known;
  for (const SealedPack& pack : sealed) {
    known.insert(pack.uuid);
    if (pack.dead) continue;  // its file is gone, or will be
    if (!std::binary_search(files.begin(), files.end(), pack.uuid)) {
      places_->AddMissingPack(pack.number, pack.record_count);
      found_loss_ = true;
      LOG(ERROR) << "pack has no file pack=" << pack.uuid.ToString()
                 << " datastore=" << datastore_.ToString()
                 << " records=" << pack.record_count;
    }
  }
  if (known.size() >= files.size() &&
      std::all_of(files.begin(), files.end(),
                  [&](const Uuid& pack) { return known.contains(pack); })) {
    return absl::OkStatus();
  }
  // A file that only the page cache knows must not become a place.
  const absl::Status synced = context_->packs->SyncPackDirectory(datastore_);
  if (!synced.ok()) return context_->latch->Fail(synced);
  std::vector<Uuid> unknown;
  for (const Uuid& pack : files) {
    if (!known.contains(pack)) unknown.push_back(pack);
  }
  if (options_.quarantine) {
    ASSIGN_OR_RETURN(unknown, FootersFirst(std::move(unknown)));
  }
  for (const Uuid& pack : unknown) RETURN_IF_ERROR(RecoverPack(pack));
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Uuid>> PackRecovery::FootersFirst(
    std::vector<Uuid> packs) const {
  std::vector<Uuid> ordered;
  std::vector<Uuid> without;
  for (const Uuid& pack : packs) {
    ASSIGN_OR_RETURN(const std::shared_ptr<const File> file,
                     context_->packs->OpenForRead(datastore_, pack));
    ASSIGN_OR_RETURN(const uint64_t file_bytes, file->Size());
    ASSIGN_OR_RETURN(
        const std::optional<PackContents> footer,
        ReadPackFooter(pack, file_bytes, [&](uint64_t offset, size_t length) {
          return file->ReadAt(offset, length);
        }));
    (footer.has_value() ? ordered : without).push_back(pack);
  }
  ordered.insert(ordered.end(), without.begin(), without.end());
  return ordered;
}

absl::Status PackRecovery::RecoverPack(const Uuid& pack) {
  ASSIGN_OR_RETURN(const std::unique_ptr<File> file,
                   context_->packs->OpenForRecovery(datastore_, pack));
  const absl::Status synced = file->Sync();
  if (!synced.ok()) {
    return context_->latch->Fail(
        WithContext(synced, absl::StrCat("sync of pack ", pack.ToString())));
  }
  ASSIGN_OR_RETURN(const uint64_t file_bytes, file->Size());
  const auto read = [&](uint64_t offset, size_t length) {
    return file->ReadAt(offset, length);
  };
  ASSIGN_OR_RETURN(PackSurvey survey,
                   SurveyPack(pack, file_bytes, read, options_.depth));
  if (survey.header.has_value() && survey.header->datastore != datastore_) {
    LOG(ERROR) << "pack of another datastore is left alone pack="
               << pack.ToString() << " datastore=" << datastore_.ToString();
    foreign_.push_back(pack);
    return absl::OkStatus();
  }
  SealedPack sealed = {.number = packs_->NextNumber(),
                       .uuid = pack,
                       .pack_class = survey.pack_class(),
                       .file_bytes = file_bytes,
                       .damaged_bytes = survey.damaged_bytes,
                       .unnamed_bytes = survey.unnamed_bytes};
  for (const PackEntry& entry : survey.records) {
    sealed.highest_sequence = std::max(sealed.highest_sequence, entry.sequence);
    sealed.highest_epoch = std::max(sealed.highest_epoch, entry.epoch);
  }
  const Found found = EntriesOf(std::move(survey));
  ASSIGN_OR_RETURN(std::vector<PlacedRecord> places,
                   ChoosePlaces(found, read, &sealed));
  found_loss_ = found_loss_ || sealed.damaged_bytes > 0 ||
                sealed.damaged_records > 0 || sealed.unnamed_bytes > 0;
  std::vector<DamagedRecord> damaged;
  for (const PlacedRecord& record : places) {
    if (!options_.quarantine || !record.place.bad) continue;
    damaged.push_back(
        {record.key, absl::StrCat("pack ", pack.ToString(), " at ",
                                  record.place.offset, ": does not prove")});
  }
  RETURN_IF_ERROR(
      packs_->CommitSealed(sealed, std::move(places), std::move(damaged)));
  context_->metrics->recovered_packs.Increment();
  context_->metrics->recovered_records.Increment(found.entries.size());
  context_->metrics->recovered_damaged_bytes.Increment(sealed.damaged_bytes);
  LOG(INFO) << "pack recovered pack=" << pack.ToString()
            << " datastore=" << datastore_.ToString() << " bytes=" << file_bytes
            << " records=" << found.entries.size()
            << " damaged_bytes=" << sealed.damaged_bytes;
  return absl::OkStatus();
}

PackRecovery::Found PackRecovery::EntriesOf(PackSurvey survey) const {
  Found found = {.entries = std::move(survey.records), .proved = survey.proved};
  found.bad.assign(found.entries.size(), false);
  if (!options_.quarantine || survey.damaged.empty()) return found;
  absl::flat_hash_set<uint64_t> damaged;
  for (const PackEntry& entry : survey.damaged) {
    damaged.insert(entry.offset);
    found.entries.push_back(entry);
  }
  std::sort(found.entries.begin(), found.entries.end(),
            [](const PackEntry& a, const PackEntry& b) {
              return a.offset < b.offset;
            });
  found.bad.clear();
  for (const PackEntry& entry : found.entries) {
    found.bad.push_back(damaged.contains(entry.offset));
  }
  return found;
}

absl::StatusOr<std::vector<bool>> PackRecovery::FindBad(
    const Found& found, const Uuid& pack, std::span<const RecordKey> keys,
    const PackRead& read) const {
  std::vector<bool> bad = found.bad;
  if (found.proved || places_->damaged_count() == 0) return bad;
  ASSIGN_OR_RETURN(const std::vector<bool> doubtful,
                   context_->places->FindDamaged(datastore_number_, keys));
  for (size_t i = 0; i < keys.size(); ++i) {
    if (!doubtful[i]) continue;
    const PackEntry& entry = found.entries[i];
    const absl::Status proved =
        ReadPackRecord(pack, entry.key, entry.offset, entry.stored_length, read)
            .status();
    if (!proved.ok() && !absl::IsDataLoss(proved)) return proved;
    bad[i] = !proved.ok();
  }
  return bad;
}

absl::StatusOr<std::vector<PlacedRecord>> PackRecovery::ChoosePlaces(
    const Found& found, const PackRead& read, SealedPack* pack) {
  std::vector<RecordKey> keys;
  keys.reserve(found.entries.size());
  for (const PackEntry& entry : found.entries) keys.push_back(entry.key);
  ASSIGN_OR_RETURN(const std::vector<std::optional<Place>> present,
                   context_->places->Find(datastore_number_, keys));
  ASSIGN_OR_RETURN(const std::vector<bool> bad,
                   FindBad(found, pack->uuid, keys, read));
  absl::flat_hash_map<RecordKey, size_t> chosen;  // into `places`
  std::vector<PlacedRecord> places;
  uint64_t fresh = 0;
  uint64_t fresh_bytes = 0;
  for (size_t i = 0; i < keys.size(); ++i) {
    if (present[i].has_value() &&
        (bad[i] ||
         !(present[i]->bad || places_->IsMissingPack(present[i]->pack)))) {
      continue;
    }
    Place place =
        PlaceOf(found.entries[i], pack->number, static_cast<uint32_t>(i));
    place.bad = bad[i];
    const auto [it, first] = chosen.try_emplace(keys[i], places.size());
    if (!first) {
      // A record that was healed in the pack it was damaged in.
      Place& former = places[it->second].place;
      if (former.bad && !place.bad) former = place;
      continue;
    }
    places.push_back({keys[i], place});
    if (present[i].has_value()) continue;
    ++fresh;
    fresh_bytes += place.stored_length;
  }
  places_->AddSealed(fresh, fresh_bytes);
  pack->damaged_records = std::count(bad.begin(), bad.end(), true);
  const uint64_t good_places =
      std::count_if(places.begin(), places.end(),
                    [](const PlacedRecord& r) { return !r.place.bad; });
  pack->duplicate_records = keys.size() - pack->damaged_records - good_places;
  return places;
}

}  // namespace cairn::chunk_storage
