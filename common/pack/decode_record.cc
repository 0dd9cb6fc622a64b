#include "common/pack/decode_record.h"

#include "absl/strings/str_cat.h"
#include "common/compression/zstd.h"
#include "common/digest/sha256.h"

namespace cairn {

absl::StatusOr<std::string> DecodeRecord(const Record& record) {
  if (IsEncrypted(record.encoding)) {
    return absl::FailedPreconditionError(absl::StrCat(
        record.key.ToString(), " is ", EncodingName(record.encoding),
        ": only its owner's key opens it"));
  }
  absl::StatusOr<std::string> plain =
      DecodePayload(record.encoding, record.payload, record.plain_length);
  if (!plain.ok()) {
    return absl::DataLossError(
        absl::StrCat(record.key.ToString(), ": ", plain.status().message()));
  }
  const Digest digest = Sha256(*plain);
  // Another domain derives its ids in a way of its own.
  if (record.key.domain.is_plaintext() && digest != record.key.digest) {
    return absl::DataLossError(
        absl::StrCat(record.key.ToString(), " decodes to ", plain->size(),
                     " bytes of digest ", digest.ToHex()));
  }
  return plain;
}

}  // namespace cairn
