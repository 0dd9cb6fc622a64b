#include "services/index/client/test_backup.h"

#include <algorithm>
#include <random>
#include <utility>

#include "common/log/log.h"
#include "common/status/status_macros.h"

namespace cairn {
namespace {

constexpr PageCutRule kSmallPages = {
    .min_entries = 2, .mean_entries = 4, .max_entries = 8};

ChunkEntry SomeEntry(std::mt19937_64& random) {
  ChunkEntry entry;
  entry.length = 1 + random() % 4096;
  if (random() % 8 == 0) {
    entry.is_hole = true;
    return entry;
  }
  if (random() % 8 == 0) entry.repeat = 2 + random() % 5;
  for (uint8_t& byte : entry.digest.bytes) {
    byte = static_cast<uint8_t>(random());
  }
  return entry;
}

void Take(PageTreeBuilder& builder, std::vector<EncodedPage>& pages) {
  for (EncodedPage& page : builder.TakePages()) {
    pages.push_back(std::move(page));
  }
}

}  // namespace

BuiltArchive BuildArchive(const std::string& name, int entry_count,
                          uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<ChunkEntry> entries;
  bool after_hole = false;
  for (int i = 0; i < entry_count; ++i) {
    ChunkEntry entry = SomeEntry(random);
    // Adjacent holes would be joined into one entry.
    while (after_hole && entry.is_hole) entry = SomeEntry(random);
    after_hole = entry.is_hole;
    entries.push_back(entry);
  }
  return BuildArchiveOf(name, entries);
}

BuiltArchive BuildArchiveOf(const std::string& name,
                            const std::vector<ChunkEntry>& entries) {
  BuiltArchive built;
  PageTreeBuilder builder(kSmallPages);
  uint64_t offset = 0;
  for (const ChunkEntry& entry : entries) {
    CHECK_OK(builder.Add(entry));
    Take(builder, built.pages);
    built.entries.push_back({.offset = offset, .entry = entry});
    offset += entry.total_length();
  }
  const absl::StatusOr<PageRoot> root = builder.Finish();
  CHECK_OK(root.status());
  Take(builder, built.pages);
  built.checkpoint.name = name;
  built.checkpoint.kind = ArchiveKind::kStream;
  built.checkpoint.chunker = {.name = "poly-v1",
                              .min_bytes = 1 << 18,
                              .average_bytes = 1 << 20,
                              .max_bytes = 1 << 22};
  built.checkpoint.durable_bytes = offset;
  built.checkpoint.root = *root;
  built.checkpoint.stored_bytes = offset / 2;
  built.checkpoint.revision = 1;
  return built;
}

NewSession NewTestSession(const DatastoreRef& datastore, const GroupName& group,
                          uint64_t epoch, absl::BitGenRef random) {
  NewSession request;
  request.ref = {
      .datastore = datastore, .session = Uuid::Random(random), .epoch = epoch};
  request.group = group;
  request.owner = "ann@tls";
  request.notes = "notes";
  request.client_label = "test";
  request.lease = request.ref.session;
  return request;
}

GroupName TestGroup(const std::string& id, const std::string& path) {
  return {.parent = {.datastore = "default",
                     .path = NamespacePath::Parse(path).value()},
          .type = BackupType::kHost,
          .id = id};
}

absl::StatusOr<uint64_t> PutAllPages(SessionClient& index,
                                     const SessionRef& session,
                                     const std::vector<EncodedPage>& pages) {
  constexpr size_t kPagesPerCall = 64;
  uint64_t incarnation = 0;
  for (size_t i = 0; i < pages.size(); i += kPagesPerCall) {
    const size_t end = std::min(i + kPagesPerCall, pages.size());
    ASSIGN_OR_RETURN(
        incarnation,
        index.PutPages({}, session,
                       std::vector<EncodedPage>(
                           pages.begin() + static_cast<ptrdiff_t>(i),
                           pages.begin() + static_cast<ptrdiff_t>(end))));
  }
  return incarnation;
}

absl::Status PutArchive(SessionClient& index, const SessionRef& session,
                        const BuiltArchive& archive) {
  ASSIGN_OR_RETURN(const uint64_t incarnation,
                   PutAllPages(index, session, archive.pages));
  return index.SaveCheckpoint({}, session, archive.checkpoint, incarnation);
}

PublishRequest RequestFor(const std::vector<BuiltArchive>& archives) {
  PublishRequest request;
  for (const BuiltArchive& archive : archives) {
    request.archives.push_back(
        {.name = archive.checkpoint.name,
         .size_bytes = archive.checkpoint.root->size_bytes});
  }
  return request;
}

absl::StatusOr<Snapshot> BackUp(SessionClient& index,
                                const NewSession& request) {
  const BuiltArchive archive = BuildArchive("root.pxa", 5, 1);
  RETURN_IF_ERROR(index.OpenSession({}, request).status());
  RETURN_IF_ERROR(PutArchive(index, request.ref, archive));
  ASSIGN_OR_RETURN(
      const PreparedPublish prepared,
      index.PreparePublish({}, request.ref, RequestFor({archive})));
  return index.CommitPublish({}, request.ref, prepared.sequence);
}

}  // namespace cairn
