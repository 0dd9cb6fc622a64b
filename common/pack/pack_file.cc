#include "common/pack/pack_file.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status/status_macros.h"

namespace cairn {

absl::StatusOr<Uuid> PackUuidOf(std::string_view path) {
  const size_t slash = path.rfind('/');
  const std::string_view name =
      slash == std::string_view::npos ? path : path.substr(slash + 1);
  if (name.ends_with(kPackSuffix)) {
    const absl::StatusOr<Uuid> uuid =
        Uuid::Parse(name.substr(0, name.size() - kPackSuffix.size()));
    // Only the form that a writer gives names a pack.
    if (uuid.ok() && absl::StrCat(uuid->ToString(), kPackSuffix) == name) {
      return *uuid;
    }
  }
  return absl::InvalidArgumentError(
      absl::StrCat("'", path, "' is not named <uuid>", kPackSuffix));
}

absl::StatusOr<std::unique_ptr<PackFile>> PackFile::Open(
    const FileSystem& files, std::string path) {
  ASSIGN_OR_RETURN(std::unique_ptr<File> file, files.OpenForRead(path));
  ASSIGN_OR_RETURN(const uint64_t size_bytes, file->Size());
  absl::StatusOr<Uuid> uuid = PackUuidOf(path);
  if (!uuid.ok()) {
    const absl::StatusOr<std::string> block = file->ReadAt(0, kPackBlockBytes);
    const absl::StatusOr<PackHeader> header =
        block.ok() ? DecodePackHeader(*block) : block.status();
    if (!header.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat(uuid.status().message(),
                       ", and its header does not say which pack it is: ",
                       header.status().message()));
    }
    uuid = header->pack;
  }
  return std::unique_ptr<PackFile>(
      new PackFile(std::move(path), *uuid, size_bytes, std::move(file)));
}

PackRead PackFile::Reader() const {
  return [file = file_.get()](uint64_t offset, size_t length) {
    return file->ReadAt(offset, length);
  };
}

absl::StatusOr<PackSurvey> PackFile::Survey(SurveyDepth depth) const {
  return SurveyPack(pack_, size_bytes_, Reader(), depth);
}

absl::StatusOr<RecordHeader> PackFile::ReadHeader(uint64_t offset) const {
  if (offset < kPackBlockBytes || offset % kRecordAlignment != 0 ||
      offset >= size_bytes_) {
    return absl::OutOfRangeError(absl::StrCat(
        "pack ", pack_.ToString(), " of ", size_bytes_,
        " bytes has no record at ", offset, ": records stand at multiples of ",
        kRecordAlignment, " from ", kPackBlockBytes, " on"));
  }
  return ReadPackRecordHeader(pack_, offset, Reader());
}

absl::StatusOr<Record> PackFile::ReadRecord(const RecordKey& key,
                                            uint64_t offset,
                                            uint32_t stored_length) const {
  return ReadPackRecord(pack_, key, offset, stored_length, Reader());
}

}  // namespace cairn
