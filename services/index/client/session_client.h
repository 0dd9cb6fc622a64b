#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/model/call.h"
#include "common/model/digest.h"
#include "common/model/record.h"
#include "common/model/session.h"
#include "common/page/page_diff.h"
#include "common/page/page_tree_builder.h"

namespace cairn {

// Of one GetPages.
inline constexpr size_t kMaxPageIds = 32;

struct NewSession {
  SessionRef ref;
  GroupName group;
  std::optional<int64_t> backup_time;  // Unix seconds; none: index's clock
  std::optional<SnapshotName> base;
  std::string owner;  // principal that asks
  std::string notes;
  std::string client_label;
  Uuid lease;
  // StoreStatistics::loss_mark, asked for before the session pinned anything;
  // 0: not known.
  uint64_t loss_mark = 0;
};

struct PublishRequest {
  struct ExpectedArchive {
    std::string name;
    uint64_t size_bytes = 0;
    friend bool operator==(const ExpectedArchive&,
                           const ExpectedArchive&) = default;
  };
  std::vector<ExpectedArchive> archives;  // exactly the session's archives
};

// `manifest` must be durable in chunk_storage, with every page and chunk of
// the session, before CommitPublish. If the session is published already,
// `published` is set and there is nothing left to do.
struct PreparedPublish {
  uint64_t sequence = 0;
  Record manifest;  // kind kManifest, raw
  std::optional<Snapshot> published;
};

struct ArchiveEntries {
  Archive archive;
  std::vector<PlacedEntry> entries;
};

// The part of index that a running backup or restore talks to. Every call of
// a session is refused with Aborted (SESSION_FENCED) once its epoch is below
// the datastore's fence, and FailedPrecondition (SESSION_ENDED) after publish
// or abort. Thread-safe.
class SessionClient {
 public:
  virtual ~SessionClient() = default;

  // Creates the session's row (synced), or returns the one of the same id
  // (InvalidArgument if it differs), in whatever state unless it is fenced.
  // FailedPrecondition: SNAPSHOT_NOT_NEWER, or the base failed its verify;
  // PermissionDenied: NOT_OWNER, whoever calls: an administrator of the suite
  // writes a group in the name of its owner; NotFound: namespace or base;
  // ResourceExhausted (LIMIT_EXCEEDED): too many sessions that are open, or
  // that ListUncancelled names. If the base's own loss mark is the session's,
  // and not 0, the session's base_archives are those of the base that are no
  // blobs; they are in the row, so that gc keeps what they need.
  virtual absl::StatusOr<Session> OpenSession(const Call& call,
                                              const NewSession& session) = 0;
  // NotFound: SESSION_NOT_FOUND.
  virtual absl::StatusOr<Session> GetSession(const Call& call,
                                             const SessionName& name) = 0;
  virtual absl::StatusOr<ListPage<Session>> ListSessions(
      const Call& call, const std::string& datastore, bool open_only,
      const PageRequest& page) = 0;

  // Sessions that can publish no more (aborted or fenced) and whose prepared
  // manifest no committed RefusedPublish cancels: each is to be followed by
  // one, or a rebuild from packs would list it.
  virtual absl::StatusOr<ListPage<Session>> ListUncancelled(
      const Call& call, const std::string& datastore,
      const PageRequest& page) = 0;

  // Stores pages of a session; children must be stored before their parent.
  // Pages already there are kept. Not synced by itself. At most 64 pages.
  // Gives the incarnation of index, which grows at each start of it.
  // InvalidArgument: not a page, a digest that is not its, a missing child.
  virtual absl::StatusOr<uint64_t> PutPages(
      const Call& call, const SessionRef& session,
      const std::vector<EncodedPage>& pages) = 0;

  // Makes the checkpoint durable, and with it every page that PutPages has
  // answered to under `incarnation` (0: none since the last checkpoint).
  // FailedPrecondition (INCARNATION_CHANGED): index has restarted since, and
  // may have lost some; the archive is to be resumed at its last checkpoint.
  // The
  // durable offset of an archive never shrinks and a complete archive never
  // changes (InvalidArgument). OutOfRange (OFFSET_MISMATCH, metadata
  // "expected": durable bytes): `checkpoint.revision` is not the one that
  // follows the last saved, so another stream has saved the archive; it may be
  // resumed. The same checkpoint again is OK. stored_bytes never shrinks: the
  // larger one is kept. FailedPrecondition: a publish was prepared.
  // InvalidArgument, ResourceExhausted (LIMIT_EXCEEDED): more than 256
  // archives, or 3 MiB of builder states, in the session.
  virtual absl::Status SaveCheckpoint(const Call& call,
                                      const SessionRef& session,
                                      const ArchiveCheckpoint& checkpoint,
                                      uint64_t incarnation) = 0;

  // Numbers the publish and builds the manifest, both durable before the
  // answer. Idempotent; from then on the archives are final.
  // FailedPrecondition: an archive is missing, unexpected, incomplete
  // (ARCHIVE_OPEN), or of another size.
  virtual absl::StatusOr<PreparedPublish> PreparePublish(
      const Call& call, const SessionRef& session,
      const PublishRequest& request) = 0;
  // Lists the snapshot in one synced batch, behind the fence. Idempotent for
  // 7 days after the end of the session. What may have changed since the
  // session was opened is checked again: the namespace (NotFound), the owner
  // (NOT_OWNER), the order of times (SNAPSHOT_NOT_NEWER), and, unless the
  // session has base_archives, that `base` is still listed or in trash
  // (FailedPrecondition, BASE_GONE).
  virtual absl::StatusOr<Snapshot> CommitPublish(const Call& call,
                                                 const SessionRef& session,
                                                 uint64_t sequence) = 0;

  // Idempotent, also for a fenced session. FailedPrecondition
  // (SESSION_ENDED): published. If a publish was prepared, its manifest may
  // be in the packs: follow with a RefusedPublish change.
  virtual absl::Status AbortSession(const Call& call,
                                    const SessionRef& session) = 0;

  // The entries of an archive that overlap a range, at most `max_entries`
  // (1..4096), from a snapshot that is listed or in trash, or gone and not yet
  // removed, which a lease that was granted before prevents. An entry is
  // returned whole: it may begin before the range. OutOfRange: offset beyond
  // the end. DataLoss names the page that is damaged.
  virtual absl::StatusOr<ArchiveEntries> FindEntries(const Call& call,
                                                     const ArchiveName& archive,
                                                     uint64_t offset,
                                                     uint64_t length,
                                                     uint32_t max_entries) = 0;

  // The encodings of pages, 1..32 ids, in their order, for a walk down one of
  // the session's base_archives; not proved. Errors as of a session. DataLoss
  // (RECORD_MISSING): one is not there.
  virtual absl::StatusOr<std::vector<std::string>> GetPages(
      const Call& call, const SessionRef& session,
      const std::vector<Digest>& ids) = 0;

  // The bytes from `offset` on in which two archives of snapshots, as above,
  // may differ, at most `max_ranges` ranges (1..1024), from as many
  // pages as one call may fetch: ArchiveDiff says where to go on.
  // InvalidArgument: of two datastores. OutOfRange: offset beyond the end of
  // the longer one. DataLoss names the page that is damaged.
  virtual absl::StatusOr<ArchiveDiff> DiffArchives(const Call& call,
                                                   const ArchiveName& base,
                                                   const ArchiveName& archive,
                                                   uint64_t offset,
                                                   uint32_t max_ranges) = 0;
};

}  // namespace cairn
