#include "services/ingest/domain/stream_rules.h"

#include "common/model/archive.h"
#include "common/model/record.h"
#include "common/page/page.h"
#include "common/status/reason.h"
#include "common/testing/status_matchers.h"

namespace cairn::ingest {
namespace {

using absl::StatusCode;

TEST(StreamRulesTest, FramesContinueWhereTheArchiveStands) {
  StreamRules rules(ArchiveKind::kStream, 100);
  EXPECT_OK(rules.Data(100, 10));
  EXPECT_OK(rules.Hole(110, 5));
  EXPECT_OK(rules.Flush());
  EXPECT_OK(rules.Data(115, 1));
  EXPECT_EQ(rules.position(), 116u);
  EXPECT_OK(rules.End(116));
}

TEST(StreamRulesTest, AnotherOffsetIsRefusedAndNamesTheRightOne) {
  StreamRules rules(ArchiveKind::kStream, 100);
  for (const uint64_t offset : {uint64_t{0}, uint64_t{99}, uint64_t{101}}) {
    const absl::Status status = rules.Data(offset, 10);
    EXPECT_THAT(status, StatusIs(StatusCode::kOutOfRange));
    EXPECT_THAT(status, HasReasonCode(reason::kOffsetMismatch));
    EXPECT_EQ(ReasonOf(status)->metadata.at("expected"), "100");
    EXPECT_THAT(rules.Hole(offset, 10), StatusIs(StatusCode::kOutOfRange));
  }
  EXPECT_THAT(rules.End(101), HasReasonCode(reason::kOffsetMismatch));
  EXPECT_EQ(rules.position(), 100u);
  EXPECT_OK(rules.End(100));
}

TEST(StreamRulesTest, FramesHaveBounds) {
  StreamRules rules(ArchiveKind::kStream, 0);
  EXPECT_THAT(rules.Data(0, 0), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(rules.Data(0, kMaxFrameBytes + 1),
              StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(rules.Hole(0, 0), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_OK(rules.Data(0, kMaxFrameBytes));
  EXPECT_THAT(rules.Hole(kMaxFrameBytes, kMaxArchiveBytes),
              StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(rules.Hole(kMaxFrameBytes, ~uint64_t{0}),
              StatusIs(StatusCode::kInvalidArgument));
  EXPECT_OK(rules.Hole(kMaxFrameBytes, kMaxArchiveBytes - kMaxFrameBytes));
  EXPECT_THAT(rules.Data(kMaxArchiveBytes, 1),
              StatusIs(StatusCode::kInvalidArgument));
}

TEST(StreamRulesTest, NothingFollowsTheEnd) {
  StreamRules rules(ArchiveKind::kStream, 0);
  EXPECT_OK(rules.End(0));
  EXPECT_THAT(rules.Data(0, 1), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(rules.Hole(0, 1), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(rules.Flush(), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(rules.End(0), StatusIs(StatusCode::kInvalidArgument));
}

TEST(StreamRulesTest, ABlobIsOneChunkWithoutHoles) {
  StreamRules rules(ArchiveKind::kBlob, 0);
  EXPECT_THAT(rules.Hole(0, 1), StatusIs(StatusCode::kInvalidArgument));
  uint64_t at = 0;
  for (; at < kMaxRecordPlainBytes; at += kMaxFrameBytes) {
    EXPECT_OK(rules.Data(at, kMaxFrameBytes));
  }
  EXPECT_THAT(rules.Data(at, 1), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_OK(rules.End(kMaxRecordPlainBytes));
}

}  // namespace
}  // namespace cairn::ingest
