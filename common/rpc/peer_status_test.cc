#include "common/rpc/peer_status.h"

#include "common/rpc/status_conversion.h"
#include "common/status/reason.h"
#include "common/testing/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

TEST(PeerStatusTest, ACallThatTheServerGaveUpMayBeMadeAgain) {
  const absl::Status status =
      FromPeerStatus(grpc::Status(grpc::StatusCode::CANCELLED, "shutdown"));
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(status.message(), "the server gave the call up: shutdown");
  EXPECT_EQ(
      FromPeerStatus(grpc::Status(grpc::StatusCode::CANCELLED, "")).message(),
      "the server gave the call up");
}

TEST(PeerStatusTest, ReasonsAreKept) {
  const absl::Status status = FromPeerStatus(
      ToGrpcStatus(WithReason(absl::CancelledError("x"), "SOME_REASON")));
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(HasReason(status, "SOME_REASON"));
}

TEST(PeerStatusTest, EverythingElseStaysWhatItIs) {
  EXPECT_OK(FromPeerStatus(grpc::Status::OK));
  for (int code = 2; code <= 16; ++code) {
    EXPECT_EQ(FromPeerStatus(
                  grpc::Status(static_cast<grpc::StatusCode>(code), "text")),
              absl::Status(static_cast<absl::StatusCode>(code), "text"));
  }
}

}  // namespace
}  // namespace cairn
