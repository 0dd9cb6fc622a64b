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
// The same within a page that was there before: its new length was written,
// its new bytes were not.
//
// A file that ends in zeros can be tried without them: it is shortened to the
// sector behind its last byte that is not zero, or, where that leaves them
// all, to that byte. A record that was synced may end in zeros of its own,
// which look the same. So only a file whose end RocksDB refuses may stay
// shorter: nothing that was synced lies behind a record that was not. What is
// shortened in a trial is kept beside it (NAME.uncut) until Keep.
class ZeroTails {
 public:
  static constexpr uint64_t kSectorBytes = 512;
  // Fewer zeros are not taken for what a power cut leaves: a record that was
  // synced, and was damaged since, might end in them.
  static constexpr uint64_t kMinZeroBytes = 8;

  enum class Which { kLog, kManifest };

  // `directory` is a RocksDB directory that nobody has open. `files` outlives
  // the object.
  ZeroTails(FileSystem* files, std::string directory)
      : files_(files), directory_(std::move(directory)) {}

  // Shortens the newest write-ahead log or manifest. False if it does not end
  // in zeros.
  absl::StatusOr<bool> Cut(Which which);

  // Makes all files what they were before Cut, also those of a process that
  // died between Cut and Keep. To be called before the directory is opened.
  absl::Status Restore();

  // The trial was good: what was kept beside is removed.
  absl::Status Keep();

  // What was cut, for a log line: "000012.log from 8192 to 4608 bytes".
  std::string Describe() const;

 private:
  struct CutFile {
    std::string name;
    uint64_t old_size = 0;
    uint64_t new_size = 0;
  };

  std::string PathOf(const std::string& name) const;
  absl::Status SetAside(const CutFile& cut);

  FileSystem* const files_;
  const std::string directory_;
  std::vector<CutFile> cuts_;
};

}  // namespace cairn
