#include "common/chunking/chunker.h"

#include <bit>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/chunking/fixed_chunker.h"
#include "common/chunking/poly_chunker.h"
#include "common/model/record.h"
#include "common/status/status_macros.h"

namespace cairn {
namespace {

constexpr char kFixed[] = "fixed-v1";
constexpr char kPoly[] = "poly-v1";
constexpr uint32_t kMinSizeBytes = 4 << 10;
constexpr uint32_t kMaxSizeBytes = kMaxRecordPlainBytes;

ChunkerSpec FixedSpec(uint32_t bytes) { return {kFixed, bytes, bytes, bytes}; }

absl::Status ValidateSize(const ChunkerSpec& spec, const char* what,
                          uint32_t bytes) {
  if (std::has_single_bit(bytes) && bytes >= kMinSizeBytes &&
      bytes <= kMaxSizeBytes) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("chunker ", spec.name, ": ", what, " is ", bytes,
                   ", allowed are powers of two from ", kMinSizeBytes, " to ",
                   kMaxSizeBytes));
}

absl::Status WrongOrder(const ChunkerSpec& spec, const char* allowed) {
  return absl::InvalidArgumentError(absl::StrCat(
      "chunker ", spec.name, ": min_bytes, average_bytes, max_bytes are ",
      spec.min_bytes, ", ", spec.average_bytes, ", ", spec.max_bytes,
      ", allowed is ", allowed));
}

}  // namespace

absl::Status ValidateChunkerSpec(const ChunkerSpec& spec) {
  const bool is_poly = spec.name == kPoly;
  if (!is_poly && spec.name != kFixed) {
    return absl::InvalidArgumentError(
        absl::StrCat("chunker name is \"", absl::CHexEscape(spec.name),
                     "\", known are ", kFixed, " and ", kPoly));
  }
  RETURN_IF_ERROR(ValidateSize(spec, "min_bytes", spec.min_bytes));
  RETURN_IF_ERROR(ValidateSize(spec, "average_bytes", spec.average_bytes));
  RETURN_IF_ERROR(ValidateSize(spec, "max_bytes", spec.max_bytes));
  if (is_poly && (spec.min_bytes >= spec.average_bytes ||
                  spec.average_bytes >= spec.max_bytes)) {
    return WrongOrder(spec, "min < average < max");
  }
  if (!is_poly && (spec.min_bytes != spec.average_bytes ||
                   spec.average_bytes != spec.max_bytes)) {
    return WrongOrder(spec, "min = average = max");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Chunker>> NewChunker(const ChunkerSpec& spec) {
  RETURN_IF_ERROR(ValidateChunkerSpec(spec));
  if (spec.name == kFixed) {
    return std::make_unique<FixedChunker>(spec.average_bytes);
  }
  return std::make_unique<PolyChunker>(spec);
}

ChunkerSpec DefaultChunkerSpec(ArchiveKind kind) {
  switch (kind) {
    case ArchiveKind::kStream:
      return {kPoly, 64 << 10, 256 << 10, 1 << 20};
    case ArchiveKind::kImage:
      return FixedSpec(256 << 10);
    case ArchiveKind::kBlob:
      break;
  }
  // A blob is one chunk of up to the largest size.
  return FixedSpec(kMaxRecordPlainBytes);
}

}  // namespace cairn
