#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "client/backup/archive_spec.h"
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

// What to back up, and as what.
struct BackupRequest {
  GroupName group;
  std::vector<ArchiveSpec> archives;  // 1..256, names distinct, stdin once
  std::string notes;
  std::optional<int64_t> backup_time;  // Unix seconds; unset: the server's
  std::string client_label;
  std::vector<std::string> exclude;  // of .tar archives
  bool all_file_systems = false;     // of .tar archives
  BackupWay way = BackupWay::kBest;  // but of blobs, which are one chunk
  ResumeOptions resume;
};

}  // namespace cairn::client
