#include "client/backup/range_base.h"

#include <string_view>

#include "absl/strings/str_cat.h"
#include "cairn/ingest/v1/catalog_service.pb.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"

namespace cairn::client {
namespace {

// The exit code's next step says what to do: a full backup.
absl::Status Refuse(std::string_view why) {
  return WithReason(absl::FailedPreconditionError(why), reason::kReuseRefused);
}

absl::Status CheckSpec(const ArchiveSpec& spec, const BackupRequest& request) {
  const bool listed = request.changes.ranges.count(spec.name) > 0;
  if (listed &&
      (spec.kind != ArchiveKind::kImage || spec.source != SourceKind::kFile)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--changed-ranges of ", spec.name, ":", spec.path,
        ": allowed is an image of a file or device, NAME.img:PATH"));
  }
  if (!request.changes.base.has_value() && spec.kind == ArchiveKind::kImage &&
      spec.source == SourceKind::kPipe) {
    return absl::InvalidArgumentError(absl::StrCat(
        "archive ", spec.name,
        ": from stdin an image is read as what changed since --base SNAPSHOT, "
        "which is not given; to store all of stdin, name it .raw"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckChanges(const BackupRequest& request) {
  const ChangesRequest& changes = request.changes;
  bool any = false;
  size_t lists = changes.ranges.size();
  for (const ArchiveSpec& spec : request.archives) {
    RETURN_IF_ERROR(CheckSpec(spec, request));
    any |= IsWrittenAsChanges(spec, request);
    lists -= changes.ranges.count(spec.name);
  }
  if (lists > 0) {
    return absl::InvalidArgumentError(
        "--changed-ranges names an archive that is not backed up");
  }
  if (!changes.base.has_value()) {
    if (changes.ranges.empty()) return absl::OkStatus();
    return absl::InvalidArgumentError(
        "--changed-ranges without --base: give the snapshot since which the "
        "ranges changed");
  }
  if (!any) {
    return absl::InvalidArgumentError(
        "--base without changes: give --changed-ranges FILE, or NAME.img:- "
        "with a diff on stdin");
  }
  if (changes.base->group != request.group) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--base ", changes.base->ToString(), " is not of the group ",
        request.group.ToString(), ", and only its snapshots can be the base"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::map<std::string, uint64_t>> FindBaseSizes(
    const BackupRequest& request, CatalogRemote& catalog, RetryBudget& budget) {
  std::map<std::string, uint64_t> sizes;
  if (!request.changes.base.has_value()) return sizes;
  ingest::v1::GetSnapshotRequest get;
  get.set_name(request.changes.base->ToString());
  absl::StatusOr<ingest::v1::GetSnapshotResponse> found =
      catalog.GetSnapshot(get);
  while (!found.ok()) {
    if (absl::IsNotFound(found.status())) {
      return Refuse(
          absl::StrCat("the base is not there: ", found.status().message()));
    }
    RETURN_IF_ERROR(budget.WaitAfter(found.status()));
    found = catalog.GetSnapshot(get);
  }
  budget.Progress();
  for (const model::v1::Archive& archive : found->snapshot().archives()) {
    sizes[archive.name()] = archive.root().size_bytes();
  }
  for (const ArchiveSpec& spec : request.archives) {
    if (IsWrittenAsChanges(spec, request) && sizes.count(spec.name) == 0) {
      return Refuse(
          absl::StrCat("the base ", get.name(), " has no archive ", spec.name));
    }
  }
  return sizes;
}

absl::Status CheckSessionHasBase(const model::v1::Session& session,
                                 const BackupRequest& request) {
  if (!request.changes.base.has_value()) return absl::OkStatus();
  const std::string base = request.changes.base->ToString();
  if (session.base_snapshot() == base) return absl::OkStatus();
  return Refuse(
      session.base_snapshot().empty()
          ? absl::StrCat(base,
                         " cannot be the base: the server has no good "
                         "snapshot of the group")
          : absl::StrCat(base,
                         " cannot be the base, which is the newest good "
                         "snapshot of the group: ",
                         session.base_snapshot()));
}

}  // namespace cairn::client
