#include "services/chunk_storage/engine/pack_sweep.h"

#include <algorithm>
#include <array>
#include <utility>

#include "common/log/log.h"
#include "common/status/status_macros.h"
#include "services/chunk_storage/engine/pack_compaction.h"

namespace cairn::chunk_storage {

std::vector<SealedPack> PackSweep::FindPacks(
    std::span<const uint32_t> numbers) const {
  std::vector<SealedPack> packs;
  absl::flat_hash_set<uint32_t> seen;
  for (const uint32_t number : numbers) {
    if (!seen.insert(number).second) continue;
    const auto pack = parts_.packs->FindSealed(number);
    if (pack.ok() && set_->Find(number).has_value()) packs.push_back(*pack);
  }
  return packs;
}

absl::StatusOr<SweptPacks> PackSweep::Run(const Call& call,
                                          const SweepPacksRequest& request) {
  compact_.insert(request.compact.begin(), request.compact.end());
  const std::vector<SealedPack> packs = FindPacks(request.packs);
  for (std::span<const SealedPack> rest = packs; !rest.empty();) {
    const size_t count = PackListing::GroupSize(rest);
    RETURN_IF_ERROR(SweepGroup(call, rest.first(count)));
    rest = rest.subspan(count);
  }
  // Last: by now all space is free that can be without a copy.
  RETURN_IF_ERROR(Compact(call, request));
  Metrics& metrics = *parts_.context->metrics;
  metrics.swept_records.Increment(result_.dropped.records);
  metrics.swept_bytes.Increment(result_.dropped.bytes);
  metrics.removed_packs.Increment(result_.removed_packs);
  metrics.removed_bytes.Increment(result_.removed_bytes);
  metrics.compacted_bytes.Increment(result_.copied.bytes);
  return std::move(result_);
}

void PackSweep::AddDamaged(uint32_t pack) {
  std::vector<uint32_t>& damaged = result_.damaged_packs;
  if (std::find(damaged.begin(), damaged.end(), pack) == damaged.end()) {
    damaged.push_back(pack);
  }
}

absl::Status PackSweep::SweepGroup(const Call& call,
                                   std::span<const SealedPack> packs) {
  Group group;
  std::vector<PackMarks> marks;
  std::vector<uint32_t> dead;
  for (const SealedPack& pack : packs) {
    std::optional<PackMarks> of = set_->Find(pack.number);
    if (!of.has_value()) continue;
    if (of->here.records == 0) {
      dead.push_back(pack.number);
    } else if (of->droppable_sum.records > 0 || pack.record_count == 0) {
      group.packs.push_back(pack);
      marks.push_back(*std::move(of));
    }
  }
  ASSIGN_OR_RETURN(const auto lists, listing_.List(call, group.packs));
  std::vector<Candidate> candidates;
  group.damaged.resize(group.packs.size(), false);
  for (size_t i = 0; i < group.packs.size(); ++i) {
    group.left.push_back(lists[i].size());
    for (const PlacedRecord& record : lists[i]) {
      if (marks[i].droppable.Test(record.place.ordinal)) {
        candidates.push_back({record.key, record.place, i});
      } else if (record.place.bad) {
        group.damaged[i] = true;
      }
    }
  }
  RETURN_IF_ERROR(Drop(call, candidates, group));
  for (size_t i = 0; i < group.packs.size(); ++i) {
    if (group.left[i] == 0) dead.push_back(group.packs[i].number);
    if (group.damaged[i]) AddDamaged(group.packs[i].number);
  }
  return Bury(dead);
}

absl::Status PackSweep::OpenAudit() {
  if (audit_ != nullptr) return absl::OkStatus();
  const StoreContext& context = *parts_.context;
  ASSIGN_OR_RETURN(
      audit_, AuditLog::Open(context.packs->files(),
                             context.packs->AuditDirectory(parts_.datastore),
                             {.token = sweep_.guard.token,
                              .cut = sweep_.rule.cut,
                              .sequence = sweep_.rule.sequence,
                              .time = context.clock->Now()}));
  return absl::OkStatus();
}

absl::Status PackSweep::SyncAudit() {
  RETURN_IF_ERROR(parts_.context->latch->Check());
  const absl::Status synced = audit_->Sync();
  return audit_->sync_failed() ? parts_.context->latch->Fail(synced) : synced;
}

absl::Status PackSweep::Drop(const Call& call,
                             std::span<const Candidate> candidates,
                             Group& group) {
  if (candidates.empty()) return absl::OkStatus();
  RETURN_IF_ERROR(OpenAudit());
  std::array<std::vector<Candidate>, PlaceTable::kShards> by_shard;
  for (const Candidate& candidate : candidates) {
    audit_->Add(candidate.key, group.packs[candidate.pack].uuid, "unmarked");
    by_shard[PlaceTable::ShardOf(candidate.key)].push_back(candidate);
  }
  // Before the first of them goes.
  RETURN_IF_ERROR(SyncAudit());
  for (const std::vector<Candidate>& of_shard : by_shard) {
    for (std::span<const Candidate> rest = of_shard; !rest.empty();) {
      RETURN_IF_ERROR(CheckCancelled(call));
      const size_t count = std::min(rest.size(), kKeysPerStep);
      RETURN_IF_ERROR(DropStep(rest.first(count), group));
      rest = rest.subspan(count);
    }
  }
  // Which of them were spared: good to know, and nothing rests on it.
  const absl::Status flushed = audit_->Flush();
  if (!flushed.ok() && !absl::IsResourceExhausted(flushed)) return flushed;
  return absl::OkStatus();
}

absl::Status PackSweep::DropStep(std::span<const Candidate> candidates,
                                 Group& group) {
  std::vector<RecordKey> keys;
  for (const Candidate& candidate : candidates) keys.push_back(candidate.key);
  // Reads the rows in, so that pins do not wait for a slow disk.
  RETURN_IF_ERROR(parts_.context->places->Find(parts_.number, keys).status());
  enum class Outcome { kGone, kStays, kSpared, kDropped };
  std::vector<Outcome> outcomes(candidates.size(), Outcome::kGone);
  std::vector<Place> places(candidates.size());
  RETURN_IF_ERROR(parts_.packs->ChangeSealed(
      sweep_.guard, keys,
      [&](size_t i, const SealedRecord& record) -> SealedFate {
        places[i] = record.place;
        if (!record.place.SameBytes(candidates[i].place)) return {};
        outcomes[i] = Outcome::kStays;
        if (record.superseded) return {};
        if (!IsBelowCut(sweep_.rule, record.touch)) {
          outcomes[i] = Outcome::kSpared;
          return {};
        }
        outcomes[i] = Outcome::kDropped;
        return {.what = SealedFate::What::kDrop};
      }));
  const auto sets = parts_.sets->All();
  for (size_t i = 0; i < candidates.size(); ++i) {
    const size_t pack = candidates[i].pack;
    switch (outcomes[i]) {
      case Outcome::kGone:
        --group.left[pack];
        break;
      case Outcome::kStays:
        break;
      case Outcome::kSpared:
        ++result_.spared_records;
        if (places[i].bad) group.damaged[pack] = true;
        audit_->Add(candidates[i].key, group.packs[pack].uuid, "spared");
        break;
      case Outcome::kDropped:
        --group.left[pack];
        Add(result_.dropped, places[i]);
        for (const auto& set : sets) set->Dropped(places[i]);
        break;
    }
  }
  return absl::OkStatus();
}

absl::Status PackSweep::Bury(std::span<const uint32_t> packs) {
  if (packs.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const PackSet::Buried buried, parts_.packs->Bury(packs));
  for (const uint32_t pack : packs) parts_.sets->DropPack(pack);
  result_.removed_packs += buried.packs;
  result_.removed_bytes += buried.bytes;
  return absl::OkStatus();
}

absl::Status PackSweep::Compact(const Call& call,
                                const SweepPacksRequest& request) {
  std::vector<SealedPack> sources;
  for (const SealedPack& pack : FindPacks(request.packs)) {
    if (compact_.contains(pack.number)) sources.push_back(pack);
  }
  if (sources.empty()) return absl::OkStatus();
  PackCompaction compaction(
      parts_, sweep_.guard, set_,
      {.max_copy_bytes = request.max_copy_bytes,
       .bytes_per_second = request.copy_bytes_per_second});
  const absl::Status done = compaction.Run(call, sources);
  const PackCompaction::Outcome& outcome = compaction.outcome();
  result_.copied = outcome.copied;
  result_.new_packs = outcome.new_packs;
  result_.new_bytes = outcome.new_bytes;
  result_.removed_packs += outcome.removed.packs;
  result_.removed_bytes += outcome.removed.bytes;
  result_.remaining = outcome.remaining;
  for (const uint32_t pack : outcome.damaged) AddDamaged(pack);
  const bool progress = result_.dropped.records > 0 ||
                        result_.removed_packs > 0 || result_.new_packs > 0;
  if (!absl::IsResourceExhausted(done) || !progress) return done;
  LOG(WARNING) << "compaction stops for want of space datastore="
               << parts_.datastore.ToString()
               << " packs=" << outcome.remaining.size()
               << " error=" << done.ToString();
  return absl::OkStatus();
}

}  // namespace cairn::chunk_storage
