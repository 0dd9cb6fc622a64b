#include "services/chunk_storage/storage/audit_log.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/status/status_macros.h"

namespace cairn::chunk_storage {
namespace {

constexpr std::string_view kSuffix = ".log";
constexpr std::string_view kTimeField = " time=";
constexpr size_t kMaxHeaderBytes = 256;
constexpr size_t kFlushBytes = size_t{1} << 20;

std::optional<uint64_t> TokenOf(std::string_view name) {
  uint64_t token = 0;
  if (!name.ends_with(kSuffix)) return std::nullopt;
  name.remove_suffix(kSuffix.size());
  if (!absl::SimpleAtoi(name, &token) || absl::StrCat(token) != name) {
    return std::nullopt;
  }
  return token;
}

struct OldLog {
  uint64_t token = 0;
  std::string path;
  uint64_t bytes = 0;
  std::optional<absl::Time> time;  // of its first line
};

// One that does not say its time is kept by its number alone.
absl::StatusOr<OldLog> Describe(const FileSystem& files, std::string path,
                                uint64_t token) {
  OldLog log = {.token = token, .path = std::move(path)};
  ASSIGN_OR_RETURN(const std::unique_ptr<File> file,
                   files.OpenForRead(log.path));
  ASSIGN_OR_RETURN(log.bytes, file->Size());
  ASSIGN_OR_RETURN(const std::string head, file->ReadAt(0, kMaxHeaderBytes));
  const std::string line = head.substr(0, head.find('\n'));
  const size_t field = line.find(kTimeField);
  absl::Time time;
  std::string error;
  if (field != std::string::npos &&
      absl::ParseTime(absl::RFC3339_full,
                      line.substr(field + kTimeField.size()), &time, &error)) {
    log.time = time;
  }
  return log;
}

}  // namespace

AuditLog::AuditLog(FileSystem* files, std::string directory,
                   std::unique_ptr<File> file, uint64_t end)
    : files_(files),
      directory_(std::move(directory)),
      file_(std::move(file)),
      end_(end) {}

absl::StatusOr<std::unique_ptr<AuditLog>> AuditLog::Open(
    FileSystem* files, const std::string& directory, const Sweep& sweep) {
  RETURN_IF_ERROR(files->CreateDirectories(directory));
  const std::string path = absl::StrCat(directory, "/", sweep.token, kSuffix);
  absl::StatusOr<std::unique_ptr<File>> file = files->Create(path);
  if (absl::IsAlreadyExists(file.status())) file = files->OpenForWrite(path);
  RETURN_IF_ERROR(file.status());
  ASSIGN_OR_RETURN(const uint64_t size, (*file)->Size());
  auto log = std::unique_ptr<AuditLog>(
      new AuditLog(files, directory, *std::move(file), size));
  absl::StrAppend(
      &log->lines_, "sweep token=", sweep.token, " cut=", sweep.cut,
      " sequence=", sweep.sequence, kTimeField,
      absl::FormatTime(absl::RFC3339_sec, sweep.time, absl::UTCTimeZone()),
      "\n");
  return log;
}

void AuditLog::Add(const RecordKey& key, const Uuid& pack,
                   std::string_view reason) {
  absl::StrAppend(&lines_, RecordKindName(key.kind), " ", key.digest.ToHex(),
                  " pack=", pack.ToString(), " reason=", reason);
  if (!key.domain.is_plaintext()) {
    absl::StrAppend(&lines_,
                    " domain=", absl::BytesToHexString(key.domain.view()));
  }
  lines_.push_back('\n');
}

absl::Status AuditLog::Flush() {
  if (lines_.empty()) return absl::OkStatus();
  const std::string_view pieces[] = {lines_};
  RETURN_IF_ERROR(file_->WriteAt(end_, pieces));
  end_ += lines_.size();
  lines_.clear();
  if (lines_.capacity() > kFlushBytes) lines_.shrink_to_fit();
  return absl::OkStatus();
}

absl::Status AuditLog::Sync() {
  RETURN_IF_ERROR(Flush());
  absl::Status synced = file_->Sync();
  if (synced.ok() && !directory_synced_) {
    synced = files_->SyncDirectory(directory_);
    const size_t slash = directory_.rfind('/');
    if (synced.ok() && slash != std::string::npos && slash > 0) {
      synced = files_->SyncDirectory(directory_.substr(0, slash));
    }
  }
  sync_failed_ = !synced.ok();
  directory_synced_ = synced.ok();
  return synced;
}

absl::Status AuditLog::RemoveOld(FileSystem& files,
                                 const std::string& directory, absl::Time now) {
  const absl::StatusOr<std::vector<std::string>> names = files.List(directory);
  if (absl::IsNotFound(names.status())) return absl::OkStatus();
  RETURN_IF_ERROR(names.status());
  std::vector<OldLog> logs;
  for (const std::string& name : *names) {
    const std::optional<uint64_t> token = TokenOf(name);
    if (!token.has_value()) continue;
    ASSIGN_OR_RETURN(
        OldLog log,
        Describe(files, absl::StrCat(directory, "/", name), *token));
    logs.push_back(std::move(log));
  }
  std::sort(logs.begin(), logs.end(),
            [](const OldLog& a, const OldLog& b) { return a.token > b.token; });
  uint64_t bytes = 0;
  for (size_t i = 0; i < logs.size(); ++i) {
    bytes += logs[i].bytes;
    const bool old = logs[i].time.has_value() && *logs[i].time < now - kKept;
    if (!old && i < kMaxFiles && bytes <= kMaxBytes) continue;
    RETURN_IF_ERROR(files.Remove(logs[i].path));
  }
  return absl::OkStatus();
}

}  // namespace cairn::chunk_storage
