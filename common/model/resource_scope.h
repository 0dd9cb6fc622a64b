#pragma once

#include <string_view>

#include "absl/status/status.h"

namespace cairn {

// Whether `name` is the resource `scope` or lies below it. Both are written
// as common/model/names.h says, where each has one form only, so that this is
// a matter of prefixes. An empty scope holds everything; an empty name lies
// in no other scope.
bool IsInScope(std::string_view scope, std::string_view name);

// PermissionDenied (OUT_OF_SCOPE) if `name` is not in `scope`.
absl::Status CheckInScope(std::string_view scope, std::string_view name);

// The error for `what` ("resource x") that is not in `scope`.
absl::Status OutOfScope(std::string_view what, std::string_view scope);

// The "datastores/{d}" that a resource name begins with; empty: with none.
std::string_view DatastoreOf(std::string_view name);

}  // namespace cairn
