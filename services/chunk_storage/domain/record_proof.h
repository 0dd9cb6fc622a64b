#pragma once

#include <span>

#include "absl/status/status.h"
#include "common/model/record.h"

// What a record must be before it is stored. Pure.
namespace cairn::chunk_storage {

inline constexpr size_t kMaxKeysPerCall = 4096;
inline constexpr size_t kMaxPutRecords = 4096;
inline constexpr uint64_t kMaxPutBytes = uint64_t{64} << 20;
inline constexpr size_t kMaxAppendRecords = 64;
inline constexpr uint64_t kMaxAppendRecordBytes = uint64_t{1} << 20;

// InvalidArgument (LIMIT_EXCEEDED): no keys or more than kMaxKeysPerCall.
absl::Status CheckKeys(std::span<const RecordKey> keys);

// The shape of a put: chunks and pages within the limits, each in an
// encoding that its domain allows. InvalidArgument names the record.
absl::Status CheckPut(std::span<const Record> records);

// The same for an append: manifests and events, in the plaintext domain, raw
// or zstd, each with a sequence above 0.
absl::Status CheckAppend(std::span<const Record> records);

// Proves of each that the payload has its payload digest and, in the plaintext
// domain, that it decodes to plain_length bytes whose digest is the key's. The
// latter is taken on trust of a chunk that is `proved`, unless it is raw, where
// it costs nothing. InvalidArgument names the first that does not prove.
// Holds the plain bytes of up to four records.
absl::Status ProveRecords(std::span<const Record> records);

}  // namespace cairn::chunk_storage
