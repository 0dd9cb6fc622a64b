#pragma once

#include <string_view>

#include "common/model/call.h"

// How roles are written: in certificates, tokens, logs and errors.
namespace cairn {

// "reader", "backup", "operator", "admin", "ingest", "index",
// "chunk_storage", "maintenance"; "none" for kNone and for no role.
std::string_view RoleName(CallerRole role);

// The role of people of this name; "client" is another word for backup.
// kNone: there is none.
CallerRole FindPersonRole(std::string_view name);

// The role of the service of this name, or kNone.
CallerRole FindServiceRole(std::string_view name);

}  // namespace cairn
