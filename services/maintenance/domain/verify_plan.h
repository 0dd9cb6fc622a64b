#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "absl/time/time.h"

// Which packs a verify reads, and in what order. Pure.
namespace cairn::maintenance {

struct PackProof {
  uint32_t number = 0;
  uint64_t file_bytes = 0;
  uint64_t marked_records = 0;  // that the scope refers to
  uint64_t marked_bytes = 0;
  std::optional<absl::Time> proof_time;  // none: never
};

struct VerifyPlanOptions {
  // Packs that were proved since are passed over; none: no pack is.
  std::optional<absl::Time> proved_since;
  uint64_t max_bytes = 0;           // to be read; 0: no limit
  uint32_t max_share_permille = 0;  // of the bytes of all packs; 0: no limit
};

struct VerifyStep {
  uint32_t number = 0;
  uint64_t bytes = 0;
  friend bool operator==(const VerifyStep&, const VerifyStep&) = default;
};

struct VerifyPlan {
  std::vector<VerifyStep> steps;  // the oldest proof first, none before all
  uint64_t bytes = 0;
  bool complete = true;  // no limit has left a pack out
};

// Packs with records of the scope, as far as the limits go, but at least one:
// a limit below the size of a pack would else never get anywhere.
VerifyPlan PlanVerify(std::span<const PackProof> packs,
                      const VerifyPlanOptions& options);

// When bytes of packs were last proved.
struct VerifyDebt {
  static constexpr std::array<int, 5> kDays = {1, 7, 30, 90, 365};

  uint64_t pack_bytes = 0;
  uint64_t never_proved_bytes = 0;
  std::optional<absl::Time> oldest_proof;  // none: one was never, or no packs
  std::array<uint64_t, 5> proved_bytes{};  // within kDays[i] days
};
VerifyDebt CountDebt(std::span<const PackProof> packs, absl::Time now);

}  // namespace cairn::maintenance
