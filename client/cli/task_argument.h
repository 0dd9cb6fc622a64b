#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "client/remote/maintenance_remote.h"

namespace cairn::client {

// So many characters of a task's UUID tell it apart, for people.
inline constexpr size_t kMinTaskPrefix = 4;

// A JOB argument, an id in `datastore` or a whole resource name, as a resource
// name. InvalidArgument: neither.
absl::StatusOr<std::string> ParseJobArgument(std::string_view text,
                                             const std::string& datastore);

// A TASK argument as a resource name: a UUID in `datastore`, its beginning of
// at least kMinTaskPrefix characters, or a whole resource name. Asks the
// server for what begins so.
// InvalidArgument: none of these, or several tasks begin so. NotFound: none
// does. Else the server's errors.
absl::StatusOr<std::string> ResolveTask(std::string_view text,
                                        const std::string& datastore,
                                        MaintenanceRemote& remote);

}  // namespace cairn::client
