#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/model/archive.h"

namespace cairn::client {

// Where the bytes of an archive come from.
enum class SourceKind {
  kFile,       // a file or block device, read at any place
  kPipe,       // stdin, read once
  kDirectory,  // a tree, written as a tar stream
};

// One ARCHIVE argument of `cairn backup`, "NAME.KIND:PATH":
//   NAME.img:PATH   image of a file or block device; PATH "-" is stdin, with
//                   what changed of the image (see diff_parser.h)
//   NAME.raw:PATH   stream of a file; PATH "-" is stdin
//   NAME.blob:PATH  a small file, one chunk
//   NAME.tar:PATH   stream, a tar of a directory
// The name with its ending is the archive's name.
struct ArchiveSpec {
  std::string name;
  ArchiveKind kind = ArchiveKind::kStream;
  SourceKind source = SourceKind::kFile;
  std::string path;

  // InvalidArgument, with what is allowed.
  static absl::StatusOr<ArchiveSpec> Parse(std::string_view text);

  friend bool operator==(const ArchiveSpec&, const ArchiveSpec&) = default;
};

}  // namespace cairn::client
