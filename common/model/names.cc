#include "common/model/names.h"

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "common/status/status_macros.h"

namespace cairn {
namespace {

constexpr size_t kMinDatastoreLength = 3;
constexpr size_t kMaxDatastoreLength = 32;
constexpr size_t kMaxComponentLength = 64;
constexpr size_t kMaxArchiveLength = 128;
constexpr size_t kMaxNamespaceLength = 256;
// Longer than any name, so that hostile input is refused before it is split.
constexpr size_t kMaxNameLength = 1024;
// How much of a refused text an error repeats.
constexpr size_t kMaxQuotedLength = 160;

constexpr std::string_view kDatastores = "datastores";
constexpr std::string_view kNamespaces = "namespaces";
constexpr std::string_view kGroups = "groups";
constexpr std::string_view kSnapshots = "snapshots";
constexpr std::string_view kArchives = "archives";
constexpr std::string_view kSessions = "sessions";

std::string Quote(std::string_view text) {
  const bool cut = text.size() > kMaxQuotedLength;
  return absl::StrCat("\"", absl::CHexEscape(text.substr(0, kMaxQuotedLength)),
                      cut ? "..." : "", "\"");
}

bool IsFirstCharacter(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
         (c >= '0' && c <= '9') || c == '_';
}

bool IsLaterCharacter(char c) {
  return IsFirstCharacter(c) || c == '.' || c == '-';
}

// Reads the segments of a name one after another.
class SegmentReader {
 public:
  explicit SegmentReader(std::string_view name) : rest_(name) {}

  bool AtEnd() const { return done_; }

  // The next segment, or nothing at the end; may be empty.
  std::string_view Next() {
    if (done_) return {};
    const size_t slash = rest_.find('/');
    const std::string_view segment = rest_.substr(0, slash);
    if (slash == std::string_view::npos) {
      done_ = true;
    } else {
      rest_.remove_prefix(slash + 1);
    }
    return segment;
  }

  // Takes the next segment if it is `literal`.
  bool Take(std::string_view literal) {
    SegmentReader ahead = *this;
    if (ahead.AtEnd() || ahead.Next() != literal) return false;
    *this = ahead;
    return true;
  }

 private:
  std::string_view rest_;
  bool done_ = false;
};

absl::Status NotOfForm(std::string_view what, std::string_view name,
                       std::string_view form) {
  return absl::InvalidArgumentError(
      absl::StrCat(what, " name ", Quote(name), " is not of the form ", form));
}

constexpr std::string_view kNamespaceForm =
    "datastores/{d} or datastores/{d}/namespaces/{n}/...";
constexpr std::string_view kGroupForm =
    "{datastore or namespace}/groups/{vm|ct|host}/{id}";
constexpr std::string_view kSnapshotForm =
    "{group}/snapshots/{2026-11-21T20:39:45Z}";
constexpr std::string_view kArchiveForm = "{snapshot}/archives/{archive}";
constexpr std::string_view kSessionForm = "datastores/{d}/sessions/{uuid}";

absl::Status CheckLength(std::string_view what, std::string_view name) {
  if (name.size() <= kMaxNameLength) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(what, " name is ", name.size(), " bytes long, at most ",
                   kMaxNameLength, " are allowed"));
}

absl::Status ValidateNamespace(const NamespacePath& path) {
  if (path.components.size() > kMaxNamespaceDepth) {
    return absl::InvalidArgumentError(
        absl::StrCat("namespace ", Quote(path.ToString()), " has ",
                     path.components.size(), " levels, at most ",
                     kMaxNamespaceDepth, " are allowed below the root"));
  }
  size_t length = path.components.empty() ? 0 : path.components.size() - 1;
  for (const std::string& component : path.components) {
    RETURN_IF_ERROR(ValidateComponent("namespace component", component,
                                      kMaxComponentLength));
    length += component.size();
  }
  if (length > kMaxNamespaceLength) {
    return absl::InvalidArgumentError(absl::StrCat(
        "namespace ", Quote(path.ToString()), " is ", length,
        " characters long, at most ", kMaxNamespaceLength, " are allowed"));
  }
  return absl::OkStatus();
}

// Each Read takes its own segments and leaves the rest.
absl::StatusOr<std::string> ReadDatastore(SegmentReader& reader) {
  if (!reader.Take(kDatastores) || reader.AtEnd()) {
    return absl::InvalidArgumentError("name must start with datastores/{d}");
  }
  std::string id(reader.Next());
  RETURN_IF_ERROR(ValidateDatastoreId(id));
  return id;
}

absl::StatusOr<NamespaceName> ReadNamespace(SegmentReader& reader,
                                            std::string_view name) {
  NamespaceName result;
  ASSIGN_OR_RETURN(result.datastore, ReadDatastore(reader));
  while (reader.Take(kNamespaces)) {
    if (reader.AtEnd()) return NotOfForm("namespace", name, kNamespaceForm);
    result.path.components.emplace_back(reader.Next());
  }
  RETURN_IF_ERROR(ValidateNamespace(result.path));
  return result;
}

absl::StatusOr<GroupName> ReadGroup(SegmentReader& reader,
                                    std::string_view name) {
  GroupName result;
  ASSIGN_OR_RETURN(result.parent, ReadNamespace(reader, name));
  if (!reader.Take(kGroups) || reader.AtEnd()) {
    return NotOfForm("group", name, kGroupForm);
  }
  ASSIGN_OR_RETURN(result.type, ParseBackupType(reader.Next()));
  if (reader.AtEnd()) return NotOfForm("group", name, kGroupForm);
  result.id = std::string(reader.Next());
  RETURN_IF_ERROR(
      ValidateComponent("group id", result.id, kMaxComponentLength));
  return result;
}

absl::StatusOr<SnapshotName> ReadSnapshot(SegmentReader& reader,
                                          std::string_view name) {
  SnapshotName result;
  ASSIGN_OR_RETURN(result.group, ReadGroup(reader, name));
  if (!reader.Take(kSnapshots) || reader.AtEnd()) {
    return NotOfForm("snapshot", name, kSnapshotForm);
  }
  ASSIGN_OR_RETURN(result.time, ParseSnapshotTime(reader.Next()));
  return result;
}

// The number that `digits` writes, or -1 if one is not a digit.
int ParseDigits(std::string_view digits) {
  int value = 0;
  for (const char c : digits) {
    if (c < '0' || c > '9') return -1;
    value = value * 10 + (c - '0');
  }
  return value;
}

}  // namespace

absl::Status ValidateComponent(std::string_view what, std::string_view text,
                               size_t max_length) {
  if (text.empty() || text.size() > max_length) {
    return absl::InvalidArgumentError(
        absl::StrCat(what, " ", Quote(text), " is ", text.size(),
                     " characters long, must be 1 to ", max_length));
  }
  if (!IsFirstCharacter(text[0]) ||
      !std::all_of(text.begin(), text.end(), IsLaterCharacter)) {
    return absl::InvalidArgumentError(
        absl::StrCat(what, " ", Quote(text),
                     " must be letters, digits, \"_\", \".\" and \"-\", and "
                     "start with neither \".\" nor \"-\""));
  }
  return absl::OkStatus();
}

absl::Status ValidateDatastoreId(std::string_view id) {
  if (id.size() < kMinDatastoreLength) {
    return absl::InvalidArgumentError(
        absl::StrCat("datastore ", Quote(id), " is ", id.size(),
                     " characters long, must be ", kMinDatastoreLength, " to ",
                     kMaxDatastoreLength));
  }
  return ValidateComponent("datastore", id, kMaxDatastoreLength);
}

absl::Status ValidateArchiveId(std::string_view id) {
  return ValidateComponent("archive", id, kMaxArchiveLength);
}

absl::StatusOr<NamespacePath> NamespacePath::Parse(std::string_view text) {
  NamespacePath path;
  if (text.empty()) return path;
  RETURN_IF_ERROR(CheckLength("namespace", text));
  for (SegmentReader reader(text); !reader.AtEnd();) {
    path.components.emplace_back(reader.Next());
  }
  RETURN_IF_ERROR(ValidateNamespace(path));
  return path;
}

NamespacePath NamespacePath::Parent() const {
  NamespacePath parent = *this;
  if (!parent.components.empty()) parent.components.pop_back();
  return parent;
}

bool NamespacePath::IsSameOrBelow(const NamespacePath& ancestor) const {
  return ancestor.components.size() <= components.size() &&
         std::equal(ancestor.components.begin(), ancestor.components.end(),
                    components.begin());
}

std::string NamespacePath::ToString() const {
  return absl::StrJoin(components, "/");
}

std::string_view BackupTypeName(BackupType type) {
  switch (type) {
    case BackupType::kVm:
      return "vm";
    case BackupType::kCt:
      return "ct";
    case BackupType::kHost:
      return "host";
  }
  return "unknown";
}

absl::StatusOr<BackupType> ParseBackupType(std::string_view text) {
  for (const BackupType type :
       {BackupType::kVm, BackupType::kCt, BackupType::kHost}) {
    if (text == BackupTypeName(type)) return type;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("backup type ", Quote(text), " must be vm, ct or host"));
}

absl::StatusOr<NamespaceName> NamespaceName::Parse(std::string_view name) {
  RETURN_IF_ERROR(CheckLength("namespace", name));
  SegmentReader reader(name);
  ASSIGN_OR_RETURN(NamespaceName result, ReadNamespace(reader, name));
  if (!reader.AtEnd()) return NotOfForm("namespace", name, kNamespaceForm);
  return result;
}

std::string NamespaceName::ToString() const {
  std::string text = absl::StrCat(kDatastores, "/", datastore);
  for (const std::string& component : path.components) {
    absl::StrAppend(&text, "/", kNamespaces, "/", component);
  }
  return text;
}

absl::StatusOr<GroupName> GroupName::Parse(std::string_view name) {
  RETURN_IF_ERROR(CheckLength("group", name));
  SegmentReader reader(name);
  ASSIGN_OR_RETURN(GroupName result, ReadGroup(reader, name));
  if (!reader.AtEnd()) return NotOfForm("group", name, kGroupForm);
  return result;
}

std::string GroupName::ToString() const {
  return absl::StrCat(parent.ToString(), "/", kGroups, "/", ShortName());
}

std::string GroupName::ShortName() const {
  return absl::StrCat(BackupTypeName(type), "/", id);
}

std::string FormatSnapshotTime(int64_t unix_seconds) {
  const absl::CivilSecond time = absl::ToCivilSecond(
      absl::FromUnixSeconds(unix_seconds), absl::UTCTimeZone());
  return absl::StrFormat("%04d-%02d-%02dT%02d:%02d:%02dZ", time.year(),
                         time.month(), time.day(), time.hour(), time.minute(),
                         time.second());
}

absl::StatusOr<int64_t> ParseSnapshotTime(std::string_view text) {
  const absl::Status error = absl::InvalidArgumentError(absl::StrCat(
      "snapshot time ", Quote(text),
      " must be a UTC second of the form 2026-11-21T20:39:45Z, from "
      "1970-01-01T00:00:01Z on"));
  constexpr std::string_view kPattern = "0000-00-00T00:00:00Z";
  if (text.size() != kPattern.size()) return error;
  for (size_t i = 0; i < kPattern.size(); ++i) {
    if (kPattern[i] != '0' && text[i] != kPattern[i]) return error;
  }
  const int year = ParseDigits(text.substr(0, 4));
  const int month = ParseDigits(text.substr(5, 2));
  const int day = ParseDigits(text.substr(8, 2));
  const int hour = ParseDigits(text.substr(11, 2));
  const int minute = ParseDigits(text.substr(14, 2));
  const int second = ParseDigits(text.substr(17, 2));
  if (std::min({year, month, day, hour, minute, second}) < 0) return error;
  // Out of range fields are carried over, which the comparison finds.
  const absl::CivilSecond time(year, month, day, hour, minute, second);
  const int64_t unix_seconds =
      absl::ToUnixSeconds(absl::FromCivil(time, absl::UTCTimeZone()));
  if (unix_seconds < 1 || unix_seconds > kMaxSnapshotTime ||
      FormatSnapshotTime(unix_seconds) != text) {
    return error;
  }
  return unix_seconds;
}

absl::StatusOr<SnapshotName> SnapshotName::Parse(std::string_view name) {
  RETURN_IF_ERROR(CheckLength("snapshot", name));
  SegmentReader reader(name);
  ASSIGN_OR_RETURN(SnapshotName result, ReadSnapshot(reader, name));
  if (!reader.AtEnd()) return NotOfForm("snapshot", name, kSnapshotForm);
  return result;
}

std::string SnapshotName::ToString() const {
  return absl::StrCat(group.ToString(), "/", kSnapshots, "/",
                      FormatSnapshotTime(time));
}

std::string SnapshotName::ShortName() const {
  return absl::StrCat(group.ShortName(), "/", FormatSnapshotTime(time));
}

absl::StatusOr<ArchiveName> ArchiveName::Parse(std::string_view name) {
  RETURN_IF_ERROR(CheckLength("archive", name));
  SegmentReader reader(name);
  ArchiveName result;
  ASSIGN_OR_RETURN(result.snapshot, ReadSnapshot(reader, name));
  if (!reader.Take(kArchives) || reader.AtEnd()) {
    return NotOfForm("archive", name, kArchiveForm);
  }
  result.archive = std::string(reader.Next());
  RETURN_IF_ERROR(ValidateArchiveId(result.archive));
  if (!reader.AtEnd()) return NotOfForm("archive", name, kArchiveForm);
  return result;
}

std::string ArchiveName::ToString() const {
  return absl::StrCat(snapshot.ToString(), "/", kArchives, "/", archive);
}

absl::StatusOr<SessionName> SessionName::Parse(std::string_view name) {
  RETURN_IF_ERROR(CheckLength("session", name));
  SegmentReader reader(name);
  SessionName result;
  ASSIGN_OR_RETURN(result.datastore, ReadDatastore(reader));
  if (!reader.Take(kSessions) || reader.AtEnd()) {
    return NotOfForm("session", name, kSessionForm);
  }
  const std::string_view id = reader.Next();
  ASSIGN_OR_RETURN(result.session, Uuid::Parse(id));
  // One written form: Uuid::Parse takes upper case too, and "none" is no
  // session.
  if (!reader.AtEnd() || result.session.is_zero() ||
      result.session.ToString() != id) {
    return NotOfForm("session", name, kSessionForm);
  }
  return result;
}

std::string SessionName::ToString() const {
  return absl::StrCat(kDatastores, "/", datastore, "/", kSessions, "/",
                      session.ToString());
}

}  // namespace cairn
