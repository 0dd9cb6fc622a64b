#include "common/rpc/status_conversion.h"

#include <optional>
#include <string>
#include <utility>

#include "absl/time/time.h"
#include "common/status/reason.h"
#include "common/status/retry_delay.h"
#include "common/text/utf8.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace cairn {
namespace {

constexpr char kDomain[] = "cairn";
// What a server of another make may send at most.
constexpr size_t kMaxForeignDetailsBytes = 16384;
constexpr int kMaxForeignDetails = 16;

// The codes have the same numbers in both worlds.
absl::StatusCode ToAbslCode(grpc::StatusCode code) {
  const int number = static_cast<int>(code);
  if (number < 0 || number > 16) return absl::StatusCode::kUnknown;
  return static_cast<absl::StatusCode>(number);
}

grpc::StatusCode ToGrpcCode(absl::StatusCode code) {
  const int number = static_cast<int>(code);
  if (number < 0 || number > 16) return grpc::StatusCode::UNKNOWN;
  return static_cast<grpc::StatusCode>(number);
}

void AddReason(const Reason& reason, bool with_metadata,
               google::rpc::Status* details) {
  google::rpc::ErrorInfo info;
  info.set_reason(reason.code);
  info.set_domain(kDomain);
  if (with_metadata) {
    for (const auto& [key, value] : reason.metadata) {
      (*info.mutable_metadata())[ToValidUtf8(key, key.size())] =
          ToValidUtf8(value, value.size());
    }
  }
  details->add_details()->PackFrom(info);
}

void AddRetryDelay(absl::Duration delay, google::rpc::Status* details) {
  google::rpc::RetryInfo info;
  const int64_t seconds = absl::IDivDuration(delay, absl::Seconds(1), &delay);
  info.mutable_retry_delay()->set_seconds(seconds);
  info.mutable_retry_delay()->set_nanos(
      static_cast<int32_t>(absl::ToInt64Nanoseconds(delay)));
  details->add_details()->PackFrom(info);
}

std::string EncodeDetails(grpc::StatusCode code, const std::string& message,
                          const std::optional<Reason>& reason,
                          std::optional<absl::Duration> delay,
                          bool with_metadata) {
  google::rpc::Status details;
  details.set_code(static_cast<int>(code));
  details.set_message(message);
  if (reason.has_value()) AddReason(*reason, with_metadata, &details);
  if (delay.has_value()) AddRetryDelay(*delay, &details);
  return details.SerializeAsString();
}

absl::Status WithDetail(absl::Status status,
                        const google::protobuf::Any& detail) {
  if (detail.Is<google::rpc::ErrorInfo>()) {
    google::rpc::ErrorInfo info;
    if (!detail.UnpackTo(&info) || info.domain() != kDomain) return status;
    return WithReason(std::move(status), info.reason(),
                      {info.metadata().begin(), info.metadata().end()});
  }
  if (detail.Is<google::rpc::RetryInfo>()) {
    google::rpc::RetryInfo info;
    if (!detail.UnpackTo(&info)) return status;
    return WithRetryDelay(std::move(status),
                          absl::Seconds(info.retry_delay().seconds()) +
                              absl::Nanoseconds(info.retry_delay().nanos()));
  }
  return status;
}

}  // namespace

grpc::Status ToGrpcStatus(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  const grpc::StatusCode code = ToGrpcCode(status.code());
  std::string message = ToValidUtf8(status.message(), kMaxStatusMessageBytes);
  const std::optional<Reason> reason = ReasonOf(status);
  const std::optional<absl::Duration> delay = RetryDelayOf(status);
  if (!reason.has_value() && !delay.has_value()) {
    return grpc::Status(code, std::move(message));
  }
  std::string details = EncodeDetails(code, message, reason, delay, true);
  if (details.size() > kMaxStatusDetailsBytes) {
    details = EncodeDetails(code, message, reason, delay, false);
  }
  return grpc::Status(code, std::move(message), std::move(details));
}

absl::Status FromGrpcStatus(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  absl::Status result(
      ToAbslCode(status.error_code()),
      ToValidUtf8(status.error_message(), kMaxStatusMessageBytes));
  const std::string details = status.error_details();
  google::rpc::Status parsed;
  if (details.empty() || details.size() > kMaxForeignDetailsBytes ||
      !parsed.ParseFromString(details) ||
      parsed.details_size() > kMaxForeignDetails) {
    return result;
  }
  for (const google::protobuf::Any& detail : parsed.details()) {
    result = WithDetail(std::move(result), detail);
  }
  return result;
}

}  // namespace cairn
