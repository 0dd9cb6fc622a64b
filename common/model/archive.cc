#include "common/model/archive.h"

namespace cairn {

std::string_view ArchiveKindName(ArchiveKind kind) {
  switch (kind) {
    case ArchiveKind::kStream:
      return "stream";
    case ArchiveKind::kImage:
      return "image";
    case ArchiveKind::kBlob:
      return "blob";
  }
  return "unknown";
}

}  // namespace cairn
