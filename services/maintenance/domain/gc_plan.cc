#include "services/maintenance/domain/gc_plan.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/pack/pack_format.h"
#include "common/status/reason.h"

namespace cairn::maintenance {
namespace {

// What padding a pack may have before it alone is a reason to copy it: a
// sixteenth of its file, and a few syncs of a small one.
constexpr uint64_t kPaddingShare = 16;
constexpr uint64_t kMinPaddingBytes = uint64_t{64} << 10;

uint64_t Excess(uint64_t value, uint64_t subtrahend) {
  return value > subtrahend ? value - subtrahend : 0;
}

// What one pack that holds what stays would take.
uint64_t CopyFileBytes(const PackUse& pack) {
  return pack.kept_records == 0
             ? 0
             : PackFileBytes(pack.kept_records, pack.kept_bytes);
}

// A merge shares header and trailer among many, so they are no gain here.
uint64_t Garbage(const PackUse& pack) {
  return Excess(pack.file_bytes, CopyFileBytes(pack));
}

PackStep StepOf(const PackUse& pack) {
  return {pack.number, pack.kept_bytes, Garbage(pack)};
}

// Whether a record of it may go, or so much of it is padding, or of records
// whose places are elsewhere, that a copy of the rest is worth its bytes.
bool HasGarbage(const PackUse& pack, uint32_t live_percent) {
  if (pack.kept_records < pack.records) return true;
  const uint64_t garbage = Garbage(pack);
  if (garbage > std::max(kMinPaddingBytes, pack.file_bytes / kPaddingShare)) {
    return true;
  }
  // Padding is whole blocks. Else there are records that nothing counts, each
  // with its entry in the footer: a run that was killed has dropped them and
  // did not come to the copy, or they are there twice.
  return live_percent == 100 && garbage % kPackBlockBytes != 0;
}

bool IsLiveEnough(const PackUse& pack, uint32_t live_percent) {
  const uint64_t live = CopyFileBytes(pack);
  // In this order nothing overflows below 2^57 bytes.
  return live_percent < 100 && live * 100 >= pack.file_bytes * live_percent;
}

// The most freed by a copied byte first; among equals the older pack.
bool ComesFirst(const PackStep& a, const PackStep& b) {
  const auto cost_a =
      static_cast<unsigned __int128>(a.freed_bytes) * (b.copied_bytes + 1);
  const auto cost_b =
      static_cast<unsigned __int128>(b.freed_bytes) * (a.copied_bytes + 1);
  return cost_a != cost_b ? cost_a > cost_b : a.number < b.number;
}

struct Candidate {
  const PackUse* pack;
  PackStep step;
};

void CountDropped(const PackUse& pack, GcPlan& plan) {
  plan.dropped_records += Excess(pack.records, pack.kept_records);
  plan.dropped_bytes += Excess(pack.record_bytes, pack.kept_bytes);
}

}  // namespace

uint64_t PackFileBytes(uint64_t records, uint64_t record_bytes) {
  // The footer begins a block, as everything behind a sync.
  return AlignUp(kPackBlockBytes + record_bytes, kPackBlockBytes) +
         records * kPackEntryBytes + kPackTrailerBytes;
}

GcPlan PlanGc(std::span<const PackUse> packs, const GcPlanOptions& options) {
  GcPlan plan;
  std::vector<Candidate> chosen;
  std::vector<Candidate> small;
  for (const PackUse& pack : packs) {
    if (pack.kept_records == 0) {
      plan.drop.push_back(StepOf(pack));
      plan.freed_bytes += pack.file_bytes;
      CountDropped(pack, plan);
    } else if (pack.missing) {
      continue;
    } else if (HasGarbage(pack, options.live_percent) &&
               !IsLiveEnough(pack, options.live_percent)) {
      chosen.push_back({&pack, StepOf(pack)});
    } else if (pack.file_bytes < kSmallPackBytes) {
      small.push_back({&pack, StepOf(pack)});
    } else if (HasGarbage(pack, options.live_percent)) {
      plan.threshold_bytes += Garbage(pack);
    }
  }
  // Small packs that no other reason chose, of a class that has enough.
  for (const bool metadata : {false, true}) {
    std::vector<Candidate> of_class;
    std::copy_if(small.begin(), small.end(), std::back_inserter(of_class),
                 [metadata](const Candidate& candidate) {
                   return candidate.pack->metadata == metadata;
                 });
    if (of_class.size() >= kMinSmallPacks) {
      chosen.insert(chosen.end(), of_class.begin(), of_class.end());
      continue;
    }
    for (const Candidate& candidate : of_class) {
      if (!HasGarbage(*candidate.pack, options.live_percent)) continue;
      plan.threshold_bytes += candidate.step.freed_bytes;
    }
  }
  std::stable_sort(chosen.begin(), chosen.end(),
                   [](const Candidate& a, const Candidate& b) {
                     return ComesFirst(a.step, b.step);
                   });
  for (const Candidate& candidate : chosen) {
    const PackStep& step = candidate.step;
    if (options.max_copy_bytes > 0 &&
        plan.copied_bytes + step.copied_bytes > options.max_copy_bytes) {
      plan.budget_bytes += step.freed_bytes;
      continue;
    }
    plan.compact.push_back(step);
    plan.copied_bytes += step.copied_bytes;
    plan.freed_bytes += step.freed_bytes;
    CountDropped(*candidate.pack, plan);
  }
  return plan;
}

absl::Status CheckView(uint64_t listed_count, uint64_t trash_count,
                       bool allow_empty, const GcPlan& plan) {
  if (listed_count > 0 || trash_count > 0 || allow_empty ||
      plan.dropped_records == 0) {
    return absl::OkStatus();
  }
  return WithReason(
      absl::FailedPreconditionError(absl::StrCat(
          "no snapshot is listed and none is in trash, and ",
          plan.dropped_records, " records would go; if all was meant to be ",
          "forgotten, start gc with allow-empty")),
      reason::kEmptyView);
}

}  // namespace cairn::maintenance
