#include "common/io/data_directory.h"

#include <algorithm>
#include <limits>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/random/distributions.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/io/checked_text.h"
#include "common/io/durable_directories.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"

namespace cairn {
namespace {

constexpr char kFormatName[] = "FORMAT";
constexpr char kIncarnationName[] = "INCARNATION";

// Files that a first Open which was cut short may leave, and what mkfs does.
constexpr std::string_view kHarmlessNames[] = {
    "LOCK", "INCARNATION", "INCARNATION.tmp", "FORMAT.tmp", "lost+found"};

std::string WithoutTrailingSlashes(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

absl::Status WriteIncarnation(FileSystem& files, const std::string& path,
                              uint64_t incarnation) {
  return WriteCheckedText(files, path, kIncarnationName,
                          {{"incarnation", absl::StrCat(incarnation)}});
}

absl::StatusOr<uint64_t> ReadIncarnation(const FileSystem& files,
                                         const std::string& path) {
  const std::string file = absl::StrCat(path, "/", kIncarnationName);
  const absl::StatusOr<TextFields> fields =
      ReadCheckedText(files, path, kIncarnationName);
  if (absl::IsNotFound(fields.status())) {
    return absl::DataLossError(absl::StrCat(
        file, ": is gone, while ", kFormatName,
        " is there; restore it, or the whole directory, from a copy"));
  }
  RETURN_IF_ERROR(fields.status());
  const auto found = fields->find("incarnation");
  uint64_t incarnation = 0;
  if (found == fields->end() ||
      !absl::SimpleAtoi(found->second, &incarnation) ||
      incarnation == std::numeric_limits<uint64_t>::max()) {
    return absl::DataLossError(
        absl::StrCat(file, ": has no number to count on"));
  }
  return incarnation;
}

// Makes an empty directory a data directory. INCARNATION comes first, so
// that FORMAT without it can only mean a loss.
absl::StatusOr<FormatFile> CreateFormat(FileSystem& files,
                                        const std::string& path,
                                        const FormatSupport& support,
                                        std::span<const std::string> may_hold,
                                        absl::BitGenRef random) {
  bool taken_over = false;
  ASSIGN_OR_RETURN(const std::vector<std::string> names, files.List(path));
  for (const std::string& name : names) {
    bool harmless = false;
    for (const std::string_view known : kHarmlessNames) {
      harmless |= name == known;
    }
    if (harmless) continue;
    if (std::find(may_hold.begin(), may_hold.end(), name) != may_hold.end()) {
      taken_over = true;
      continue;
    }
    return absl::FailedPreconditionError(absl::StrCat(
        path, ": has no file ", kFormatName, " but is not empty, it holds ",
        name, "; name an empty directory, or the one that was meant"));
  }
  const FormatFile format{.uuid = Uuid::Random(random),
                          .service = support.service,
                          .version = support.version,
                          .features = support.features,
                          .release = support.release};
  RETURN_IF_ERROR(WriteIncarnation(
      files, path,
      taken_over ? absl::Uniform<uint64_t>(random, uint64_t{1} << 32,
                                           uint64_t{1} << 48)
                 : 0));
  RETURN_IF_ERROR(
      WriteCheckedText(files, path, kFormatName, EncodeFormat(format)));
  return format;
}

absl::StatusOr<FormatFile> OpenFormat(FileSystem& files,
                                      const std::string& path,
                                      const DataDirectory::Options& options,
                                      absl::BitGenRef random) {
  const absl::StatusOr<TextFields> fields =
      ReadCheckedText(files, path, kFormatName);
  if (absl::IsNotFound(fields.status()) && !options.read_only) {
    return CreateFormat(files, path, options.support, options.may_hold, random);
  }
  RETURN_IF_ERROR(fields.status());
  const std::string file = absl::StrCat(path, "/", kFormatName);
  const absl::StatusOr<FormatFile> format = DecodeFormat(*fields);
  if (!format.ok()) return WithContext(format.status(), file);
  RETURN_IF_ERROR(WithContext(
      CheckFormat(*format, options.support, options.read_only), file));
  return *format;
}

}  // namespace

DataDirectory::DataDirectory(std::string path,
                             std::unique_ptr<DirectoryLock> lock,
                             FormatFile format, uint64_t incarnation)
    : path_(std::move(path)),
      lock_(std::move(lock)),
      format_(std::move(format)),
      incarnation_(incarnation) {}

absl::StatusOr<std::unique_ptr<DataDirectory>> DataDirectory::Open(
    const Options& options, FileSystem* files, absl::BitGenRef random) {
  if (options.path.empty()) {
    return absl::InvalidArgumentError("data directory has no path");
  }
  std::string path = WithoutTrailingSlashes(options.path);
  if (!options.read_only)
    RETURN_IF_ERROR(CreateDirectoriesDurably(*files, path));
  std::unique_ptr<DirectoryLock> lock;
  if (options.take_lock) {
    ASSIGN_OR_RETURN(lock, DirectoryLock::Acquire(path));
  }
  ASSIGN_OR_RETURN(FormatFile format,
                   OpenFormat(*files, path, options, random));
  ASSIGN_OR_RETURN(uint64_t incarnation, ReadIncarnation(*files, path));
  if (!options.read_only) {
    ++incarnation;
    RETURN_IF_ERROR(WriteIncarnation(*files, path, incarnation));
  }
  return std::unique_ptr<DataDirectory>(new DataDirectory(
      std::move(path), std::move(lock), std::move(format), incarnation));
}

}  // namespace cairn
