#include "services/chunk_storage/engine/mark_set_builder.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/concurrency/cancellation.h"
#include "common/pack/pack_format.h"
#include "common/pack/pack_scanner.h"
#include "common/status/status_macros.h"
#include "services/chunk_storage/storage/place_codec.h"

namespace cairn::chunk_storage {
namespace {

constexpr size_t kStepsPerCheck = 16384;
constexpr size_t kDigestBytes = 32;
// Packs that are found by their number without a search.
constexpr uint32_t kMaxDenseNumber = uint32_t{1} << 24;

absl::Status CheckCancelled(const Call& call) {
  return call.cancellation == nullptr ? absl::OkStatus()
                                      : call.cancellation->Check();
}

// The part of a raw key before the digest: kind and domain.
std::string GroupOf(RecordKind kind, const Domain& domain) {
  const std::string key = EncodePlaceKey(0, {kind, domain, Digest()});
  return key.substr(4, key.size() - 4 - kDigestBytes);
}

uint64_t BigEndian64(std::string_view bytes) {
  uint64_t value = 0;
  for (const char byte : bytes.substr(0, 8)) {
    value = value << 8 | static_cast<uint8_t>(byte);
  }
  return value;
}

// Where a row stands among marks.
struct RowKey {
  std::string_view group;
  uint64_t prefix = 0;
};

// The marks of a stream, one at a time, proved to be in order.
class MarkWalk {
 public:
  explicit MarkWalk(MarkStream& stream) : stream_(stream) {}

  // To the first mark, or the next.
  absl::Status Advance() {
    if (started_) ++at_;
    started_ = true;
    if (at_ < run_.marks.size()) {
      if (run_.marks[at_].prefix <= run_.marks[at_ - 1].prefix) {
        return OutOfOrder();
      }
      return absl::OkStatus();
    }
    return NextRun();
  }

  bool at_end() const { return ended_; }
  const Mark& mark() const { return run_.marks[at_]; }
  RecordKind kind() const { return run_.kind; }
  const Domain& domain() const { return run_.domain; }

  // <0: the mark comes before `row`; 0: it is the row's; >0: behind.
  int Compare(const RowKey& row) const {
    const int groups = std::string_view(group_).compare(row.group);
    if (groups != 0) return groups;
    if (mark().prefix == row.prefix) return 0;
    return mark().prefix < row.prefix ? -1 : 1;
  }

 private:
  static absl::Status OutOfOrder() {
    return absl::InvalidArgumentError(
        "marks are not strictly ascending by kind, domain and prefix");
  }

  absl::Status NextRun() {
    const bool first = group_.empty();
    const uint64_t last = first ? 0 : run_.marks.back().prefix;
    ASSIGN_OR_RETURN(std::optional<MarkRun> run, stream_.Next());
    at_ = 0;
    if (!run.has_value()) {
      ended_ = true;
      return absl::OkStatus();
    }
    const auto kind = static_cast<int>(run->kind);
    if (run->marks.empty() || run->marks.size() > kMaxMarksPerRun || kind < 1 ||
        kind > static_cast<int>(RecordKind::kManifest)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "run of ", run->marks.size(), " marks of kind ", kind,
          ", allowed are 1 to ", kMaxMarksPerRun, " of kinds 1 to 3"));
    }
    std::string group = GroupOf(run->kind, run->domain);
    const int order = first ? 1 : group.compare(group_);
    if (order < 0 || (order == 0 && run->marks.front().prefix <= last)) {
      return OutOfOrder();
    }
    run_ = *std::move(run);
    group_ = std::move(group);
    return absl::OkStatus();
  }

  MarkStream& stream_;
  MarkRun run_;
  std::string group_;  // of the run
  size_t at_ = 0;
  bool started_ = false;
  bool ended_ = false;
};

// The packs of a set in the making.
class PackTable {
 public:
  explicit PackTable(std::vector<SealedPack> packs)
      : packs_(std::move(packs)), marks_(packs_.size()) {
    if (!packs_.empty() && packs_.back().number <= kMaxDenseNumber) {
      dense_.resize(packs_.back().number + 1, -1);
    }
    for (size_t i = 0; i < packs_.size(); ++i) {
      if (dense_.empty()) {
        sparse_[packs_[i].number] = static_cast<int32_t>(i);
      } else {
        dense_[packs_[i].number] = static_cast<int32_t>(i);
      }
      const auto records = static_cast<uint32_t>(
          std::min(packs_[i].record_count, kMaxPackRecords));
      marks_[i].marked.Reserve(records);
    }
  }

  // -1: no pack of the set.
  int32_t Find(uint32_t number) const {
    if (!dense_.empty()) return number < dense_.size() ? dense_[number] : -1;
    const auto it = sparse_.find(number);
    return it == sparse_.end() ? -1 : it->second;
  }
  const SealedPack& pack(int32_t index) const { return packs_[index]; }
  PackMarks& marks(int32_t index) { return marks_[index]; }

  MarkSet::Packs Take() {
    MarkSet::Packs packs;
    packs.reserve(packs_.size());
    for (size_t i = 0; i < packs_.size(); ++i) {
      packs.emplace(packs_[i].number, std::move(marks_[i]));
    }
    return packs;
  }

 private:
  const std::vector<SealedPack> packs_;
  std::vector<PackMarks> marks_;
  std::vector<int32_t> dense_;
  absl::flat_hash_map<uint32_t, int32_t> sparse_;
};

// The marks that no good place was found for.
class MissingMarks {
 public:
  explicit MissingMarks(std::vector<RecordPrefix> unsealed)
      : unsealed_(std::move(unsealed)) {}

  void Add(const MarkWalk& walk, MarkSummary& summary) const {
    // What a session was promised before a restart, and had not synced, is
    // told to it: it sends that again, or its watermark fails.
    if (walk.mark().holder == MarkHolder::kSession) return;
    const RecordPrefix prefix = {walk.kind(), walk.domain(),
                                 walk.mark().prefix};
    if (std::binary_search(unsealed_.begin(), unsealed_.end(), prefix)) return;
    if (++summary.missing_records > MarkSetBuilder::kMaxMissingNamed) return;
    std::vector<MarkRun>& runs = summary.missing;
    if (runs.empty() || runs.back().kind != prefix.kind ||
        runs.back().domain != prefix.domain ||
        runs.back().marks.size() == kMaxMarksPerRun) {
      runs.push_back({.kind = prefix.kind, .domain = prefix.domain});
    }
    runs.back().marks.push_back(walk.mark());
  }

 private:
  const std::vector<RecordPrefix> unsealed_;
};

// One build: what it counts, and what it asks.
class Merge {
 public:
  Merge(const StoreContext* context, const PackSet* packs,
        const PlaceTable* places, const std::optional<SweepRule>& rule,
        PackTable& table)
      : packs_(packs),
        places_(places),
        rule_(rule),
        latch_(context->latch),
        table_(table) {}

  MarkSummary& summary() { return summary_; }

  // A row with the mark that is its own; null: none. True if the record can be
  // had.
  absl::StatusOr<bool> AddRow(const PlaceCursor& cursor, const Mark* mark) {
    ASSIGN_OR_RETURN(const Place place, cursor.place());
    const int32_t index = table_.Find(place.pack);
    const bool good = !place.bad && !places_->IsMissingPack(place.pack);
    // Its pack was sealed since the set was begun: all of it stays.
    if (index < 0) return good && packs_->FindSealed(place.pack).ok();
    PackMarks& marks = table_.marks(index);
    Add(marks.here, place);
    if (mark == nullptr) {
      RETURN_IF_ERROR(AddUnmarked(cursor, place, table_.pack(index), marks));
      return good;
    }
    if (place.ordinal < kMaxPackRecords) marks.marked.Set(place.ordinal);
    Add(marks.marked_sum, place);
    if (!good) return false;
    Add(summary_.marked, place);
    if (mark->holder == MarkHolder::kTrash) Add(summary_.trash, place);
    if (mark->holder == MarkHolder::kSession) Add(summary_.session, place);
    return true;
  }

 private:
  using Sum = RecordSum;
  static void Add(Sum& sum, const Place& place) {
    chunk_storage::Add(sum, place);
  }

  absl::Status AddUnmarked(const PlaceCursor& cursor, const Place& place,
                           const SealedPack& pack, PackMarks& marks) {
    Add(summary_.unmarked, place);
    if (!rule_.has_value()) return absl::OkStatus();
    ASSIGN_OR_RETURN(const bool may_drop, MayDrop(cursor, place, pack));
    // Last, because it takes a lock.
    if (!may_drop || !IsBelowCut(*rule_, places_->TouchOf(place))) {
      Add(summary_.spared, place);
      return absl::OkStatus();
    }
    marks.droppable.Set(place.ordinal);
    Add(marks.droppable_sum, place);
    return absl::OkStatus();
  }

  absl::StatusOr<bool> MayDrop(const PlaceCursor& cursor, const Place& place,
                               const SealedPack& pack) {
    if (place.ordinal >= kMaxPackRecords) return false;
    const auto kind = static_cast<RecordKind>(cursor.raw_key()[0]);
    uint64_t sequence = 0;
    if (kind == RecordKind::kManifest &&
        pack.highest_sequence > rule_->sequence) {
      ASSIGN_OR_RETURN(sequence, SequenceOf(place));
    }
    return MayDropKind(*rule_, kind, sequence);
  }

  // Of a manifest in a pack that has numbers beyond the view's. One that does
  // not say its own stays.
  absl::StatusOr<uint64_t> SequenceOf(const Place& place) {
    RETURN_IF_ERROR(latch_->Check());
    constexpr uint64_t kUnknown = ~uint64_t{0};
    const auto pack = packs_->OpenForRead(place.pack);
    if (absl::IsDataLoss(pack.status())) return kUnknown;
    RETURN_IF_ERROR(pack.status());
    const absl::StatusOr<RecordHeader> header = ReadPackRecordHeader(
        pack->uuid, place.offset, [&](uint64_t offset, size_t length) {
          return pack->file->ReadAt(offset, length);
        });
    if (header.ok()) return header->sequence;
    if (absl::IsDataLoss(header.status())) return kUnknown;
    return header.status();
  }

  const PackSet* const packs_;
  const PlaceTable* const places_;
  const std::optional<SweepRule> rule_;
  FatalLatch* const latch_;
  PackTable& table_;
  MarkSummary summary_;
};

absl::StatusOr<RowKey> RowKeyOf(std::string_view raw) {
  if (raw.size() <= kDigestBytes) {
    return absl::DataLossError(absl::StrCat(
        "place key ", absl::BytesToHexString(raw), " is not well formed"));
  }
  return RowKey{raw.substr(0, raw.size() - kDigestBytes),
                BigEndian64(raw.substr(raw.size() - kDigestBytes))};
}

}  // namespace

absl::StatusOr<MarkSetBuilder::Built> MarkSetBuilder::Build(
    const Call& call, const MarkSetRef& ref,
    const std::optional<SweepRule>& rule, MarkStream& marks) const {
  // In this order: a record that leaves the unsealed ones is in the view.
  const MissingMarks missing(places_->UnsealedPrefixes());
  PackTable table(sets_->ListSealed());
  PlaceCursor cursor = context_->places->ScanPlaces(datastore_);
  Merge merge(context_, packs_, places_, rule, table);
  MarkWalk walk(marks);
  RETURN_IF_ERROR(walk.Advance());
  bool found = false;  // a good place of the mark that the walk stands on
  const auto pass_mark = [&]() -> absl::Status {
    if (!found) missing.Add(walk, merge.summary());
    found = false;
    return walk.Advance();
  };
  size_t steps = 0;
  for (; cursor.Valid(); cursor.Next()) {
    ASSIGN_OR_RETURN(const RowKey row, RowKeyOf(cursor.raw_key()));
    int order = walk.at_end() ? 1 : walk.Compare(row);
    for (; order < 0; order = walk.at_end() ? 1 : walk.Compare(row)) {
      RETURN_IF_ERROR(pass_mark());
      if (++steps % kStepsPerCheck == 0) RETURN_IF_ERROR(CheckCancelled(call));
    }
    ASSIGN_OR_RETURN(const bool good,
                     merge.AddRow(cursor, order == 0 ? &walk.mark() : nullptr));
    // Several rows may have one mark: those whose digests begin alike.
    if (order == 0 && good) found = true;
    if (++steps % kStepsPerCheck == 0) RETURN_IF_ERROR(CheckCancelled(call));
  }
  RETURN_IF_ERROR(cursor.status());
  while (!walk.at_end()) {
    RETURN_IF_ERROR(pass_mark());
    if (++steps % kStepsPerCheck == 0) RETURN_IF_ERROR(CheckCancelled(call));
  }
  return Built{std::make_shared<MarkSet>(ref, table.Take()),
               std::move(merge.summary())};
}

}  // namespace cairn::chunk_storage
