#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/io/file_system.h"
#include "common/model/record.h"
#include "common/model/uuid.h"
#include "common/pack/pack_format.h"
#include "common/pack/pack_scanner.h"
#include "common/pack/pack_survey.h"

namespace cairn {

inline constexpr std::string_view kPackSuffix = ".pack";

// The UUID of "…/<uuid>.pack"; InvalidArgument for another name.
absl::StatusOr<Uuid> PackUuidOf(std::string_view path);

// A pack file that is open for reading, by itself. Thread-safe.
class PackFile {
 public:
  // A file of another name than "<uuid>.pack" has the UUID that its header
  // block says. InvalidArgument: the name says none, and the block is
  // damaged or that of no pack. Else as FileSystem::OpenForRead.
  static absl::StatusOr<std::unique_ptr<PackFile>> Open(const FileSystem& files,
                                                        std::string path);

  const std::string& path() const { return path_; }
  const Uuid& pack() const { return pack_; }
  uint64_t size_bytes() const { return size_bytes_; }
  // Lives as long as the file.
  PackRead Reader() const;

  // As SurveyPack.
  absl::StatusOr<PackSurvey> Survey(SurveyDepth depth) const;
  // As ReadPackRecordHeader and ReadPackRecord. OutOfRange: `offset` is no
  // place of a record in a file of this length.
  absl::StatusOr<RecordHeader> ReadHeader(uint64_t offset) const;
  absl::StatusOr<Record> ReadRecord(const RecordKey& key, uint64_t offset,
                                    uint32_t stored_length) const;

 private:
  PackFile(std::string path, const Uuid& pack, uint64_t size_bytes,
           std::unique_ptr<File> file)
      : path_(std::move(path)),
        pack_(pack),
        size_bytes_(size_bytes),
        file_(std::move(file)) {}

  const std::string path_;
  const Uuid pack_;
  const uint64_t size_bytes_;
  const std::unique_ptr<File> file_;
};

}  // namespace cairn
