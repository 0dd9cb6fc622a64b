#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/model/digest.h"

namespace cairn {

// Largest plain length of one record: the hard bound of every format and
// message that carries a chunk. Chunkers are configured below it.
inline constexpr uint64_t kMaxRecordPlainBytes = uint64_t{16} << 20;
// Largest stored length: an encoding may grow what does not compress, and
// encryption adds a nonce and a tag.
inline constexpr uint64_t kMaxRecordStoredBytes =
    kMaxRecordPlainBytes + (uint64_t{64} << 10);

// What a record of a pack is. Numbers are on disk: never reuse one.
enum class RecordKind : uint8_t {
  kChunk = 1,     // file data; key digest = SHA-256 of the plain bytes
  kPage = 2,      // a run of chunk references; digest of its encoding
  kManifest = 3,  // a snapshot as published; digest of its encoding
  kEvent = 4,     // one catalog change; digest of its encoding
};
std::string_view RecordKindName(RecordKind kind);

// How the payload of a record relates to its plain bytes. On disk.
enum class Encoding : uint8_t {
  kRaw = 1,
  kZstd = 2,
  kEncryptedRaw = 3,
  kEncryptedZstd = 4,
};
std::string_view EncodingName(Encoding encoding);
bool IsEncrypted(Encoding encoding);

// Who may write and share a chunk id. All zero is the plaintext domain, in
// which the server proves every digest. Others are derived from an owner and
// a key fingerprint; encodings never cross domains.
struct Domain {
  std::array<uint8_t, 16> bytes{};
  bool is_plaintext() const { return *this == Domain{}; }
  std::string_view view() const {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  friend auto operator<=>(const Domain&, const Domain&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const Domain& d) {
    return H::combine(std::move(h), d.bytes);
  }
};

// The identity of a record inside one datastore. Each kind has an id space
// of its own.
struct RecordKey {
  RecordKind kind = RecordKind::kChunk;
  Domain domain;
  Digest digest;

  // "chunk 0123…" with the whole digest; names the domain when not plaintext.
  std::string ToString() const;

  friend auto operator<=>(const RecordKey&, const RecordKey&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const RecordKey& k) {
    return H::combine(std::move(h), static_cast<uint8_t>(k.kind), k.domain,
                      k.digest);
  }
};

// One record as it is stored: `payload` is `encoding` of the plain bytes.
struct Record {
  RecordKey key;
  Encoding encoding = Encoding::kRaw;
  uint64_t plain_length = 0;  // bytes, 0..kMaxRecordPlainBytes
  Digest payload_digest;      // SHA-256 of `payload`
  uint64_t sequence = 0;      // catalog sequence of a manifest or event, else 0
  // Of a put: whoever hands this over has decoded the very bytes that
  // payload_digest is of, and found plain_length bytes of key.digest.
  bool proved = false;
  std::string payload;  // at most kMaxRecordStoredBytes
};

}  // namespace cairn
