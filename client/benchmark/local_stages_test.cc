#include "client/benchmark/local_stages.h"

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/testing/status_matchers.h"
#include "gtest/gtest.h"

namespace cairn::client {
namespace {

// Each look at the clock takes a millisecond more than the one before.
class GrowingClock final : public Clock {
 public:
  explicit GrowingClock(Interrupt* interrupt = nullptr, int looks = 0)
      : interrupt_(interrupt), looks_left_(looks) {}
  absl::Time Now() const override { return absl::UnixEpoch(); }
  absl::Duration Monotonic() const override {
    if (interrupt_ != nullptr && --looks_left_ == 0) interrupt_->Raise();
    now_ += ++step_ * absl::Milliseconds(1);
    return now_;
  }

 private:
  Interrupt* const interrupt_;
  mutable int looks_left_;
  mutable int step_ = 0;
  mutable absl::Duration now_;
};

TEST(MedianTest, IsTheMiddleOne) {
  EXPECT_EQ(Median({}), absl::ZeroDuration());
  EXPECT_EQ(Median({absl::Seconds(3)}), absl::Seconds(3));
  EXPECT_EQ(Median({absl::Seconds(9), absl::Seconds(1), absl::Seconds(2)}),
            absl::Seconds(2));
  EXPECT_EQ(Median({absl::Seconds(4), absl::Seconds(1)}), absl::Seconds(4));
}

TEST(LocalStagesTest, MeasuresEachStageAsOftenAsAsked) {
  const GrowingClock clock;
  const Interrupt interrupt;
  // Part of a block counts as one.
  ASSERT_OK_AND_ASSIGN(const std::vector<StageResult> stages,
                       MeasureLocalStages({.bytes = (2 << 20) + 1, .runs = 2},
                                          clock, interrupt));
  std::vector<std::string> names;
  for (const StageResult& stage : stages) {
    names.push_back(stage.name);
    EXPECT_EQ(stage.bytes, 3u << 20) << stage.name;
    EXPECT_NE(stage.text, "") << stage.name;
    ASSERT_EQ(stage.runs.size(), 2u) << stage.name;
    EXPECT_EQ(stage.runs[1] - stage.runs[0], absl::Milliseconds(2));
  }
  EXPECT_EQ(names,
            (std::vector<std::string>{"cut-poly-v1", "cut-fixed-v1", "sha256",
                                      "zstd-compress", "zstd-decompress"}));
}

TEST(LocalStagesTest, AnInterruptEndsItAmongTheStages) {
  Interrupt interrupt;
  const GrowingClock clock(&interrupt, 6);
  EXPECT_THAT(
      MeasureLocalStages({.bytes = 1 << 20, .runs = 2}, clock, interrupt),
      StatusIs(absl::StatusCode::kCancelled));
}

}  // namespace
}  // namespace cairn::client
