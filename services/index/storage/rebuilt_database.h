#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "common/io/file_system.h"

// How a rebuilt database takes the place of the one in use, in a data
// directory that this process holds:
//
//   db            in use
//   db.rebuild    being built; means nothing, and is begun anew
//   db.rebuilt    whole and synced: it takes the place of db, whoever comes
//   db.former-N   what was replaced; never read again
//
// The rename to db.rebuilt decides: whatever dies before it leaves the old
// database, and whatever dies after it the new one, at the latest when the
// next start or rebuild has finished what was begun.
namespace cairn::index {

inline constexpr char kDatabaseName[] = "db";
inline constexpr char kBuildingName[] = "db.rebuild";
inline constexpr char kRebuiltName[] = "db.rebuilt";

// Makes db.rebuild, which is whole, synced and closed, to be db.rebuilt.
absl::Status DecideForRebuilt(FileSystem& files, const std::string& directory);

struct Replacement {
  bool done = false;   // there was a db.rebuilt
  std::string former;  // path of what was db; empty: there was none
};
// Puts db.rebuilt in the place of db, if there is one. ResourceExhausted: a
// thousand former databases are kept.
absl::StatusOr<Replacement> PutRebuiltInPlace(FileSystem& files,
                                              const std::string& directory);

}  // namespace cairn::index
