#pragma once

#include <cstdint>
#include <optional>

#include "cairn/ingest/v1/backup_service.pb.h"

namespace cairn::client {

// What the server has of an archive that was sent whole, and what that cost.
// The counts are of all streams of the run: what a broken one lost and another
// did again counts twice.
struct SentArchive {
  uint64_t size_bytes = 0;
  uint64_t read_bytes = 0;  // of the source, holes included
  uint64_t sent_bytes = 0;  // of messages to the server
  // Of the archive, taken from its base or named instead of sent.
  uint64_t reused_bytes = 0;
  // Set if one stream carried the whole archive; else nobody has counted.
  std::optional<ingest::v1::WriteStatistics> statistics;
};

}  // namespace cairn::client
