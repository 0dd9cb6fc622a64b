#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/random/bit_gen_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/model/archive.h"
#include "common/model/call.h"
#include "common/model/session.h"
#include "common/page/page_tree_builder.h"
#include "services/index/client/session_client.h"

// Backups as index sees them, for tests.
namespace cairn {

// An archive with its whole tree of pages.
struct BuiltArchive {
  ArchiveCheckpoint checkpoint;  // complete, the first
  std::vector<EncodedPage> pages;
  std::vector<PlacedEntry> entries;
};

// `entry_count` random entries (runs and holes among them) under small pages,
// so that a few hundred entries give a tree of several levels. Equal seeds
// give equal archives.
BuiltArchive BuildArchive(const std::string& name, int entry_count,
                          uint64_t seed);
// Of exactly `entries`, no two of which are adjacent holes.
BuiltArchive BuildArchiveOf(const std::string& name,
                            const std::vector<ChunkEntry>& entries);

// A request for a session of a random id, with the lease of the same id.
NewSession NewTestSession(const DatastoreRef& datastore, const GroupName& group,
                          uint64_t epoch, absl::BitGenRef random);

GroupName TestGroup(const std::string& id, const std::string& path = "");

// Gives the incarnation of index.
absl::StatusOr<uint64_t> PutAllPages(SessionClient& index,
                                     const SessionRef& session,
                                     const std::vector<EncodedPage>& pages);

// Stores the archive's pages and its checkpoint.
absl::Status PutArchive(SessionClient& index, const SessionRef& session,
                        const BuiltArchive& archive);

// The request that names exactly `archives`.
PublishRequest RequestFor(const std::vector<BuiltArchive>& archives);

// Opens a session, writes one small archive, publishes it.
absl::StatusOr<Snapshot> BackUp(SessionClient& index,
                                const NewSession& request);

}  // namespace cairn
