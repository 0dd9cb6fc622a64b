#include "services/maintenance/domain/verify_plan.h"

#include <algorithm>
#include <limits>
#include <tuple>

namespace cairn::maintenance {
namespace {

// What may be read: the lesser of the two limits.
uint64_t ByteLimit(std::span<const PackProof> packs,
                   const VerifyPlanOptions& options) {
  uint64_t limit = options.max_bytes == 0 ? std::numeric_limits<uint64_t>::max()
                                          : options.max_bytes;
  if (options.max_share_permille > 0) {
    uint64_t all = 0;
    for (const PackProof& pack : packs) all += pack.file_bytes;
    limit = std::min(limit, all / 1000 * options.max_share_permille);
  }
  return limit;
}

bool IsProved(const PackProof& pack, const VerifyPlanOptions& options) {
  return options.proved_since.has_value() && pack.proof_time.has_value() &&
         *pack.proof_time >= *options.proved_since;
}

}  // namespace

VerifyPlan PlanVerify(std::span<const PackProof> packs,
                      const VerifyPlanOptions& options) {
  std::vector<const PackProof*> wanted;
  for (const PackProof& pack : packs) {
    if (pack.marked_records > 0 && !IsProved(pack, options)) {
      wanted.push_back(&pack);
    }
  }
  std::sort(
      wanted.begin(), wanted.end(), [](const PackProof* a, const PackProof* b) {
        const auto key = [](const PackProof* pack) {
          return std::tuple(pack->proof_time.value_or(absl::InfinitePast()),
                            pack->number);
        };
        return key(a) < key(b);
      });
  const uint64_t limit = ByteLimit(packs, options);
  VerifyPlan plan;
  for (const PackProof* const pack : wanted) {
    if (!plan.steps.empty() && plan.bytes + pack->marked_bytes > limit) {
      plan.complete = false;
      break;
    }
    plan.steps.push_back({pack->number, pack->marked_bytes});
    plan.bytes += pack->marked_bytes;
  }
  return plan;
}

VerifyDebt CountDebt(std::span<const PackProof> packs, absl::Time now) {
  VerifyDebt debt;
  absl::Time oldest = absl::InfiniteFuture();
  for (const PackProof& pack : packs) {
    debt.pack_bytes += pack.file_bytes;
    if (!pack.proof_time.has_value()) {
      debt.never_proved_bytes += pack.file_bytes;
      continue;
    }
    oldest = std::min(oldest, *pack.proof_time);
    for (size_t i = 0; i < VerifyDebt::kDays.size(); ++i) {
      if (now - *pack.proof_time <= absl::Hours(24) * VerifyDebt::kDays[i]) {
        debt.proved_bytes[i] += pack.file_bytes;
      }
    }
  }
  if (debt.never_proved_bytes == 0 && oldest != absl::InfiniteFuture()) {
    debt.oldest_proof = oldest;
  }
  return debt;
}

}  // namespace cairn::maintenance
