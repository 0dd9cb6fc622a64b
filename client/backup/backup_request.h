#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "client/backup/archive_spec.h"
#include "client/backup/range_list.h"
#include "common/compression/zstd.h"
#include "common/model/names.h"

namespace cairn::client {

// How the bytes of files, devices, directories and pipes get to the server.
enum class BackupWay {
  kBest,    // as chunks if the server takes them
  kChunks,  // cut, hashed and compressed here; what is known is not sent
  kStream,  // raw; the server does the work
};

// What is kept on this machine so that another process can go on with a
// session whose own was killed.
struct ResumeOptions {
  bool resume = false;  // go on with the session that is kept, if it is open
  std::string server;   // its address, to tell one from another
  // The file to keep it in; empty: one named by the request in
  // `state_directory`, if that can be; empty too: none is kept.
  std::string state_file;
  std::string state_directory;
};

// Images that are written as those of a snapshot before, with some ranges
// changed: each that has a list, and one that comes from stdin, which is a
// diff. With a base there is such an image, and without one there is none.
struct ChangesRequest {
  // What the ranges are relative to: the newest snapshot of the group.
  std::optional<SnapshotName> base;
  std::map<std::string, RangeList> ranges;  // by archive; of files, devices
};

// What to back up, and as what.
struct BackupRequest {
  GroupName group;
  std::vector<ArchiveSpec> archives;  // 1..256, names distinct, stdin once
  std::string notes;
  std::optional<int64_t> backup_time;  // Unix seconds; unset: the server's
  std::string client_label;
  std::vector<std::string> exclude;  // of .tar archives
  bool all_file_systems = false;     // of .tar archives
  // But of blobs, which are one chunk, and of what is written as changes.
  BackupWay way = BackupWay::kBest;
  // Of what is compressed here: kMinZstdLevel to kMaxZstdLevel.
  int zstd_level = kDefaultZstdLevel;
  ChangesRequest changes;
  ResumeOptions resume;
};

// True if the archive is written as changes of the request's base.
inline bool IsWrittenAsChanges(const ArchiveSpec& spec,
                               const BackupRequest& request) {
  return request.changes.base.has_value() && spec.kind == ArchiveKind::kImage &&
         (spec.source == SourceKind::kPipe ||
          request.changes.ranges.count(spec.name) > 0);
}

}  // namespace cairn::client
