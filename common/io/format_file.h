#pragma once

#include <cstdint>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/io/checked_text.h"
#include "common/model/uuid.h"

// FORMAT: what a data directory is, and who may open it.
namespace cairn {

// Names of features that data in a directory uses. A release that does not
// know a compatible one may go on, an unknown read-only compatible one
// forbids writing, an unknown incompatible one forbids opening. A name is
// 1..64 of [a-z0-9_-].
struct FeatureSets {
  std::set<std::string> compatible;
  std::set<std::string> read_only_compatible;
  std::set<std::string> incompatible;
  friend bool operator==(const FeatureSets&, const FeatureSets&) = default;
};

struct FormatFile {
  Uuid uuid;
  std::string service;   // "index", "chunk_storage", ...
  uint32_t version = 0;  // of the layout as a whole, 1..
  FeatureSets features;
  std::string release;  // the oldest that is known to read it
  friend bool operator==(const FormatFile&, const FormatFile&) = default;
};

// What a release of a service reads and writes.
struct FormatSupport {
  std::string service;
  uint32_t version = 1;  // it reads 1..version
  FeatureSets features;
  std::string release;
};

TextFields EncodeFormat(const FormatFile& format);

// DataLoss: fields are missing or not what EncodeFormat writes. Fields that
// a newer version added are passed over.
absl::StatusOr<FormatFile> DecodeFormat(const TextFields& fields);

// FailedPrecondition, with what was found and what to do: another service's
// directory, a newer version, or a feature that is not in `support` and
// forbids this use.
absl::Status CheckFormat(const FormatFile& format, const FormatSupport& support,
                         bool read_only);

}  // namespace cairn
