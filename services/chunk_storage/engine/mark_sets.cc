#include "services/chunk_storage/engine/mark_sets.h"

#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"

namespace cairn::chunk_storage {

void MarkSets::DropIdle() {
  const absl::Duration now = clock_->Monotonic();
  std::erase_if(
      kept_, [now](const Kept& kept) { return now - kept.last_use >= kIdle; });
}

absl::Status MarkSets::CheckRoom(const Uuid& id) {
  absl::MutexLock lock(&mutex_);
  DropIdle();
  size_t others = 0;
  for (const Kept& kept : kept_) {
    if (kept.set->ref().id != id) ++others;
  }
  if (others < kMaxSets) return absl::OkStatus();
  return WithReason(absl::ResourceExhaustedError(absl::StrCat(
                        others, " mark sets are in use, allowed are ", kMaxSets,
                        "; drop one, or wait: idle ones go after ",
                        absl::FormatDuration(kIdle))),
                    reason::kLimitExceeded);
}

absl::Status MarkSets::Put(std::shared_ptr<MarkSet> set) {
  RETURN_IF_ERROR(CheckRoom(set->ref().id));
  absl::MutexLock lock(&mutex_);
  std::erase_if(kept_, [&](const Kept& kept) {
    return kept.set->ref().id == set->ref().id;
  });
  kept_.push_back({std::move(set), clock_->Monotonic()});
  return absl::OkStatus();
}

std::shared_ptr<MarkSet> MarkSets::Find(const Uuid& id) {
  absl::MutexLock lock(&mutex_);
  DropIdle();
  for (Kept& kept : kept_) {
    if (kept.set->ref().id != id) continue;
    kept.last_use = clock_->Monotonic();
    return kept.set;
  }
  return nullptr;
}

void MarkSets::Drop(const Uuid& id) {
  absl::MutexLock lock(&mutex_);
  std::erase_if(kept_,
                [&](const Kept& kept) { return kept.set->ref().id == id; });
}

void MarkSets::DropOfSweeps(std::optional<uint64_t> token) {
  absl::MutexLock lock(&mutex_);
  std::erase_if(kept_, [&](const Kept& kept) {
    const uint64_t of = kept.set->ref().token;
    return of != 0 && of == token.value_or(of);
  });
}

void MarkSets::DropPack(uint32_t pack) {
  absl::MutexLock lock(&mutex_);
  for (const Kept& kept : kept_) kept.set->DropPack(pack);
}

std::vector<std::shared_ptr<MarkSet>> MarkSets::All() const {
  absl::MutexLock lock(&mutex_);
  std::vector<std::shared_ptr<MarkSet>> sets;
  for (const Kept& kept : kept_) sets.push_back(kept.set);
  return sets;
}

std::vector<SealedPack> MarkSets::ListSealed() const {
  // First: a move that has ended since is whole in any later view.
  std::vector<SealedPack> packs =
      packs_->ListSealed(0, std::numeric_limits<size_t>::max());
  absl::MutexLock lock(&mutex_);
  std::erase_if(packs,
                [this](const SealedPack& pack) ABSL_NO_THREAD_SAFETY_ANALYSIS {
                  return moving_.contains(pack.number);
                });
  return packs;
}

std::vector<std::shared_ptr<MarkSet>> MarkSets::BeginMove(uint32_t pack,
                                                          uint32_t records) {
  absl::MutexLock lock(&mutex_);
  moving_.insert(pack);
  std::vector<std::shared_ptr<MarkSet>> sets;
  for (const Kept& kept : kept_) {
    kept.set->AddPack(pack, records);
    sets.push_back(kept.set);
  }
  return sets;
}

void MarkSets::EndMove(uint32_t pack) {
  absl::MutexLock lock(&mutex_);
  moving_.erase(pack);
}

}  // namespace cairn::chunk_storage
