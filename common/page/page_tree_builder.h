#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/model/archive.h"
#include "common/model/digest.h"
#include "common/page/page.h"

namespace cairn {

// A page that a builder has completed and that must be stored.
struct EncodedPage {
  Digest id;  // SHA-256 of `bytes`
  uint32_t level = 0;
  std::string bytes;
};

// A complete page that no other refers to yet, with all below it.
struct PendingPage {
  uint32_t level = 0;
  Digest page;
};

// Where pages are cut, by content: a page ends after an entry whose digest,
// read as a little endian 64 bit number of its first 8 bytes, is zero modulo
// `mean_entries`, once it has `min_entries`; and at `max_entries`. A hole
// never ends a page by content. Inner pages are cut by the same rule over
// the child page ids, except that a page of kMaxPageLevel is never cut.
//
// Entries are joined before they are cut: a run is one entry however long it
// is, so an entry is final, and the cut after it is decided, only when an
// entry that cannot be joined to it follows or the archive ends. A run that
// meets the cut rule therefore ends its page as a whole.
//
// Part of the format: equal content must give equal pages, so one version of
// the rule has one set of numbers. 2 <= min <= max <= kMaxPageEntries and
// mean >= 1.
struct PageCutRule {
  uint32_t min_entries = 32;
  uint32_t mean_entries = 128;
  uint32_t max_entries = 512;
  friend bool operator==(const PageCutRule&, const PageCutRule&) = default;
};

// Builds the tree of pages of one archive from its entries in order, holding
// at most one unfinished page per level and the last entry, which may still
// grow. Pure: same entries, same pages, no matter how they were split over
// calls or checkpoints, or whether Splice (page_splice.h) took them over. Not
// thread-safe.
class PageTreeBuilder {
 public:
  explicit PageTreeBuilder(const PageCutRule& rule);

  // Continues from SaveState's value.
  // DataLoss: not a state this release wrote under `rule`, or inconsistent.
  static absl::StatusOr<PageTreeBuilder> Restore(const PageCutRule& rule,
                                                 std::string_view state);

  // Appends an entry; joins it with the last one where the canonical form
  // asks for it. InvalidArgument (nothing is appended): not a valid entry
  // (ValidateEntry), or the archive would pass kMaxArchiveBytes.
  // ResourceExhausted, now and from then on: the archive has more entries
  // than kMaxPageLevel + 1 levels of pages hold.
  absl::Status Add(const ChunkEntry& entry);

  // Appends a page of `level` < kMaxPageLevel, as DecodePage gave it, with
  // all below it, and does not return it from TakePages. True: done; the
  // builder is as after Add of each of its entries and of one more, without
  // this one. False: nothing is appended, as some page of up to that level
  // is unfinished; add what it holds instead.
  // For Splice, which promises: the page's first entry cannot be joined to
  // the last entry, the cut rule ended the page and those on its right edge,
  // and in both cases an entry is added that cannot be joined to what is
  // before it. Until then the builder is not saved.
  // Errors as Add.
  absl::StatusOr<bool> AddPage(uint32_t level, const PageChild& page);

  // The pages completed since the last call, children before parents. At
  // most kMaxPageLevel + 1 per Add or AddPage.
  std::vector<EncodedPage> TakePages();

  // Completes all levels. The root is the lowest page that covers the whole
  // archive; an archive without entries is one empty leaf page. After it
  // only TakePages may be called; Add and Finish are FailedPrecondition.
  absl::StatusOr<PageRoot> Finish();

  // Everything needed to continue, of bounded size (unfinished entries of
  // each level): versioned, checked on Restore. TakePages must have been
  // called first, and no call may have failed with ResourceExhausted.
  //
  //   "CPS1", min, mean and max entries (varints), size_bytes (varint),
  //   the last entry as a leaf page, or nothing if none was added,
  //   count of levels (varint), the unfinished page of each level,
  //   SHA-256 of all before
  // where a page is the length of its encoding (varint) and its encoding,
  // and a page without entries has the length 0.
  std::string SaveState() const;

  // Logical bytes added so far.
  uint64_t size_bytes() const { return size_bytes_; }

  // The last entry, which may still grow. Nullopt: none was added.
  const std::optional<ChunkEntry>& last_entry() const { return last_; }

  // What the unfinished pages refer to: chunks of the unfinished leaf and
  // children of unfinished inner pages. Roots for a sweep.
  std::vector<ChunkEntry> PendingEntries() const;
  std::vector<PendingPage> PendingPages() const;

 private:
  // InvalidArgument: `more` bytes would make the archive too large.
  absl::Status ValidateGrowth(uint64_t more) const;
  // Adds the final `entry` to the unfinished leaf.
  absl::Status AddFinal(const ChunkEntry& entry);
  absl::Status AddChild(uint32_t level, const PageChild& child);
  // Ends the unfinished page of `level` and adds it to the level above.
  absl::Status CompletePage(uint32_t level);
  PageChild EmitPage(uint32_t level);
  absl::Status FinishLevels();

  const Page& top() const { return levels_.back(); }

  PageCutRule rule_;
  uint64_t size_bytes_ = 0;
  absl::Status usable_;  // what Add and Finish return when not OK
  std::optional<ChunkEntry> last_;
  // The unfinished page of each level. At least one, and above the first
  // each exists since it, or one above, has a child: the last one is never
  // empty.
  std::vector<Page> levels_;
  std::vector<EncodedPage> completed_;
};

}  // namespace cairn
