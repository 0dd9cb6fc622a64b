#include "tests/benchmark/chunk_study/stored_chunks.h"

#include "absl/strings/str_cat.h"
#include "common/compression/zstd.h"
#include "common/digest/sha256.h"
#include "common/pack/pack_format.h"
#include "common/status/status_macros.h"
#include "tests/benchmark/stages/cpu_time.h"

namespace cairn::study {
namespace {

// As RepositoryOptions has it.
constexpr uint64_t kPackBytes = uint64_t{256} << 20;

}  // namespace

absl::Status StoredChunks::Store(std::string_view plain, const Digest& digest,
                                 StoredGrowth& growth) {
  EncodedPayload encoded;
  growth.compress_cpu +=
      CpuTimeOf([&] { encoded = EncodeChunk(plain, zstd_level_); });
  bool is_same = false;
  growth.decode_cpu += CpuTimeOf([&] {
    const auto decoded =
        DecodePayload(encoded.encoding, encoded.payload, plain.size());
    is_same = decoded.ok() && Sha256(*decoded) == digest;
  });
  if (!is_same) {
    return absl::DataLossError(absl::StrCat("chunk ", digest.ToHex(), " of ",
                                            plain.size(),
                                            " bytes decodes to others"));
  }
  const uint64_t extent = RecordExtent(encoded.payload.size());
  if (pack_end_ == 0) pack_end_ = kPackBlockBytes;
  if (pack_end_ + extent > kPackBytes) {
    ++pack_;
    pack_end_ = kPackBlockBytes;
  }
  const StoredChunk chunk = {
      .number = static_cast<uint32_t>(chunks_.size()),
      .pack = pack_,
      .offset = pack_end_,
      .stored_length = static_cast<uint32_t>(encoded.payload.size()),
      .plain_length = static_cast<uint32_t>(plain.size())};
  chunks_.emplace(digest, chunk);
  pack_end_ += extent;
  ++growth.chunks;
  growth.plain_bytes += plain.size();
  growth.stored_bytes += extent + kPackEntryBytes;
  return absl::OkStatus();
}

absl::StatusOr<StoredGrowth> StoredChunks::Add(
    std::string_view bytes, const std::vector<ChunkEntry>& entries) {
  StoredGrowth growth;
  uint64_t offset = 0;
  for (const ChunkEntry& entry : entries) {
    if (!entry.is_hole && !chunks_.contains(entry.digest)) {
      RETURN_IF_ERROR(
          Store(bytes.substr(offset, entry.length), entry.digest, growth));
    }
    offset += entry.length;
  }
  return growth;
}

std::vector<StoredChunk> StoredChunks::Find(
    const std::vector<ChunkEntry>& entries) const {
  std::vector<StoredChunk> found;
  for (const ChunkEntry& entry : entries) {
    if (!entry.is_hole) found.push_back(chunks_.at(entry.digest));
  }
  return found;
}

}  // namespace cairn::study
