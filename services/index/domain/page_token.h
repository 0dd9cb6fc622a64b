#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/model/digest.h"

// The opaque token between two pages of a list: where the next page starts,
// bound to the query it belongs to. Web-safe base64 of
//   version 1 (1 byte), query digest (first 16 bytes), position,
//   checksum (first 8 bytes of SHA-256 of all before)
// It is no secret and no permission: a position is checked against the range
// of the query by whoever uses it.
namespace cairn::index {

std::string EncodePageToken(const Digest& query, std::string_view position);

// The position. InvalidArgument (PAGE_TOKEN_INVALID): garbled, of another
// version, or of another query.
absl::StatusOr<std::string> DecodePageToken(const Digest& query,
                                            std::string_view token);

absl::Status PageTokenInvalid(std::string_view why);

}  // namespace cairn::index
