#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/random/bit_gen_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/io/directory_lock.h"
#include "common/io/file_system.h"
#include "common/io/format_file.h"
#include "common/model/uuid.h"

namespace cairn {

// The directory in which a service keeps all it owns, held by this process
// alone while this object lives. Files in it of this class: LOCK, FORMAT,
// INCARNATION and their ".tmp".
class DataDirectory {
 public:
  struct Options {
    std::string path;
    FormatSupport support;
    // What a directory without FORMAT may hold all the same: a rebuild takes
    // over what is left of one. Its incarnations then start at a random
    // number, because nobody knows which there were.
    std::vector<std::string> may_hold;
    // Opens an existing directory, and leaves FORMAT and INCARNATION alone.
    bool read_only = false;
    // False where `files` is not the machine's: nothing is locked.
    bool take_lock = true;
  };

  // Creates the directory (mode 0700) if it is not there, locks it, reads
  // FORMAT or writes it into a new directory, and raises the incarnation.
  // All of it is durable on return. `random` is for the UUID of a new one;
  // `files` is not kept.
  //
  // FailedPrecondition: another process holds the lock, the path is a
  // symbolic link, there are files but no FORMAT, or FORMAT names what
  // `support` does not have. DataLoss, naming the file: FORMAT or
  // INCARNATION is damaged, or INCARNATION is gone.
  static absl::StatusOr<std::unique_ptr<DataDirectory>> Open(
      const Options& options, FileSystem* files, absl::BitGenRef random);

  // Without trailing slashes.
  const std::string& path() const { return path_; }
  const Uuid& uuid() const { return format_.uuid; }
  // 1 at the first Open, and larger with each one after.
  uint64_t incarnation() const { return incarnation_; }
  const FormatFile& format() const { return format_; }

 private:
  DataDirectory(std::string path, std::unique_ptr<DirectoryLock> lock,
                FormatFile format, uint64_t incarnation);

  const std::string path_;
  const std::unique_ptr<DirectoryLock> lock_;  // null if none was taken
  const FormatFile format_;
  const uint64_t incarnation_;
};

}  // namespace cairn
