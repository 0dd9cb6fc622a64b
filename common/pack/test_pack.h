#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/io/file_system.h"
#include "common/model/record.h"
#include "common/model/uuid.h"
#include "common/pack/pack_format.h"

namespace cairn {

// The bytes of a pack in the making, for tests.
class TestPack {
 public:
  TestPack(const Uuid& pack, const Uuid& datastore, PackClass pack_class);

  // A record of the plaintext domain; the key is the digest of `plain`.
  RecordKey Add(RecordKind kind, const std::string& plain,
                uint64_t sequence = 0, Encoding encoding = Encoding::kRaw);
  void AddFooter();
  // Flips a bit of the payload of the `nth` record, or of its header.
  void FlipPayload(size_t nth);
  void FlipHeader(size_t nth);

  // Writes "<directory>/<pack>.pack"; gives its path.
  std::string WriteTo(FileSystem& files, const std::string& directory) const;

  const Uuid& pack() const { return pack_; }
  std::string& bytes() { return bytes_; }
  const std::vector<PackEntry>& entries() const { return entries_; }

 private:
  const Uuid pack_;
  std::string bytes_;
  std::vector<PackEntry> entries_;
};

}  // namespace cairn
