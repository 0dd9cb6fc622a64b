#pragma once

#include <grpcpp/support/status.h>

#include "absl/status/status.h"

namespace cairn {

// Longest error text on the wire, in bytes; longer ones are cut.
inline constexpr size_t kMaxStatusMessageBytes = 2048;
// Longest google.rpc.Status on the wire. With the text this stays below the
// 8 KiB of metadata that peers accept; where it would not, the metadata of
// the reason is left out and its code kept.
inline constexpr size_t kMaxStatusDetailsBytes = 4096;

// Same code and text. The reason (common/status/reason.h) becomes a
// google.rpc.ErrorInfo of the domain "cairn", the retry delay
// (retry_delay.h) a google.rpc.RetryInfo.
grpc::Status ToGrpcStatus(const absl::Status& status);

// The reverse. Details that are too long, damaged or of another domain are
// left out: the code and the text are always kept.
absl::Status FromGrpcStatus(const grpc::Status& status);

}  // namespace cairn
