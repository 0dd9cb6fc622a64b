#include "common/rpc/status_conversion.h"

#include <fstream>
#include <random>
#include <regex>
#include <sstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "cairn/model/v1/error.pb.h"
#include "common/rpc/library_logs.h"
#include "common/status/reason.h"
#include "common/status/retry_delay.h"
#include "common/testing/seed.h"
#include "common/testing/status_matchers.h"
#include "gmock/gmock.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

using ::testing::SizeIs;
using ::testing::StartsWith;

TEST(StatusConversionTest, EveryCodeAndTextRoundTrips) {
  for (int code = 1; code <= 16; ++code) {
    const absl::Status status(static_cast<absl::StatusCode>(code),
                              "snapshot vm/100 is gone");
    const grpc::Status wire = ToGrpcStatus(status);
    EXPECT_EQ(static_cast<int>(wire.error_code()), code);
    EXPECT_EQ(FromGrpcStatus(wire), status);
  }
  EXPECT_TRUE(ToGrpcStatus(absl::OkStatus()).ok());
  EXPECT_OK(FromGrpcStatus(grpc::Status::OK));
}

TEST(StatusConversionTest, ReasonAndRetryDelayRoundTrip) {
  const absl::Status status =
      WithRetryDelay(WithReason(absl::ResourceExhaustedError("volume is full"),
                                reason::kStorageFull, {{"free_bytes", "17"}}),
                     absl::Milliseconds(1500));
  const absl::Status back = FromGrpcStatus(ToGrpcStatus(status));
  EXPECT_EQ(back, status);
  EXPECT_EQ(ReasonOf(back)->metadata.at("free_bytes"), "17");
  EXPECT_EQ(RetryDelayOf(back), absl::Milliseconds(1500));
}

TEST(StatusConversionTest, DetailsAreTheWellKnownMessages) {
  const grpc::Status wire = ToGrpcStatus(
      WithReason(absl::AbortedError("fenced"), reason::kSessionFenced));
  google::rpc::Status details;
  ASSERT_TRUE(details.ParseFromString(wire.error_details()));
  EXPECT_EQ(details.code(), 10);
  EXPECT_EQ(details.message(), "fenced");
  ASSERT_EQ(details.details_size(), 1);
  EXPECT_EQ(details.details(0).type_url(),
            "type.googleapis.com/google.rpc.ErrorInfo");
  google::rpc::ErrorInfo info;
  ASSERT_TRUE(details.details(0).UnpackTo(&info));
  EXPECT_EQ(info.domain(), "cairn");
  EXPECT_EQ(info.reason(), "SESSION_FENCED");
}

TEST(StatusConversionTest, LongTextsAndMetadataAreCutAndTheReasonKept) {
  std::map<std::string, std::string> metadata;
  for (int i = 0; i < 16; ++i) {
    metadata[absl::StrCat("key", i)] = std::string(1024, 'v');
  }
  const grpc::Status wire =
      ToGrpcStatus(WithReason(absl::AbortedError(std::string(100000, 'x')),
                              reason::kSessionFenced, metadata));
  EXPECT_THAT(wire.error_message(), SizeIs(kMaxStatusMessageBytes));
  EXPECT_LE(wire.error_details().size(), kMaxStatusDetailsBytes);
  EXPECT_THAT(FromGrpcStatus(wire), HasReasonCode(reason::kSessionFenced));
}

TEST(StatusConversionTest, BytesThatAreNoTextDoNotDestroyTheDetails) {
  const absl::Status back = FromGrpcStatus(
      ToGrpcStatus(WithReason(absl::NotFoundError("name \xff\xfe"),
                              reason::kRecordMissing, {{"name", "\xc3"}})));
  EXPECT_EQ(back.message(), "name ??");
  EXPECT_THAT(back, HasReasonCode(reason::kRecordMissing));
}

TEST(StatusConversionTest, OtherDomainsAreNotOurReasons) {
  google::rpc::ErrorInfo info;
  info.set_domain("example.com");
  info.set_reason("SESSION_FENCED");
  google::rpc::Status details;
  details.add_details()->PackFrom(info);
  EXPECT_FALSE(
      ReasonOf(FromGrpcStatus(grpc::Status(grpc::StatusCode::ABORTED, "x",
                                           details.SerializeAsString())))
          .has_value());
}

TEST(StatusConversionTest, HostileDetailsKeepCodeAndText) {
  InitializeLibraryLogs();  // the parser tells each error otherwise
  std::mt19937_64 random(TestSeed());
  const std::string good =
      ToGrpcStatus(WithRetryDelay(WithReason(absl::AbortedError("x"),
                                             "SOME_REASON", {{"a", "b"}}),
                                  absl::Seconds(1)))
          .error_details();
  for (int round = 0; round < 20000; ++round) {
    std::string details = good;
    const int changes = 1 + static_cast<int>(random() % 4);
    for (int i = 0; i < changes; ++i) {
      details[random() % details.size()] = static_cast<char>(random());
    }
    if (random() % 4 == 0) details.resize(random() % details.size());
    const absl::Status status = FromGrpcStatus(
        grpc::Status(grpc::StatusCode::ABORTED, "text", details));
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kAborted, "text"));
    const auto delay = RetryDelayOf(status);
    EXPECT_LE(delay.value_or(absl::ZeroDuration()), kMaxRetryDelay);
    EXPECT_GE(delay.value_or(absl::ZeroDuration()), absl::ZeroDuration());
  }
  EXPECT_THAT(FromGrpcStatus(grpc::Status(grpc::StatusCode::ABORTED, "text",
                                          std::string(1 << 20, '\n'))),
              StatusIs(absl::StatusCode::kAborted, "text"));
}

TEST(StatusConversionTest, UnknownCodesAreUnknown) {
  EXPECT_THAT(
      FromGrpcStatus(grpc::Status(grpc::StatusCode::DO_NOT_USE, "strange")),
      StatusIs(absl::StatusCode::kUnknown, "strange"));
}

TEST(RetryDelayTest, IsClampedAndNotPutOnSuccess) {
  EXPECT_EQ(RetryDelayOf(absl::AbortedError("x")), std::nullopt);
  EXPECT_EQ(RetryDelayOf(WithRetryDelay(absl::OkStatus(), absl::Seconds(1))),
            std::nullopt);
  EXPECT_EQ(RetryDelayOf(WithRetryDelay(absl::AbortedError("x"),
                                        absl::InfiniteDuration())),
            kMaxRetryDelay);
  EXPECT_EQ(
      RetryDelayOf(WithRetryDelay(absl::AbortedError("x"), -absl::Seconds(1))),
      absl::ZeroDuration());
}

// The proto is what clients in other languages read.
TEST(ErrorProtoTest, ListsEveryReasonOfTheCode) {
  std::stringstream text;
  for (const char* path :
       {"common/status/reason.h", "common/token/token_reasons.h"}) {
    text << std::ifstream(path).rdbuf();
  }
  const std::string header = text.str();
  const std::regex constant("char k[A-Za-z]+\\[\\] = \"([A-Z_]+)\"");
  int found = 0;
  for (std::sregex_iterator at(header.begin(), header.end(), constant), end;
       at != end; ++at, ++found) {
    model::v1::ErrorReason value;
    EXPECT_TRUE(model::v1::ErrorReason_Parse(
        absl::StrCat("ERROR_REASON_", (*at)[1].str()), &value))
        << (*at)[1].str() << " is not in error.proto";
  }
  EXPECT_EQ(found, model::v1::ErrorReason_ARRAYSIZE - 1);
}

}  // namespace
}  // namespace cairn
