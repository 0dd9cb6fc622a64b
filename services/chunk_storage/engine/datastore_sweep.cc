#include "services/chunk_storage/engine/datastore_sweep.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/log/log.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"
#include "services/chunk_storage/engine/mark_set_builder.h"
#include "services/chunk_storage/engine/pack_sweep.h"
#include "services/chunk_storage/storage/audit_log.h"

namespace cairn::chunk_storage {
namespace {

// Of a record beside its payload, on average: header and padding.
constexpr uint64_t kMeanOverheadBytes =
    kRecordHeaderBytes + kRecordAlignment / 2;

SweepParts WithSets(SweepParts parts, MarkSets* sets) {
  parts.sets = sets;
  return parts;
}

absl::Status CheckCount(std::string_view what, size_t count, size_t limit) {
  if (count >= 1 && count <= limit) return absl::OkStatus();
  return WithReason(
      absl::InvalidArgumentError(absl::StrCat(
          count, " ", what, " in one call, allowed are 1 to ", limit)),
      reason::kLimitExceeded);
}

absl::Status SetLost(const Uuid& id) {
  return WithReason(
      absl::AbortedError(absl::StrCat("mark set ", id.ToString(),
                                      " is not there; mark again")),
      reason::kSweepLost);
}

}  // namespace

DatastoreSweep::DatastoreSweep(const SweepParts& parts, DatastoreState* state)
    : state_(state),
      sets_(parts.context->clock, parts.packs),
      sweep_(state, parts.context->executor),
      parts_(WithSets(parts, &sets_)) {}

absl::Status DatastoreSweep::Begin(const StoreSweepRequest& request) {
  if (request.token == 0) {
    return absl::InvalidArgumentError("a sweep needs a token above 0");
  }
  if (parts_.places->floor() == 0) {
    return absl::UnavailableError(
        "the epoch was not told since the start, so nothing is known of what "
        "was promised before; show the token first");
  }
  // The floor stays: what is touched by epochs that have ended may go.
  RETURN_IF_ERROR(state_->ShowToken(
      request.token, std::max(request.sequence, request.index_sequence)));
  sets_.DropOfSweeps(std::nullopt);
  sweep_.Begin({.guard = {.token = request.token,
                          .generation = state_->row().ref.generation},
                .rule = {.cut = request.cut, .sequence = request.sequence}});
  const absl::Status cleaned = AuditLog::RemoveOld(
      *parts_.context->packs->files(),
      parts_.context->packs->AuditDirectory(parts_.datastore),
      parts_.context->clock->Now());
  if (!cleaned.ok()) {
    LOG(WARNING) << "old audit logs stay datastore="
                 << parts_.datastore.ToString()
                 << " error=" << cleaned.ToString();
  }
  return parts_.packs->SealOpen();
}

absl::StatusOr<MarkSummary> DatastoreSweep::PutMarks(const Call& call,
                                                     const MarkSetRef& ref,
                                                     MarkStream& marks) {
  if (ref.id.is_zero()) {
    return absl::InvalidArgumentError("a mark set needs an id");
  }
  RETURN_IF_ERROR(sets_.CheckRoom(ref.id));
  std::optional<SweepRule> rule;
  if (ref.token != 0) {
    ASSIGN_OR_RETURN(const CurrentSweep sweep, sweep_.Find(ref.token));
    rule = sweep.rule;
  } else {
    // What a verify is about may lie in packs that are still open. (Those of a
    // sweep were sealed when it began.)
    RETURN_IF_ERROR(parts_.packs->SealOpen());
  }
  const MarkSetBuilder builder(parts_.context, parts_.number, parts_.packs,
                               parts_.places, &sets_);
  ASSIGN_OR_RETURN(MarkSetBuilder::Built built,
                   builder.Build(call, ref, rule, marks));
  // What ended it meanwhile has dropped its sets.
  if (ref.token != 0) RETURN_IF_ERROR(sweep_.Find(ref.token).status());
  RETURN_IF_ERROR(sets_.Put(std::move(built.set)));
  return std::move(built.summary);
}

absl::StatusOr<std::shared_ptr<MarkSet>> DatastoreSweep::FindSet(
    const Uuid& id) {
  std::shared_ptr<MarkSet> set = sets_.Find(id);
  if (set == nullptr) return SetLost(id);
  return set;
}

PackInfo DatastoreSweep::Describe(const SealedPack& pack, const MarkSet* set,
                                  const std::optional<SweepRule>& rule) const {
  PackInfo info = {.number = pack.number,
                   .uuid = pack.uuid,
                   .pack_class = pack.pack_class,
                   .file_bytes = pack.file_bytes,
                   .proof_time = pack.proof_time,
                   .presence_time = pack.presence_time,
                   .seal_time = pack.seal_time,
                   .missing = parts_.places->IsMissingPack(pack.number)};
  info.records = {
      pack.record_count,
      std::min(pack.file_bytes,
               pack.payload_bytes + pack.record_count * kMeanOverheadBytes)};
  if (set == nullptr) return info;
  const std::optional<PackMarks> marks = set->Find(pack.number);
  if (!marks.has_value()) {
    // Of a sweep, all of it stays; a verify passes it over.
    if (rule.has_value()) info.kept = info.records;
    return info;
  }
  info.records = marks->here;
  if (!rule.has_value()) {
    info.kept = marks->marked_sum;
    return info;
  }
  const RecordSum& droppable = marks->droppable_sum;
  const uint64_t dropped =
      parts_.places->CountBelow(pack.number, marks->droppable, rule->cut);
  // Of those that were touched since, the mean stands for the size.
  const uint64_t dropped_bytes =
      dropped == droppable.records || droppable.records == 0
          ? droppable.bytes
          : droppable.bytes / droppable.records * dropped;
  info.kept = {
      info.records.records - std::min(info.records.records, dropped),
      info.records.bytes - std::min(info.records.bytes, dropped_bytes)};
  return info;
}

absl::StatusOr<PackPage> DatastoreSweep::ListPacks(
    const std::optional<Uuid>& id, uint32_t page_size, uint32_t after) {
  RETURN_IF_ERROR(CheckCount("packs", page_size, kMaxPageSize));
  std::shared_ptr<MarkSet> set;
  std::optional<SweepRule> rule;
  if (id.has_value()) {
    ASSIGN_OR_RETURN(set, FindSet(*id));
    if (set->ref().token != 0) {
      ASSIGN_OR_RETURN(const CurrentSweep sweep, sweep_.Find(set->ref().token));
      rule = sweep.rule;
    }
  }
  const std::vector<SealedPack> packs =
      parts_.packs->ListSealed(after, size_t{page_size} + 1);
  PackPage page = {.done = packs.size() <= page_size};
  for (size_t i = 0; i < packs.size() && i < page_size; ++i) {
    page.packs.push_back(Describe(packs[i], set.get(), rule));
  }
  return page;
}

absl::StatusOr<SweptPacks> DatastoreSweep::SweepPacks(
    const Call& call, const SweepPacksRequest& request) {
  RETURN_IF_ERROR(CheckCount("packs", request.packs.size(), kMaxPacksPerCall));
  for (const uint32_t pack : request.compact) {
    if (std::find(request.packs.begin(), request.packs.end(), pack) ==
        request.packs.end()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "pack ", pack, " is to be compacted and is none of the packs"));
    }
  }
  ASSIGN_OR_RETURN(const std::unique_ptr<SweepState::Turn> turn,
                   sweep_.TakeTurn(call));
  ASSIGN_OR_RETURN(const CurrentSweep sweep, sweep_.Find(request.token));
  ASSIGN_OR_RETURN(std::shared_ptr<MarkSet> set, FindSet(request.set));
  if (set->ref().token != request.token) return SetLost(request.set);
  absl::StatusOr<SweptPacks> swept =
      PackSweep(parts_, sweep, std::move(set)).Run(call, request);
  // A use as long as the call.
  sets_.Find(request.set);
  return swept;
}

void DatastoreSweep::End(uint64_t token) {
  sweep_.End(token);
  sets_.DropOfSweeps(token);
}

absl::Status DatastoreSweep::VerifyPacks(const Call& call,
                                         const VerifyPacksRequest& request,
                                         PackVerify::Take take) {
  RETURN_IF_ERROR(CheckCount("packs", request.packs.size(), kMaxPacksPerCall));
  std::shared_ptr<MarkSet> set;
  if (request.set.has_value()) {
    ASSIGN_OR_RETURN(set, FindSet(*request.set));
  }
  return PackVerify(parts_, std::move(set), request.depth,
                    request.read_bytes_per_second)
      .Run(call, request.packs, take);
}

absl::StatusOr<DamagePage> DatastoreSweep::ListDamaged(
    const std::optional<RecordKey>& after, uint32_t page_size) const {
  RETURN_IF_ERROR(CheckCount("records", page_size, kMaxPageSize));
  ASSIGN_OR_RETURN(std::vector<DamagedRecord> records,
                   parts_.context->places->ListDamaged(
                       parts_.number, size_t{page_size} + 1, after));
  DamagePage page = {.done = records.size() <= page_size};
  if (!page.done) records.pop_back();
  for (DamagedRecord& record : records) {
    page.damage.push_back({record.key, std::move(record.why)});
  }
  return page;
}

}  // namespace cairn::chunk_storage
