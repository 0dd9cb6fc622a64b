#pragma once

#include <string>

#include "absl/strings/str_cat.h"
#include "tests/simulator/scheduler.h"

namespace cairn::simulator {

// What a run was found to have done wrong; the first of it counts.
class Verdict {
 public:
  explicit Verdict(Scheduler* scheduler) : scheduler_(scheduler) {}

  void Fail(const std::string& why) {
    if (failed()) return;
    why_ = why;
    scheduler_->trace().Add(scheduler_->now(), absl::StrCat("WRONG: ", why));
  }
  bool failed() const { return !why_.empty(); }
  const std::string& why() const { return why_; }

 private:
  Scheduler* const scheduler_;
  std::string why_;
};

}  // namespace cairn::simulator
