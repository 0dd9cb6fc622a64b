#include "common/status/reason.h"

#include <string>

#include "absl/status/status.h"
#include "absl/strings/cord.h"
#include "common/testing/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

using ::testing::Eq;
using ::testing::Not;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

TEST(ReasonTest, IsReadBackAsAttached) {
  const absl::Status status =
      WithReason(absl::AbortedError("fenced"), reason::kSessionFenced,
                 {{"fence", "7"}, {"epoch", "6"}});
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kAborted, "fenced"));
  const std::optional<Reason> reason = ReasonOf(status);
  ASSERT_TRUE(reason.has_value());
  EXPECT_EQ(reason->code, "SESSION_FENCED");
  EXPECT_THAT(reason->metadata,
              UnorderedElementsAre(Pair("fence", "7"), Pair("epoch", "6")));
}

TEST(ReasonTest, IsMissingUnlessAttached) {
  EXPECT_FALSE(ReasonOf(absl::AbortedError("x")).has_value());
  EXPECT_FALSE(ReasonOf(absl::OkStatus()).has_value());
  EXPECT_THAT(absl::AbortedError("x"),
              Not(HasReasonCode(reason::kSessionFenced)));
}

TEST(ReasonTest, LeavesOkAlone) {
  EXPECT_THAT(WithReason(absl::OkStatus(), reason::kDraining), IsOk());
}

TEST(ReasonTest, ReplacesAnEarlierReason) {
  absl::Status status =
      WithReason(absl::AbortedError("x"), reason::kDraining, {{"a", "b"}});
  status = WithReason(status, reason::kStaleToken);
  EXPECT_TRUE(HasReason(status, reason::kStaleToken));
  EXPECT_FALSE(HasReason(status, reason::kDraining));
  EXPECT_TRUE(ReasonOf(status)->metadata.empty());
}

TEST(ReasonTest, RefusesCodesOfAnotherForm) {
  for (const std::string& code :
       {std::string(), std::string("lower"), std::string("1A"),
        std::string("A B"), std::string(64, 'A'), std::string("A\0B", 3)}) {
    EXPECT_FALSE(
        ReasonOf(WithReason(absl::AbortedError("x"), code)).has_value())
        << code;
  }
  EXPECT_TRUE(
      HasReason(WithReason(absl::AbortedError("x"), std::string(63, 'A')),
                std::string(63, 'A')));
}

TEST(ReasonTest, CutsMetadataAboveItsLimits) {
  std::map<std::string, std::string> metadata;
  for (int i = 10; i < 40; ++i) metadata[std::to_string(i)] = "v";
  metadata["10"] = std::string(5000, 'v');
  metadata[std::string(100, '0')] = "long key";
  const std::optional<Reason> reason =
      ReasonOf(WithReason(absl::AbortedError("x"), "CODE", metadata));
  ASSERT_TRUE(reason.has_value());
  EXPECT_EQ(reason->metadata.size(), 16u);
  EXPECT_EQ(reason->metadata.at("10").size(), 1024u);
  EXPECT_EQ(reason->metadata.count(std::string(64, '0')), 1u);
}

TEST(ReasonTest, IgnoresAGarbledPayload) {
  const absl::Status good =
      WithReason(absl::AbortedError("x"), "CODE", {{"key", "value"}});
  std::string url;
  std::string payload;
  good.ForEachPayload([&](absl::string_view type_url, const absl::Cord& cord) {
    url = std::string(type_url);
    payload = std::string(cord);
  });
  ASSERT_FALSE(payload.empty());
  for (size_t length = 0; length < payload.size(); ++length) {
    absl::Status cut = absl::AbortedError("x");
    cut.SetPayload(url, absl::Cord(payload.substr(0, length)));
    EXPECT_FALSE(ReasonOf(cut).has_value()) << length;
  }
  absl::Status longer = absl::AbortedError("x");
  longer.SetPayload(url, absl::Cord(payload + "x"));
  EXPECT_FALSE(ReasonOf(longer).has_value());
}

TEST(WithContextTest, KeepsCodeAndReason) {
  const absl::Status inner = WithReason(absl::NotFoundError("gone"),
                                        reason::kRecordMissing, {{"k", "v"}});
  const absl::Status outer = WithContext(inner, "gc run 7");
  EXPECT_THAT(outer,
              StatusIs(absl::StatusCode::kNotFound, Eq("gc run 7: gone")));
  EXPECT_THAT(outer, HasReasonCode(reason::kRecordMissing));
  EXPECT_THAT(ReasonOf(outer)->metadata, UnorderedElementsAre(Pair("k", "v")));
}

TEST(WithContextTest, LeavesOkAlone) {
  EXPECT_THAT(WithContext(absl::OkStatus(), "context"), IsOk());
}

}  // namespace
}  // namespace cairn
