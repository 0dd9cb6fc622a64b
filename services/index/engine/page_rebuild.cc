#include "services/index/engine/page_rebuild.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/model/record.h"
#include "common/pack/decode_record.h"
#include "common/page/page_walk.h"
#include "common/status/status_macros.h"
#include "services/index/domain/catalog_keys.h"

namespace cairn::index {
namespace {

// Rows of the scratch store have keys alone.
enum ScratchTable : KvTable {
  kChunks,  // datastore 16, domain 16, digest 32
  kLost,    // datastore 16, page 32
};

constexpr size_t kBatchBytes = size_t{1} << 20;
constexpr size_t kChildrenPerRead = 64;
constexpr RecordKind kPages[] = {RecordKind::kPage};
constexpr RecordKind kChunkKind[] = {RecordKind::kChunk};

std::string ChunkKey(const Uuid& datastore, const Domain& domain,
                     const Digest& digest) {
  return absl::StrCat(datastore.view(), domain.view(), digest.view());
}

std::string LostKey(const Uuid& datastore, const Digest& page) {
  return absl::StrCat(datastore.view(), page.view());
}

// Commits in pieces of about kBatchBytes.
class Writer {
 public:
  explicit Writer(KvStore* kv) : kv_(kv) {}

  absl::Status Put(KvTable table, std::string key, std::string value = "") {
    bytes_ += key.size() + value.size();
    batch_.Put(table, std::move(key), std::move(value));
    return bytes_ < kBatchBytes ? absl::OkStatus() : Flush();
  }
  absl::Status Remove(KvTable table, std::string key) {
    bytes_ += key.size();
    batch_.Remove(table, std::move(key));
    return bytes_ < kBatchBytes ? absl::OkStatus() : Flush();
  }
  absl::Status Flush() {
    if (batch_.empty()) return absl::OkStatus();
    const KvBatch batch = std::exchange(batch_, KvBatch());
    bytes_ = 0;
    return kv_->Commit(batch, Durability::kBuffered);
  }

 private:
  KvStore* const kv_;
  KvBatch batch_;
  size_t bytes_ = 0;
};

constexpr KvTable kPageTable = static_cast<KvTable>(Table::kPages);

// Joins ranges that touch.
class RangeJoiner {
 public:
  explicit RangeJoiner(const std::function<void(const LostRange&)>& visit)
      : visit_(visit) {}
  ~RangeJoiner() { Flush(); }

  void Add(const LostRange& range) {
    if (last_.length > 0 && last_.offset + last_.length == range.offset) {
      last_.length += range.length;
      return;
    }
    Flush();
    last_ = range;
  }

 private:
  void Flush() {
    if (last_.length > 0) visit_(last_);
    last_ = {};
  }

  const std::function<void(const LostRange&)>& visit_;
  LostRange last_;
};

}  // namespace

std::vector<std::string> PageRebuild::ScratchTableNames() {
  return {"chunks", "lost"};
}

absl::Status PageRebuild::Run(const PackDirectory::VisitDamage& damage) {
  RETURN_IF_ERROR(TakePages(damage));
  for (const auto& [datastore, highest] : highest_level_) {
    for (uint32_t level = 1; level <= highest; ++level) {
      RETURN_IF_ERROR(DropBroken(datastore, level));
    }
  }
  RETURN_IF_ERROR(ListChunks());
  for (const auto& [datastore, highest] : highest_level_) {
    RETURN_IF_ERROR(CountPages(datastore));
    bool any = true;
    for (uint32_t level = 0; any && level <= highest; ++level) {
      any = false;
      RETURN_IF_ERROR(MarkLost(datastore, level, any));
    }
  }
  return absl::OkStatus();
}

absl::Status PageRebuild::TakePages(const PackDirectory::VisitDamage& damage) {
  Writer writer(kv_);
  for (const PackDirectory& directory : packs_) {
    RETURN_IF_ERROR(directory.ForEachRecord(
        kPages,
        [&](uint32_t pack, const PackEntry& entry,
            const Record& record) -> absl::Status {
          const PackPath& path = directory.packs()[pack];
          if (!path.datastore.has_value()) return absl::OkStatus();
          Found& found = found_[*path.datastore];
          found.highest_epoch = std::max(found.highest_epoch, entry.epoch);
          absl::StatusOr<std::string> bytes = DecodeRecord(record);
          const absl::StatusOr<Page> page =
              bytes.ok() ? DecodePage(*bytes)
                         : absl::StatusOr<Page>(bytes.status());
          if (!page.ok()) {
            ++found.unreadable_pages;
            damage({.path = path.path,
                    .offset = entry.offset,
                    .length = RecordExtent(entry.stored_length),
                    .entry = entry,
                    .why = std::string(page.status().message())});
            return absl::OkStatus();
          }
          uint32_t& highest = highest_level_[*path.datastore];
          highest = std::max(highest, page->level);
          return writer.Put(kPageTable,
                            PageKey(*path.datastore, entry.key.digest),
                            *std::move(bytes));
        },
        damage));
  }
  return writer.Flush();
}

absl::StatusOr<std::string> PageRebuild::GetPage(const Uuid& datastore,
                                                 const Digest& id) const {
  ASSIGN_OR_RETURN(auto stored, store_.GetPages(datastore, std::span(&id, 1)));
  if (!stored[0].has_value()) return absl::DataLossError("is lost");
  return *std::move(stored[0]);
}

absl::Status PageRebuild::ForEachPage(const Uuid& datastore, uint32_t level,
                                      const VisitPage& visit) const {
  const IndexView view = store_.NewView(datastore);
  const std::string prefix = DatastorePrefix(datastore);
  const auto cursor = view.Scan(Table::kPages, prefix, PrefixEnd(prefix));
  for (; cursor->Valid(); cursor->Next()) {
    ASSIGN_OR_RETURN(const Digest id,
                     Digest::FromBytes(cursor->key().substr(prefix.size())));
    // They were decoded before they were stored.
    ASSIGN_OR_RETURN(const Page page, DecodePage(cursor->value()));
    if (page.level == level) RETURN_IF_ERROR(visit(id, page));
  }
  return cursor->status();
}

absl::StatusOr<bool> PageRebuild::ChildrenAreThere(const Uuid& datastore,
                                                   const Page& page) const {
  std::span<const PageChild> rest = page.children;
  while (!rest.empty()) {
    const auto some = rest.first(std::min(rest.size(), kChildrenPerRead));
    rest = rest.subspan(some.size());
    std::vector<Digest> ids;
    for (const PageChild& child : some) ids.push_back(child.page);
    ASSIGN_OR_RETURN(const auto stored, store_.GetPages(datastore, ids));
    for (size_t i = 0; i < some.size(); ++i) {
      if (!stored[i].has_value()) return false;
      const absl::StatusOr<Page> child = DecodePage(*stored[i]);
      if (!child.ok() || child->level + 1 != page.level ||
          SummarizePage(some[i].page, *child) != some[i]) {
        return false;
      }
    }
  }
  return true;
}

// The levels below are clean: so a page whose children are there is whole.
absl::Status PageRebuild::DropBroken(const Uuid& datastore, uint32_t level) {
  Writer writer(kv_);
  RETURN_IF_ERROR(ForEachPage(
      datastore, level,
      [&](const Digest& id, const Page& page) -> absl::Status {
        ASSIGN_OR_RETURN(const bool whole, ChildrenAreThere(datastore, page));
        if (whole) return absl::OkStatus();
        ++found_[datastore].broken_pages;
        return writer.Remove(kPageTable, PageKey(datastore, id));
      }));
  return writer.Flush();
}

absl::Status PageRebuild::CountPages(const Uuid& datastore) {
  const IndexView view = store_.NewView(datastore);
  const std::string prefix = DatastorePrefix(datastore);
  const auto cursor = view.Scan(Table::kPages, prefix, PrefixEnd(prefix));
  uint64_t& pages = found_[datastore].pages;
  for (; cursor->Valid(); cursor->Next()) ++pages;
  return cursor->status();
}

absl::Status PageRebuild::ListChunks() {
  Writer writer(scratch_);
  for (const PackDirectory& directory : packs_) {
    RETURN_IF_ERROR(directory.ForEachEntry(
        kChunkKind,
        [&](uint32_t pack, const PackEntry& entry) -> absl::Status {
          const PackPath& path = directory.packs()[pack];
          if (!path.datastore.has_value()) return absl::OkStatus();
          Found& found = found_[*path.datastore];
          found.highest_epoch = std::max(found.highest_epoch, entry.epoch);
          ++found.chunks;
          return writer.Put(kChunks, ChunkKey(*path.datastore, entry.key.domain,
                                              entry.key.digest));
        },
        [](const PackDamage&) {}));
  }
  return writer.Flush();
}

absl::StatusOr<std::vector<bool>> PageRebuild::ChunksAreThere(
    const Uuid& datastore, std::span<const ChunkEntry> entries) const {
  // At most kMaxPageEntries, which one MultiGet takes.
  std::vector<std::string> keys;
  for (const ChunkEntry& entry : entries) {
    if (entry.is_hole) continue;
    keys.push_back(ChunkKey(datastore, entry.domain, entry.digest));
  }
  ASSIGN_OR_RETURN(const auto rows, scratch_->MultiGet(kChunks, keys));
  std::vector<bool> there;
  size_t next = 0;
  for (const ChunkEntry& entry : entries) {
    there.push_back(entry.is_hole || rows[next++].has_value());
  }
  return there;
}

absl::StatusOr<std::vector<bool>> PageRebuild::AreMarked(
    const Uuid& datastore, std::span<const Digest> pages) const {
  std::vector<std::string> keys;
  for (const Digest& page : pages) keys.push_back(LostKey(datastore, page));
  ASSIGN_OR_RETURN(const auto rows, scratch_->MultiGet(kLost, keys));
  std::vector<bool> marked;
  for (const auto& row : rows) marked.push_back(row.has_value());
  return marked;
}

absl::Status PageRebuild::MarkLost(const Uuid& datastore, uint32_t level,
                                   bool& any) {
  Writer writer(scratch_);
  RETURN_IF_ERROR(ForEachPage(
      datastore, level,
      [&](const Digest& id, const Page& page) -> absl::Status {
        std::vector<Digest> children;
        for (const PageChild& child : page.children) {
          children.push_back(child.page);
        }
        ASSIGN_OR_RETURN(const auto there,
                         ChunksAreThere(datastore, page.entries));
        ASSIGN_OR_RETURN(const auto marked, AreMarked(datastore, children));
        const bool lost =
            std::find(there.begin(), there.end(), false) != there.end() ||
            std::find(marked.begin(), marked.end(), true) != marked.end();
        if (!lost) return absl::OkStatus();
        any = true;
        return writer.Put(kLost, LostKey(datastore, id));
      }));
  return writer.Flush();
}

absl::Status PageRebuild::CheckTree(const Uuid& datastore,
                                    const PageRoot& root) const {
  return FetchPage({.page = root.page,
                    .size_bytes = root.size_bytes,
                    .chunk_count = root.chunk_count,
                    .hole_bytes = root.hole_bytes},
                   root.level,
                   [&](const Digest& id) { return GetPage(datastore, id); })
      .status();
}

absl::Status PageRebuild::ForEachLostRange(
    const Uuid& datastore, const PageRoot& root,
    const std::function<void(const LostRange&)>& visit) const {
  RangeJoiner joiner(visit);
  const std::function<void(const LostRange&)> add =
      [&joiner](const LostRange& range) { joiner.Add(range); };
  return WalkLost(datastore,
                  {.page = root.page,
                   .size_bytes = root.size_bytes,
                   .chunk_count = root.chunk_count,
                   .hole_bytes = root.hole_bytes},
                  root.level, 0, add);
}

// Enters marked pages only. Recurses once a level.
absl::Status PageRebuild::WalkLost(
    const Uuid& datastore, const PageChild& page, uint32_t level,
    uint64_t offset, const std::function<void(const LostRange&)>& visit) const {
  ASSIGN_OR_RETURN(const auto marked,
                   AreMarked(datastore, std::span(&page.page, 1)));
  if (!marked[0]) return absl::OkStatus();
  ASSIGN_OR_RETURN(const Page inner,
                   FetchPage(page, level, [&](const Digest& id) {
                     return GetPage(datastore, id);
                   }));
  for (const PageChild& child : inner.children) {
    RETURN_IF_ERROR(WalkLost(datastore, child, level - 1, offset, visit));
    offset += child.size_bytes;
  }
  ASSIGN_OR_RETURN(const auto there, ChunksAreThere(datastore, inner.entries));
  for (size_t i = 0; i < inner.entries.size(); ++i) {
    const uint64_t length = inner.entries[i].total_length();
    if (!there[i]) visit({.offset = offset, .length = length});
    offset += length;
  }
  return absl::OkStatus();
}

}  // namespace cairn::index
