#include "services/ingest/domain/range_rules.h"

#include "common/status/reason.h"
#include "common/testing/status_matchers.h"
#include "services/ingest/domain/stream_rules.h"

namespace cairn::ingest {
namespace {

using absl::StatusCode;
using testing::HasSubstr;

constexpr uint64_t kMax = ~uint64_t{0};

TEST(RangeRulesTest, RangesGrowAndNeedNotFollowEachOther) {
  RangeRules rules(10'000'000, 100);
  EXPECT_EQ(rules.position(), 100u);
  EXPECT_OK(rules.Data(100, 1));
  EXPECT_OK(rules.Data(101, kMaxFrameBytes));
  EXPECT_OK(rules.Hole(5'000'000, 4'999'999));
  EXPECT_OK(rules.Flush());
  EXPECT_OK(rules.Data(9'999'999, 1));
  EXPECT_EQ(rules.position(), 10'000'000u);
  EXPECT_OK(rules.End());
}

TEST(RangeRulesTest, WhatIsBelowTheLastEndIsRefused) {
  RangeRules rules(1000, 100);
  EXPECT_THAT(rules.Data(99, 1), HasReasonCode(reason::kOffsetMismatch));
  ASSERT_OK(rules.Data(200, 50));
  EXPECT_THAT(rules.Hole(249, 1),
              AllOf(StatusIs(StatusCode::kOutOfRange, HasSubstr("250")),
                    HasReasonCode(reason::kOffsetMismatch)));
  EXPECT_EQ(rules.position(), 250u);
}

TEST(RangeRulesTest, WhatIsNotWithinTheArchiveIsRefused) {
  RangeRules rules(1000, 0);
  for (const auto& [offset, length] : {std::pair{uint64_t{0}, uint64_t{0}},
                                       {1000, 1},
                                       {999, 2},
                                       {1001, 1},
                                       {kMax, 1},
                                       {1, kMax},
                                       {kMax, kMax},
                                       {2000, 0}}) {
    EXPECT_THAT(rules.Data(offset, length),
                StatusIs(StatusCode::kInvalidArgument))
        << offset << " " << length;
    EXPECT_THAT(rules.Hole(offset, length),
                StatusIs(StatusCode::kInvalidArgument))
        << offset << " " << length;
  }
  RangeRules large(kMax, 0);
  EXPECT_THAT(large.Data(0, kMaxFrameBytes + 1),
              StatusIs(StatusCode::kInvalidArgument));
  EXPECT_EQ(rules.position(), 0u);
  EXPECT_EQ(large.position(), 0u);
}

TEST(RangeRulesTest, NothingFollowsTheEnd) {
  RangeRules rules(1000, 0);
  ASSERT_OK(rules.End());
  for (const absl::Status& status :
       {rules.Data(0, 1), rules.Hole(0, 1), rules.Flush(), rules.End()}) {
    EXPECT_THAT(status, StatusIs(StatusCode::kInvalidArgument));
  }
}

}  // namespace
}  // namespace cairn::ingest
