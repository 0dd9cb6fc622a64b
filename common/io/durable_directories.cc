#include "common/io/durable_directories.h"

#include <vector>

#include "common/status/status_macros.h"

namespace cairn {

std::string ParentDirectory(const std::string& path) {
  const size_t slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

absl::Status CreateDirectoriesDurably(FileSystem& files,
                                      const std::string& path) {
  std::vector<std::string> missing;
  for (std::string at = path; at != "/" && at != ".";
       at = ParentDirectory(at)) {
    const absl::Status listed = files.List(at).status();
    if (!listed.ok() && !absl::IsNotFound(listed) && at == path) return listed;
    if (!absl::IsNotFound(listed)) break;  // it is there, readable or not
    missing.push_back(at);
  }
  if (missing.empty()) return absl::OkStatus();
  RETURN_IF_ERROR(files.CreateDirectories(path));
  for (const std::string& created : missing) {
    RETURN_IF_ERROR(files.SyncDirectory(ParentDirectory(created)));
  }
  return absl::OkStatus();
}

}  // namespace cairn
