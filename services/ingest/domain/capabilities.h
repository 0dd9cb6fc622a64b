#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace cairn::ingest {

// What this server speaks and what it limits.
struct Capabilities {
  std::vector<std::string> chunkers = {"poly-v1", "fixed-v1"};
  std::vector<std::string> encodings = {"raw", "zstd"};
  std::vector<std::string> features = {
      "write-stream", "resume",      "holes",        "blobs", "read-ranges",
      "write-chunks", "read-chunks", "write-ranges", "diff"};
  uint32_t max_frame_bytes = 0;
  uint64_t max_blob_bytes = 0;
  uint32_t max_archives = 0;  // of one session
  uint64_t watermark_interval_bytes = 0;
  absl::Duration lease_ttl;
  absl::Time server_time;
  uint32_t max_page_size = 0;
  uint64_t max_sessions = 0;  // open at one time, here
  uint64_t max_sessions_per_client = 0;
  uint64_t write_bandwidth = 0;  // bytes a second; 0: no limit
  uint64_t read_bandwidth = 0;
};

}  // namespace cairn::ingest
