#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/io/file_system.h"

namespace cairn {

// What a power cut may leave at the end of a log that was being written: a
// file system that has made a file longer before its bytes were there reads
// as zeros up to the new end (ext4 with delayed allocation, XFS). RocksDB
// takes a record that is cut off by the end of its log for what it is, but
// not one that goes on in zeros.
//
// A log whose end is at least one sector of zeros is shortened to the sector
// behind the last byte that is not zero. Nothing that was synced is cut off,
// since synced bytes are there; zeros that belonged to a record are given
// back by Undo.
class ZeroTails {
 public:
  static constexpr uint64_t kSectorBytes = 512;

  // `directory` is a RocksDB directory that nobody has open. `files` outlives
  // the object.
  ZeroTails(FileSystem* files, std::string directory)
      : files_(files), directory_(std::move(directory)) {}

  // Cuts the newest write-ahead log and the newest manifest. True if there
  // was something to cut. A kill leaves each file as it was or cut.
  absl::StatusOr<bool> Cut();

  // Makes the files what they were before Cut.
  absl::Status Undo();

  // What was cut, for a log line: "000012.log from 8192 to 4608 bytes".
  std::string Describe() const;

 private:
  struct CutFile {
    std::string name;
    uint64_t old_size = 0;
    uint64_t new_size = 0;
  };

  std::string PathOf(const std::string& name) const;
  absl::Status CutFileOf(const std::string& name);
  absl::Status Shorten(const CutFile& cut);

  FileSystem* const files_;
  const std::string directory_;
  std::vector<CutFile> cuts_;
};

}  // namespace cairn
