#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "client/backup/exclude_list.h"
#include "client/posix/local_file.h"
#include "client/transfer/problem_log.h"

namespace cairn::client {

// One name of a tree. The descriptors belong to the walker and are good until
// its next Next.
struct WalkEntry {
  std::string path;    // relative to the top; "." for the top itself
  std::string name;    // in `parent`
  int parent = -1;     // descriptor of the directory; -1 for the top
  int directory = -1;  // of the entry itself if it is a directory, or -1
  struct stat status = {};
};

// Walks a tree depth first, each directory before what is in it and names in
// byte order, so that an unchanged tree gives the same sequence. Never
// follows a symbolic link below the top, not even one that replaces a
// directory meanwhile: everything is opened relative to its parent. What
// cannot be read goes to the problem log and is left out. Holds one
// descriptor per level and the names of the directories on the way.
class DirectoryWalker {
 public:
  static constexpr size_t kMaxDepth = 512;
  static constexpr size_t kMaxNames = 16 * 1024 * 1024;  // of one directory

  struct Options {
    std::string top;
    ExcludeList exclude;
    bool all_file_systems = false;
  };

  // `problems` outlives the walker. LocalErrors about the top.
  static absl::StatusOr<std::unique_ptr<DirectoryWalker>> Open(
      Options options, ProblemLog* problems);

  // nullopt: that was all.
  std::optional<WalkEntry> Next();

 private:
  struct Level {
    FileDescriptor directory;
    std::string path;  // "" or ending in a slash
    std::vector<std::string> names;
    size_t next = 0;
  };

  DirectoryWalker(Options options, ProblemLog* problems)
      : options_(std::move(options)), problems_(problems) {}

  std::optional<WalkEntry> Visit(const std::string& name);
  // Opens a directory and makes it the deepest level. -1: told as a problem.
  int Descend(const WalkEntry& entry);

  const Options options_;
  ProblemLog* const problems_;
  std::optional<WalkEntry> top_;  // until it was handed out
  uint64_t device_ = 0;           // of the top
  std::vector<Level> levels_;     // the deepest last
};

}  // namespace cairn::client
