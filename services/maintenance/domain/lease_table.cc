#include "services/maintenance/domain/lease_table.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status/reason.h"
#include "services/maintenance/domain/lease_rules.h"

namespace cairn::maintenance {
namespace {

bool Excludes(const HolderCounts& counts, LeaseMode wanted) {
  return counts.exclusive > 0 ||
         (wanted == LeaseMode::kExclusive && counts.shared > 0);
}

bool Conflict(const Lease& a, const Lease& b) {
  const std::vector<LeaseClaim> claims = EffectiveClaims(a);
  for (const LeaseClaim& theirs : EffectiveClaims(b)) {
    for (const LeaseClaim& ours : claims) {
      if (ours.resource == theirs.resource &&
          (ours.mode == LeaseMode::kExclusive ||
           theirs.mode == LeaseMode::kExclusive)) {
        return true;
      }
    }
  }
  return false;
}

std::string_view ModeName(LeaseMode mode) {
  return mode == LeaseMode::kExclusive ? "exclusive" : "shared";
}

}  // namespace

LeaseTable::LeaseTable(std::string datastore)
    : datastore_(std::move(datastore)) {}

uint64_t LeaseTable::live_count() const {
  // Every lease holds its datastore, so the datastore's holders are all.
  const HolderCounts counts = holders(DatastoreResource(datastore_));
  return counts.shared + counts.exclusive;
}

uint64_t LeaseTable::live_count(LeasePurpose purpose) const {
  const auto found = purposes_.find(purpose);
  return found == purposes_.end() ? 0 : found->second;
}

HolderCounts LeaseTable::holders(std::string_view resource) const {
  const auto found = live_holders_.find(resource);
  return found == live_holders_.end() ? HolderCounts{} : found->second;
}

const LeaseEntry* LeaseTable::Find(const Uuid& id) const {
  const auto found = entries_.find(id);
  return found == entries_.end() ? nullptr : &found->second;
}

void LeaseTable::Put(LeaseEntry entry) {
  const Uuid id = entry.lease.id;
  Remove(id);
  const LeaseEntry& added =
      entries_.emplace(id, std::move(entry)).first->second;
  by_start_.insert(PositionOf(added.lease));
  Count(added);
}

bool LeaseTable::Remove(const Uuid& id) {
  const auto found = entries_.find(id);
  if (found == entries_.end()) return false;
  Uncount(found->second);
  by_start_.erase(PositionOf(found->second.lease));
  entries_.erase(found);
  return true;
}

std::vector<Uuid> LeaseTable::Expire(absl::Duration now) {
  std::vector<Uuid> expired;
  while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
    const Uuid id = deadlines_.begin()->second;
    LeaseEntry& entry = entries_.find(id)->second;
    Uncount(entry);
    entry.phase = LeasePhase::kExpired;
    Count(entry);
    expired.push_back(id);
  }
  return expired;
}

absl::Status LeaseTable::CheckFree(const Lease& lease) const {
  const std::optional<LeaseClaim> held = FindHeld(lease, live_holders_);
  return held.has_value() ? HeldError(*held) : absl::OkStatus();
}

absl::Status LeaseTable::HeldError(const LeaseClaim& wanted) const {
  for (const Position& position : by_start_) {
    const LeaseEntry& entry = entries_.at(position.second);
    if (!entry.holds()) continue;
    for (const LeaseClaim& claim : EffectiveClaims(entry.lease)) {
      if (claim.resource != wanted.resource) continue;
      if (claim.mode != LeaseMode::kExclusive &&
          wanted.mode != LeaseMode::kExclusive) {
        continue;
      }
      const Lease& lease = entry.lease;
      const std::string start = absl::FormatTime(
          absl::RFC3339_sec, lease.start_time, absl::UTCTimeZone());
      return WithReason(
          absl::FailedPreconditionError(absl::StrCat(
              wanted.resource, " is wanted ", ModeName(wanted.mode),
              " but held ", ModeName(claim.mode), " by lease ",
              lease.id.ToString(), " (", LeasePurposeName(lease.purpose),
              ", holder \"", lease.holder, "\") since ", start,
              "; wait until it is released or expires")),
          reason::kLeaseHeld,
          {{"lease", lease.id.ToString()},
           {"resource", wanted.resource},
           {"holder", lease.holder},
           {"purpose", std::string(LeasePurposeName(lease.purpose))},
           {"start_time", start}});
    }
  }
  return absl::InternalError(absl::StrCat(
      wanted.resource, " is counted as held, but no live lease holds it"));
}

std::vector<Uuid> LeaseTable::FindExpiredRivals(const Lease& lease) const {
  std::vector<Uuid> rivals;
  // Almost always there is none, and the books tell so without a walk. The
  // lease itself may be among the expired; it is no rival.
  if (!FindHeld(lease, expired_holders_).has_value()) return rivals;
  for (const auto& [id, entry] : entries_) {
    if (!entry.holds() && id != lease.id && Conflict(entry.lease, lease)) {
      rivals.push_back(id);
    }
  }
  return rivals;
}

std::vector<Uuid> LeaseTable::FindExpiredBelow(uint64_t fence) const {
  std::vector<Uuid> below;
  for (const auto& [id, entry] : entries_) {
    if (!entry.holds() && entry.lease.start_epoch < fence) below.push_back(id);
  }
  return below;
}

std::optional<Uuid> LeaseTable::OldestExpired() const {
  for (const Position& position : by_start_) {
    if (!entries_.at(position.second).holds()) return position.second;
  }
  return std::nullopt;
}

std::optional<absl::Time> LeaseTable::OldestStart() const {
  for (const Position& position : by_start_) {
    if (entries_.at(position.second).holds()) return position.first;
  }
  return std::nullopt;
}

absl::StatusOr<uint64_t> LeaseTable::Cut(uint64_t epoch) const {
  uint64_t cut = epoch;
  for (const auto& [id, entry] : entries_) {
    if (!entry.holds()) continue;
    if (entry.lease.start_epoch == 0) {
      return absl::FailedPreconditionError(absl::StrCat(
          "lease ", id.ToString(), " (", LeasePurposeName(entry.lease.purpose),
          ", holder \"", entry.lease.holder,
          "\") has no start epoch; release it or wait until it expires"));
    }
    if (MayWrite(entry.lease.purpose)) {
      cut = std::min(cut, entry.lease.start_epoch);
    }
  }
  return cut;
}

std::vector<const LeaseEntry*> LeaseTable::List(
    const std::optional<Position>& after, size_t limit) const {
  std::vector<const LeaseEntry*> entries;
  auto next =
      after.has_value() ? by_start_.upper_bound(*after) : by_start_.begin();
  for (; next != by_start_.end() && entries.size() < limit; ++next) {
    entries.push_back(&entries_.at(next->second));
  }
  return entries;
}

void LeaseTable::Count(const LeaseEntry& entry) {
  CountClaims(entry.lease, entry.holds() ? live_holders_ : expired_holders_);
  if (!entry.holds()) return;
  deadlines_.emplace(entry.deadline, entry.lease.id);
  ++purposes_[entry.lease.purpose];
}

void LeaseTable::Uncount(const LeaseEntry& entry) {
  UncountClaims(entry.lease, entry.holds() ? live_holders_ : expired_holders_);
  if (!entry.holds()) return;
  deadlines_.erase({entry.deadline, entry.lease.id});
  --purposes_[entry.lease.purpose];
}

void LeaseTable::CountClaims(const Lease& lease, Holders& holders) {
  for (const LeaseClaim& claim : EffectiveClaims(lease)) {
    HolderCounts& counts = holders[claim.resource];
    ++(claim.mode == LeaseMode::kExclusive ? counts.exclusive : counts.shared);
  }
}

void LeaseTable::UncountClaims(const Lease& lease, Holders& holders) {
  for (const LeaseClaim& claim : EffectiveClaims(lease)) {
    const auto found = holders.find(claim.resource);
    HolderCounts& counts = found->second;
    --(claim.mode == LeaseMode::kExclusive ? counts.exclusive : counts.shared);
    if (counts == HolderCounts{}) holders.erase(found);
  }
}

std::optional<LeaseClaim> LeaseTable::FindHeld(const Lease& lease,
                                               const Holders& holders) {
  for (const LeaseClaim& claim : EffectiveClaims(lease)) {
    const auto found = holders.find(claim.resource);
    if (found != holders.end() && Excludes(found->second, claim.mode)) {
      return claim;
    }
  }
  return std::nullopt;
}

}  // namespace cairn::maintenance
