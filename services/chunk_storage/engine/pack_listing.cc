#include "services/chunk_storage/engine/pack_listing.h"

#include <algorithm>
#include <optional>

#include "absl/container/flat_hash_map.h"
#include "common/concurrency/cancellation.h"
#include "common/pack/pack_scanner.h"
#include "common/status/status_macros.h"

namespace cairn::chunk_storage {
namespace {

constexpr size_t kKeysPerLookup = 4096;
constexpr size_t kRowsPerCheck = 16384;

}  // namespace

absl::Status CheckCancelled(const Call& call) {
  return call.cancellation == nullptr ? absl::OkStatus()
                                      : call.cancellation->Check();
}

size_t PackListing::GroupSize(std::span<const SealedPack> packs) {
  uint64_t records = 0;
  size_t count = 0;
  for (; count < packs.size(); ++count) {
    records += packs[count].record_count;
    if (count > 0 && records > kGroupRecords) break;
  }
  return count;
}

absl::StatusOr<std::vector<PlacedRecord>> PackListing::ListByFooter(
    const SealedPack& pack) const {
  std::vector<PlacedRecord> here;
  const auto opened = packs_->OpenForRead(pack.number);
  if (absl::IsDataLoss(opened.status())) return here;
  RETURN_IF_ERROR(opened.status());
  const absl::StatusOr<uint64_t> file_bytes = opened->file->Size();
  RETURN_IF_ERROR(file_bytes.status());
  ASSIGN_OR_RETURN(const std::optional<PackContents> footer,
                   ReadPackFooter(pack.uuid, *file_bytes,
                                  [&](uint64_t offset, size_t length) {
                                    return opened->file->ReadAt(offset, length);
                                  }));
  if (!footer.has_value()) return here;
  const std::span<const PackEntry> entries = footer->entries;
  std::vector<RecordKey> keys;
  for (size_t at = 0; at < entries.size(); at += kKeysPerLookup) {
    const auto part =
        entries.subspan(at, std::min(kKeysPerLookup, entries.size() - at));
    keys.clear();
    for (const PackEntry& entry : part) keys.push_back(entry.key);
    ASSIGN_OR_RETURN(const auto places,
                     context_->places->Find(datastore_, keys));
    for (size_t i = 0; i < part.size(); ++i) {
      // The offset too: a record that was healed in its own pack is named
      // twice.
      if (places[i].has_value() && places[i]->pack == pack.number &&
          places[i]->offset == part[i].offset) {
        here.push_back({keys[i], *places[i]});
      }
    }
  }
  return here;
}

absl::Status PackListing::ListByPlaces(
    const Call& call, std::span<const SealedPack> packs,
    const std::vector<size_t>& wanted,
    std::vector<std::vector<PlacedRecord>>& lists) const {
  absl::flat_hash_map<uint32_t, size_t> by_number;
  for (const size_t index : wanted) {
    by_number[packs[index].number] = index;
    lists[index].clear();
  }
  PlaceCursor cursor = context_->places->ScanPlaces(datastore_);
  for (size_t rows = 0; cursor.Valid(); cursor.Next(), ++rows) {
    if (rows % kRowsPerCheck == 0) RETURN_IF_ERROR(CheckCancelled(call));
    ASSIGN_OR_RETURN(const Place place, cursor.place());
    const auto it = by_number.find(place.pack);
    if (it == by_number.end()) continue;
    ASSIGN_OR_RETURN(const RecordKey key, cursor.key());
    lists[it->second].push_back({key, place});
  }
  RETURN_IF_ERROR(cursor.status());
  for (const size_t index : wanted) {
    std::sort(lists[index].begin(), lists[index].end(),
              [](const PlacedRecord& a, const PlacedRecord& b) {
                return a.place.offset < b.place.offset;
              });
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::vector<PlacedRecord>>> PackListing::List(
    const Call& call, std::span<const SealedPack> packs) const {
  std::vector<std::vector<PlacedRecord>> lists(packs.size());
  std::vector<size_t> incomplete;
  for (size_t i = 0; i < packs.size(); ++i) {
    RETURN_IF_ERROR(CheckCancelled(call));
    RETURN_IF_ERROR(context_->latch->Check());
    ASSIGN_OR_RETURN(lists[i], ListByFooter(packs[i]));
    if (lists[i].size() < packs[i].record_count) incomplete.push_back(i);
  }
  if (!incomplete.empty()) {
    RETURN_IF_ERROR(ListByPlaces(call, packs, incomplete, lists));
  }
  return lists;
}

}  // namespace cairn::chunk_storage
