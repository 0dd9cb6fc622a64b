#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "client/backup/backup_request.h"

namespace cairn::client {

// Two requests with one digest back up the same, as the same. Hexadecimal. How
// the bytes travel, and through which server, does not matter.
std::string DigestOfRequest(const BackupRequest& request);

// What the files of a request look like now: another digest means that one
// was written, as far as the file system tells, or is said to have changed
// elsewhere. Of devices only the size is looked at, of directories and pipes
// nothing. Hexadecimal. LocalErrors.
absl::StatusOr<std::string> DigestOfSources(const BackupRequest& request);

}  // namespace cairn::client
