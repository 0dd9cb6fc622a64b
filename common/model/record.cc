#include "common/model/record.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace cairn {

std::string_view RecordKindName(RecordKind kind) {
  switch (kind) {
    case RecordKind::kChunk:
      return "chunk";
    case RecordKind::kPage:
      return "page";
    case RecordKind::kManifest:
      return "manifest";
    case RecordKind::kEvent:
      return "event";
  }
  return "unknown";
}

std::string_view EncodingName(Encoding encoding) {
  switch (encoding) {
    case Encoding::kRaw:
      return "raw";
    case Encoding::kZstd:
      return "zstd";
    case Encoding::kEncryptedRaw:
      return "encrypted-raw";
    case Encoding::kEncryptedZstd:
      return "encrypted-zstd";
  }
  return "unknown";
}

bool IsEncrypted(Encoding encoding) {
  return encoding == Encoding::kEncryptedRaw ||
         encoding == Encoding::kEncryptedZstd;
}

std::string RecordKey::ToString() const {
  std::string text = absl::StrCat(RecordKindName(kind), " ", digest.ToHex());
  if (!domain.is_plaintext()) {
    absl::StrAppend(&text, " of domain ",
                    absl::BytesToHexString(domain.view()));
  }
  return text;
}

}  // namespace cairn
