#include "services/ingest/engine/restore_frontend.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/log/log_fields.h"
#include "common/status/status_macros.h"
#include "services/ingest/domain/owner_rule.h"

namespace cairn::ingest {
namespace {

constexpr size_t kMaxHolderBytes = 256;

absl::StatusOr<Archive> FindArchive(const Snapshot& snapshot,
                                    const ArchiveName& name) {
  for (const Archive& archive : snapshot.archives) {
    if (archive.name == name.archive) return archive;
  }
  return absl::NotFoundError(absl::StrCat("snapshot ", name.snapshot.ToString(),
                                          " has no archive ", name.archive));
}

}  // namespace

RestoreFrontend::RestoreFrontend(
    const Options& options, const ArchiveReader::Dependencies& dependencies,
    Executor* renewals, absl::BitGenRef random)
    : options_(options),
      dependencies_(dependencies),
      renewals_(renewals),
      memory_(options.memory, dependencies.executor),
      random_(random) {}

absl::StatusOr<std::unique_ptr<SnapshotLease>> RestoreFrontend::TakeLease(
    const Call& call, const Datastore& datastore, const SnapshotName& name) {
  LeaseRequest request{
      .datastore = datastore.name,
      .ref = datastore.ref,
      .claims = {{name.ToString(), LeaseMode::kShared}},
      .holder = absl::StrCat(options_.holder, " for ", call.caller.principal)
                    .substr(0, kMaxHolderBytes),
      .purpose = LeasePurpose::kRestore,
      .ttl = options_.lease_ttl};
  {
    absl::MutexLock lock(&mutex_);
    request.id = Uuid::Random(random_);
  }
  return SnapshotLease::Acquire({.leases = dependencies_.peers.leases,
                                 .clock = dependencies_.clock,
                                 .executor = renewals_},
                                call, std::move(request));
}

absl::StatusOr<RestoreFrontend::Found> RestoreFrontend::Find(
    const Call& call, const ArchiveName& name) {
  CatalogClient* const catalog = dependencies_.peers.catalog;
  const Clock& clock = *dependencies_.clock;
  ASSIGN_OR_RETURN(Datastore datastore,
                   catalog->GetDatastore(ForPeer(call, clock),
                                         name.snapshot.group.parent.datastore));
  SetLogField("snapshot", name.snapshot.ToString());
  ASSIGN_OR_RETURN(const Snapshot snapshot,
                   catalog->GetSnapshot(ForPeer(call, clock), name.snapshot));
  RETURN_IF_ERROR(
      CheckOwner(call.caller, name.snapshot.group.ToString(), snapshot.owner));
  ASSIGN_OR_RETURN(Archive archive, FindArchive(snapshot, name));
  return Found{.datastore = std::move(datastore),
               .archive = std::move(archive)};
}

absl::StatusOr<RestoreFrontend::Start> RestoreFrontend::BeginRead(
    const Call& call, const ArchiveName& name, uint64_t offset, uint64_t length,
    absl::FunctionRef<uint64_t(uint64_t)> guarantee) {
  ASSIGN_OR_RETURN(Found found, Find(call, name));
  const Datastore& datastore = found.datastore;
  Start start;
  start.archive = std::move(found.archive);
  const uint64_t size = start.archive.root.size_bytes;
  if (offset > size) {
    return absl::OutOfRangeError(absl::StrCat("offset is ", offset,
                                              ", archive ", name.ToString(),
                                              " has ", size, " bytes"));
  }
  const uint64_t rest = size - offset;
  start.range = {.archive = name,
                 .datastore = datastore.ref,
                 .offset = offset,
                 .end = offset + (length == 0 ? rest : std::min(length, rest))};
  ASSIGN_OR_RETURN(start.lease, TakeLease(call, datastore, name.snapshot));
  ASSIGN_OR_RETURN(
      start.account,
      memory_.Open(call, guarantee(start.archive.chunker.max_bytes),
                   options_.admission_timeout));
  return start;
}

absl::StatusOr<OpenedArchive> RestoreFrontend::Open(const Call& call,
                                                    const ArchiveName& name,
                                                    uint64_t offset,
                                                    uint64_t length) {
  ASSIGN_OR_RETURN(Start start, BeginRead(call, name, offset, length,
                                          ArchiveReader::GuaranteeFor));
  OpenedArchive opened{.archive_size_bytes = start.archive.root.size_bytes,
                       .offset = offset,
                       .length = start.range.end - offset};
  opened.reader = std::make_unique<ArchiveReader>(
      options_.reader, dependencies_, call, std::move(start.range),
      std::move(start.lease), std::move(start.account));
  return opened;
}

absl::StatusOr<OpenedChunks> RestoreFrontend::OpenChunks(
    const Call& call, const ArchiveName& name, uint64_t offset, uint64_t length,
    bool entries_only) {
  ASSIGN_OR_RETURN(Start start, BeginRead(call, name, offset, length,
                                          ChunkReader::GuaranteeFor));
  OpenedChunks opened{.archive = std::move(start.archive)};
  opened.reader = std::make_unique<ChunkReader>(
      options_.reader, dependencies_, call, std::move(start.range),
      entries_only, std::move(start.lease), std::move(start.account));
  return opened;
}

absl::StatusOr<std::unique_ptr<DiffReader>> RestoreFrontend::OpenDiff(
    const Call& call, const ArchiveName& base, const ArchiveName& archive,
    uint64_t offset) {
  if (base.snapshot.group.parent.datastore !=
      archive.snapshot.group.parent.datastore) {
    return absl::InvalidArgumentError(absl::StrCat(
        base.ToString(), " and ", archive.ToString(),
        " are of two datastores; archives of one can be compared"));
  }
  ASSIGN_OR_RETURN(const Found from, Find(call, base));
  ASSIGN_OR_RETURN(const Found to, Find(call, archive));
  std::vector<std::unique_ptr<SnapshotLease>> leases(1);
  ASSIGN_OR_RETURN(leases[0], TakeLease(call, from.datastore, base.snapshot));
  if (archive.snapshot != base.snapshot) {
    ASSIGN_OR_RETURN(leases.emplace_back(),
                     TakeLease(call, to.datastore, archive.snapshot));
  }
  return std::make_unique<DiffReader>(
      dependencies_, call,
      DiffReader::Archives{.base = base, .archive = archive, .offset = offset},
      std::move(leases));
}

}  // namespace cairn::ingest
