#include "services/maintenance/engine/fake_store_sweep.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/concurrency/cancellation.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"
#include "services/maintenance/domain/gc_plan.h"

namespace cairn::maintenance {
namespace {

absl::Status Lost() {
  return WithReason(absl::AbortedError("the sweep is lost"),
                    reason::kSweepLost);
}

void AddTo(RecordSum& sum, uint64_t bytes) {
  ++sum.records;
  sum.bytes += bytes;
}

}  // namespace

absl::Status FakeStoreSweep::Enter(const Call& call, std::string_view method) {
  if (hook_) RETURN_IF_ERROR(hook_(method));
  return call.cancellation == nullptr ? absl::OkStatus()
                                      : call.cancellation->Check();
}

void FakeStoreSweep::Restart() {
  sets_.clear();
  token_ = 0;
  chunks_->Restart();
}

void FakeStoreSweep::Add(uint32_t pack, const RecordKey& key,
                         const Stored& stored) {
  packs_[pack].records[key] = stored;
}

bool FakeStoreSweep::Has(const RecordKey& key) const {
  return std::any_of(packs_.begin(), packs_.end(), [&key](const auto& pack) {
    const auto found = pack.second.records.find(key);
    return found != pack.second.records.end() && !found->second.bad;
  });
}

FakeStoreSweep::Stored& FakeStoreSweep::Find(const RecordKey& key) {
  for (auto& [number, pack] : packs_) {
    if (pack.records.contains(key)) return pack.records[key];
  }
  return packs_[0].records[key];
}

uint64_t FakeStoreSweep::pack_bytes() const {
  uint64_t bytes = 0;
  for (const auto& [number, pack] : packs_) {
    uint64_t records = 0;
    for (const auto& [key, stored] : pack.records) records += stored.bytes;
    bytes += PackFileBytes(pack.records.size(), records);
  }
  return bytes;
}

bool FakeStoreSweep::Stays(const RecordKey& key, const Stored& stored,
                           const Marks& marks, bool swept) const {
  return marks.contains({key.kind, MarkPrefix(key.digest)}) ||
         (swept && (stored.touch >= cut_ || key.kind == RecordKind::kEvent));
}

absl::StatusOr<StoreState> FakeStoreSweep::BeginSweep(
    const Call& call, const DatastoreRef& datastore,
    const StoreSweepRequest& request) {
  RETURN_IF_ERROR(Enter(call, "BeginSweep"));
  StoreState state = chunks_->state(datastore);
  if (state.floor == 0) return absl::UnavailableError("no epoch was told");
  if (request.token < state.token) {
    return WithReason(absl::FailedPreconditionError("a lower token"),
                      reason::kStaleToken);
  }
  if (std::max(request.sequence, request.index_sequence) < state.sequence) {
    return WithReason(absl::FailedPreconditionError("index is behind"),
                      reason::kIndexBehind);
  }
  state.token = token_ = request.token;
  cut_ = request.cut;
  chunks_->SetState(datastore, state);
  return state;
}

absl::StatusOr<MarkSummary> FakeStoreSweep::PutMarks(const Call& call,
                                                     const DatastoreRef&,
                                                     const MarkSetRef& set,
                                                     MarkStream& marks) {
  RETURN_IF_ERROR(Enter(call, "PutMarks"));
  if (set.token != 0 && set.token != token_) return Lost();
  Marks all;
  for (;;) {
    ASSIGN_OR_RETURN(const std::optional<MarkRun> run, marks.Next());
    if (!run.has_value()) break;
    for (const Mark& mark : run->marks) {
      all[{run->kind, mark.prefix}] = mark.holder;
    }
  }
  MarkSummary summary;
  std::set<MarkKey> found;
  for (const auto& [number, pack] : packs_) {
    for (const auto& [key, stored] : pack.records) {
      const auto mark = all.find({key.kind, MarkPrefix(key.digest)});
      if (mark == all.end()) {
        AddTo(summary.unmarked, stored.bytes);
        if (Stays(key, stored, all, set.token != 0)) {
          AddTo(summary.spared, stored.bytes);
        }
        continue;
      }
      AddTo(summary.marked, stored.bytes);
      if (mark->second == MarkHolder::kTrash) {
        AddTo(summary.trash, stored.bytes);
      }
      if (mark->second == MarkHolder::kSession) {
        AddTo(summary.session, stored.bytes);
      }
      if (!stored.bad) found.insert(mark->first);
    }
  }
  for (const auto& [key, holder] : all) {
    if (found.contains(key)) continue;
    ++summary.missing_records;
    summary.missing.push_back(
        {.kind = key.first, .marks = {{key.second, holder}}});
  }
  sets_[set.id] = std::move(all);
  return summary;
}

absl::StatusOr<PackPage> FakeStoreSweep::ListPacks(
    const Call& call, const DatastoreRef&, const std::optional<Uuid>& set,
    uint32_t, uint32_t after) {
  RETURN_IF_ERROR(Enter(call, "ListPacks"));
  if (set.has_value() && !sets_.contains(*set)) return Lost();
  // Pages of one, so that every reader of the list must go on.
  PackPage page;
  const auto next = packs_.upper_bound(after);
  page.done = next == packs_.end() || std::next(next) == packs_.end();
  if (next == packs_.end()) return page;
  PackInfo pack;
  pack.number = next->first;
  pack.proof_time = next->second.proof_time;
  for (const auto& [key, stored] : next->second.records) {
    AddTo(pack.records, stored.bytes);
    if (set.has_value() && Stays(key, stored, sets_.at(*set), token_ != 0)) {
      AddTo(pack.kept, stored.bytes);
    }
  }
  pack.file_bytes = PackFileBytes(pack.records.records, pack.records.bytes);
  page.packs.push_back(pack);
  return page;
}

absl::Status FakeStoreSweep::CompactInto(Pack& target, uint32_t number,
                                         const Marks& marks,
                                         SweptPacks& swept) {
  Pack& pack = packs_.at(number);
  const RecordSum before = {pack.records.size(), 0};
  uint64_t bytes = 0;
  for (const auto& [key, stored] : pack.records) bytes += stored.bytes;
  bool rotten = false;
  for (auto at = pack.records.begin(); at != pack.records.end();) {
    if (!Stays(at->first, at->second, marks, true)) {
      AddTo(swept.dropped, at->second.bytes);
      at = pack.records.erase(at);
      continue;
    }
    rotten = rotten || at->second.rotten;
    at->second.bad = at->second.bad || at->second.rotten;
    ++at;
  }
  if (rotten) {
    swept.damaged_packs.push_back(number);
    return absl::OkStatus();
  }
  for (const auto& [key, stored] : pack.records) {
    AddTo(swept.copied, stored.bytes);
    target.records[key] = stored;
  }
  ++swept.removed_packs;
  swept.removed_bytes += PackFileBytes(before.records, bytes);
  packs_.erase(number);
  return absl::OkStatus();
}

absl::StatusOr<SweptPacks> FakeStoreSweep::SweepPacks(
    const Call& call, const DatastoreRef&, const SweepPacksRequest& request) {
  RETURN_IF_ERROR(Enter(call, "SweepPacks"));
  if (request.token != token_ || !sets_.contains(request.set)) return Lost();
  if (full_ && !request.compact.empty()) {
    return WithReason(absl::ResourceExhaustedError("full"),
                      reason::kStorageFull);
  }
  const Marks& marks = sets_.at(request.set);
  SweptPacks swept;
  Pack target;
  // One pack a call, so that every caller must come again.
  for (size_t i = 0; i < request.packs.size(); ++i) {
    const uint32_t number = request.packs[i];
    if (i > 0) {
      swept.remaining.push_back(number);
      continue;
    }
    if (!packs_.contains(number)) continue;
    RETURN_IF_ERROR(CompactInto(target, number, marks, swept));
  }
  if (!target.records.empty()) {
    ++swept.new_packs;
    swept.new_bytes = PackFileBytes(swept.copied.records, swept.copied.bytes);
    packs_[packs_.empty() ? 1000 : packs_.rbegin()->first + 1000] =
        std::move(target);
  }
  return swept;
}

absl::Status FakeStoreSweep::EndSweep(const Call& call, const DatastoreRef&,
                                      uint64_t token) {
  RETURN_IF_ERROR(Enter(call, "EndSweep"));
  if (token == token_) {
    token_ = 0;
    sets_.clear();
  }
  return absl::OkStatus();
}

absl::Status FakeStoreSweep::DropMarks(const Call& call, const DatastoreRef&,
                                       const Uuid& set) {
  RETURN_IF_ERROR(Enter(call, "DropMarks"));
  sets_.erase(set);
  return absl::OkStatus();
}

absl::Status FakeStoreSweep::VerifyPacks(
    const Call& call, const DatastoreRef&, const VerifyPacksRequest& request,
    absl::FunctionRef<void(const VerifiedPack&)> take) {
  RETURN_IF_ERROR(Enter(call, "VerifyPacks"));
  verified_.push_back(request.packs);
  for (const uint32_t number : request.packs) {
    VerifiedPack verified;
    verified.pack = number;
    if (!packs_.contains(number)) continue;
    for (auto& [key, stored] : packs_.at(number).records) {
      if (request.set.has_value() &&
          !Stays(key, stored, sets_.at(*request.set), false)) {
        continue;
      }
      AddTo(verified.records, stored.bytes);
      if (!stored.rotten || request.depth == VerifyDepth::kLight) continue;
      stored.bad = true;
      verified.damage.push_back({key, "it rots"});
    }
    packs_.at(number).proof_time = clock_->Now();
    take(verified);
  }
  return absl::OkStatus();
}

absl::StatusOr<DamagePage> FakeStoreSweep::ListDamaged(
    const Call& call, const DatastoreRef&,
    const std::optional<RecordKey>& after, uint32_t) {
  RETURN_IF_ERROR(Enter(call, "ListDamaged"));
  std::set<RecordKey> bad;
  for (const auto& [number, pack] : packs_) {
    for (const auto& [key, stored] : pack.records) {
      if (stored.bad) bad.insert(key);
    }
  }
  DamagePage page;
  const auto next = after.has_value() ? bad.upper_bound(*after) : bad.begin();
  if (next != bad.end()) page.damage.push_back({*next, "it rots"});
  page.done = next == bad.end() || std::next(next) == bad.end();
  return page;
}

}  // namespace cairn::maintenance
