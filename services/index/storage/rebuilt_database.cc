#include "services/index/storage/rebuilt_database.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/status/status_macros.h"

namespace cairn::index {
namespace {

constexpr int kMaxFormer = 1000;

bool Contains(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

absl::Status DecideForRebuilt(FileSystem& files, const std::string& directory) {
  // What was created in it is durable before its name means something.
  RETURN_IF_ERROR(
      files.SyncDirectory(absl::StrCat(directory, "/", kBuildingName)));
  RETURN_IF_ERROR(files.Rename(absl::StrCat(directory, "/", kBuildingName),
                               absl::StrCat(directory, "/", kRebuiltName)));
  return files.SyncDirectory(directory);
}

absl::StatusOr<Replacement> PutRebuiltInPlace(FileSystem& files,
                                              const std::string& directory) {
  ASSIGN_OR_RETURN(const std::vector<std::string> names, files.List(directory));
  Replacement replacement;
  if (!Contains(names, kRebuiltName)) return replacement;
  const std::string database = absl::StrCat(directory, "/", kDatabaseName);
  if (Contains(names, kDatabaseName)) {
    for (int n = 1; n <= kMaxFormer && replacement.former.empty(); ++n) {
      const std::string name = absl::StrCat("db.former-", n);
      if (Contains(names, name)) continue;
      replacement.former = absl::StrCat(directory, "/", name);
    }
    if (replacement.former.empty()) {
      return absl::ResourceExhaustedError(
          absl::StrCat(directory, ": holds ", kMaxFormer,
                       " former databases; remove some and try again"));
    }
    RETURN_IF_ERROR(files.Rename(database, replacement.former));
  }
  RETURN_IF_ERROR(
      files.Rename(absl::StrCat(directory, "/", kRebuiltName), database));
  RETURN_IF_ERROR(files.SyncDirectory(directory));
  replacement.done = true;
  return replacement;
}

}  // namespace cairn::index
