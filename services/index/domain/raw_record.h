#pragma once

#include <cstdint>
#include <string>

#include "common/model/record.h"

namespace cairn::index {

// A raw record in the plaintext domain, addressed by the SHA-256 of
// `payload`: what manifests and events are stored as.
Record MakeRawRecord(RecordKind kind, uint64_t sequence, std::string payload);

}  // namespace cairn::index
