#pragma once

#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "common/io/posix_file_system.h"
#include "common/model/archive.h"
#include "common/model/digest.h"
#include "common/model/uuid.h"
#include "common/page/page_tree_builder.h"
#include "common/rocks/rocks_kv_store.h"
#include "common/testing/temp_dir.h"
#include "services/index/engine/mark_walk.h"
#include "services/index/storage/index_store.h"
#include "services/index/storage/run_file.h"
#include "tests/benchmark/stages/disk.h"

// Daily snapshots of one image, for the stages about marks.
namespace cairn {

struct ImageScale {
  int64_t chunks = 0;
  int64_t snapshots = 0;  // each with 1 % of the chunks changed
  int64_t run = 0;        // changed chunks in a row
};

// "chunks:snapshots:run ..." of the environment, or two small ones.
//   CAIRN_MARK="1000000:1000:64 1000000:30:1"
std::vector<ImageScale> AskedImages();
// "/chunks:N/snapshots:N/run:N"
std::string NameOf(const ImageScale& scale);

// The pages of all snapshots in a database of index.
class DailyImage {
 public:
  static constexpr uint32_t kChunkBytes = 256 << 10;

  explicit DailyImage(const ImageScale& scale);

  // Walk and sort, until all marks are known. Each snapshot is there `copies`
  // times. What it returns may outlive neither the image nor the next walk.
  index::WalkedMarks Walk(int copies);

  // Distinct ones of all snapshots.
  uint64_t chunk_count() const { return next_chunk_; }
  static Digest ChunkDigest(uint64_t number);
  // Roots stand for the manifests, too.
  const std::vector<PageRoot>& roots() const { return roots_; }
  // Of all pages; frees them.
  std::vector<Digest> TakePages();

 private:
  void Store(PageTreeBuilder& builder);
  void Finish(PageTreeBuilder& builder);
  // Takes over a range of the newest snapshot.
  void Keep(PageTreeBuilder& builder, uint64_t begin, uint64_t end);
  void Change();

  const ImageScale scale_;
  TempDir directory_;
  ExitingFatalErrorSink fatal_;
  std::unique_ptr<RocksKvStore> database_;
  std::unique_ptr<index::IndexStore> store_;
  Uuid datastore_;
  std::mt19937_64 random_{1};
  uint64_t next_chunk_ = 0;
  std::vector<PageRoot> roots_;
  absl::flat_hash_set<Digest> pages_;
  PosixFileSystem files_;
  std::unique_ptr<index::RunDirectory> runs_;
};

}  // namespace cairn
