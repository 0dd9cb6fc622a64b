#pragma once

#include <cstdint>
#include <string>

#include "cairn/model/v1/model.pb.h"
#include "common/compression/zstd.h"

namespace cairn::client {

// Which archive of which open session a sender writes, and how.
struct SendOptions {
  std::string session;  // resource name
  std::string archive;
  model::v1::ArchiveKind kind = model::v1::ARCHIVE_KIND_STREAM;
  // Asks for a watermark after this many bytes without one; 0: never,
  // the server's own interval is short enough.
  uint64_t flush_interval_bytes = 0;
  // Of what is compressed here: kMinZstdLevel to kMaxZstdLevel.
  int zstd_level = kDefaultZstdLevel;
};

}  // namespace cairn::client
