#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/kv/kv_store.h"
#include "common/model/archive.h"
#include "common/model/digest.h"
#include "common/model/uuid.h"
#include "common/pack/pack_directory.h"
#include "common/page/page.h"
#include "services/index/storage/index_store.h"

namespace cairn::index {

// Bytes of an archive that no chunk gives back.
struct LostRange {
  uint64_t offset = 0;
  uint64_t length = 0;  // bytes
};

// The pages of all datastores, taken from packs into an IndexStore, and which
// of them name chunks that no pack has. Pages, and where chunks are, stream
// through the stores: memory is a batch of about 1 MiB. One thread.
class PageRebuild {
 public:
  // The tables that `scratch` must have, empty; nothing else is in it.
  static std::vector<std::string> ScratchTableNames();

  struct Found {
    uint64_t pages = 0;  // whole ones, with all pages below them
    // Taken from packs and left out again, because a page below is lost.
    uint64_t broken_pages = 0;
    uint64_t unreadable_pages = 0;  // records that are no page
    uint64_t chunks = 0;
    uint64_t highest_epoch = 0;  // of a session, in a record
  };

  // All outlive the rebuild.
  PageRebuild(const std::vector<PackDirectory>* packs, KvStore* index,
              KvStore* scratch)
      : packs_(*packs), kv_(index), store_(index), scratch_(scratch) {}

  // Takes all pages, drops those above lost ones, lists the chunks, and marks
  // the pages from which a lost chunk can be reached. What is damaged goes to
  // `damage`: of pages, but not of chunks, which count as lost.
  absl::Status Run(const PackDirectory::VisitDamage& damage);

  // By datastore.
  const std::map<Uuid, Found>& found() const { return found_; }

  // OK: the whole tree of pages is there. DataLoss says what is not.
  absl::Status CheckTree(const Uuid& datastore, const PageRoot& root) const;

  // Calls `visit` for each range without chunks of an archive whose tree is
  // there, in order, adjacent ones joined.
  absl::Status ForEachLostRange(
      const Uuid& datastore, const PageRoot& root,
      const std::function<void(const LostRange&)>& visit) const;

 private:
  using VisitPage =
      std::function<absl::Status(const Digest& id, const Page& page)>;

  absl::Status TakePages(const PackDirectory::VisitDamage& damage);
  absl::Status DropBroken(const Uuid& datastore, uint32_t level);
  absl::Status ListChunks();
  absl::Status CountPages(const Uuid& datastore);
  // Marks pages of the level; `any`: whether a mark was set.
  absl::Status MarkLost(const Uuid& datastore, uint32_t level, bool& any);

  absl::Status ForEachPage(const Uuid& datastore, uint32_t level,
                           const VisitPage& visit) const;
  absl::StatusOr<bool> ChildrenAreThere(const Uuid& datastore,
                                        const Page& page) const;
  // One a chunk entry of a leaf; holes are there.
  absl::StatusOr<std::vector<bool>> ChunksAreThere(
      const Uuid& datastore, std::span<const ChunkEntry> entries) const;
  absl::StatusOr<std::vector<bool>> AreMarked(
      const Uuid& datastore, std::span<const Digest> pages) const;
  absl::StatusOr<std::string> GetPage(const Uuid& datastore,
                                      const Digest& id) const;
  absl::Status WalkLost(
      const Uuid& datastore, const PageChild& page, uint32_t level,
      uint64_t offset,
      const std::function<void(const LostRange&)>& visit) const;

  const std::vector<PackDirectory>& packs_;
  KvStore* const kv_;
  IndexStore store_;
  KvStore* const scratch_;
  std::map<Uuid, Found> found_;
  std::map<Uuid, uint32_t> highest_level_;
};

}  // namespace cairn::index
