#pragma once

// Reasons (common/status/reason.h) of errors about tokens; error.proto has them
// too.
namespace cairn::reason {

// ALREADY_EXISTS: an active token has the name, or the request made one before
// whose text cannot be told again.
inline constexpr char kTokenExists[] = "TOKEN_EXISTS";
// NOT_FOUND: there is no such token, or none any more.
inline constexpr char kTokenUnknown[] = "TOKEN_UNKNOWN";

}  // namespace cairn::reason
