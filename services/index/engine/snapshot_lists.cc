#include "services/index/engine/snapshot_lists.h"

#include <algorithm>
#include <deque>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/digest/sha256.h"
#include "common/status/status_macros.h"
#include "services/index/domain/catalog_keys.h"
#include "services/index/engine/catalog_lookup.h"
#include "services/index/storage/row_codec.h"

namespace cairn::index {
namespace {

// The first step back in time, about one day; each further one is four times
// as long, so that thirty years are crossed in eight.
constexpr int64_t kFirstStepSeconds = 100000;

absl::Status NotAKey(Table table, const KvCursor& cursor) {
  return DamagedRow(table, cursor.key(),
                    absl::DataLossError("the key names nothing"));
}

}  // namespace

SnapshotLister::SnapshotLister(const IndexView& view,
                               const Datastore& datastore,
                               const SnapshotQuery& query)
    : view_(view),
      datastore_(datastore),
      query_(query),
      not_before_(std::max<int64_t>(query.not_before.value_or(1), 1)),
      before_(std::min(query.before.value_or(kMaxSnapshotTime + 1),
                       kMaxSnapshotTime + 1)) {
  const Uuid& uuid = datastore.ref.uuid;
  tree_ = {.datastore = uuid,
           .parent = query.group.has_value() ? query.group->parent.path
                                             : query.parent.path,
           .max_depth = query.group.has_value() ? 0 : query.max_depth,
           .type = query.type};
  lower_ = query.group.has_value() ? GroupKey(uuid, *query.group)
                                   : NamespaceKey(uuid, tree_.parent);
  upper_ = PrefixEnd(lower_);
  digest_ = Sha256(absl::StrCat(
      "snapshots\n", lower_.size(), "\n", lower_, tree_.max_depth, "\n",
      query.type.has_value() ? BackupTypeName(*query.type) : "", "\n",
      not_before_, "\n", before_, "\n", query.protected_only ? "p" : "",
      query.newest_first ? "n" : "", query.trash ? "t" : ""));
}

absl::StatusOr<ListPage<Snapshot>> SnapshotLister::List(
    const PageRequest& page) {
  return query_.newest_first ? ListNewestFirst(page) : ListOldestFirst(page);
}

bool SnapshotLister::Matches(const SnapshotRow& row) const {
  const SnapshotState asked =
      query_.trash ? SnapshotState::kTrash : SnapshotState::kListed;
  return row.state == asked && (row.is_protected || !query_.protected_only);
}

absl::StatusOr<std::string> SnapshotLister::OwnerOf(
    const std::string& group_key, const GroupName& name) {
  if (group_key != owner_group_key_) {
    ASSIGN_OR_RETURN(const std::optional<GroupRow> row, view_.GetGroup(name));
    owner_ = row.has_value() ? row->owner : "";
    owner_group_key_ = group_key;
  }
  return owner_;
}

absl::StatusOr<ListPage<Snapshot>> SnapshotLister::ListOldestFirst(
    const PageRequest& page) {
  const WalkRange range{
      .table = Table::kSnapshots, .lower = lower_, .upper = upper_};
  return WalkPage<Snapshot>(
      view_, range, digest_, page,
      [this](const KvCursor& cursor) { return Visit(cursor); });
}

absl::StatusOr<Visited<Snapshot>> SnapshotLister::Visit(
    const KvCursor& cursor) {
  const std::optional<ParsedSnapshotKey> key = ParseSnapshotKey(cursor.key());
  if (!key.has_value()) return NotAKey(Table::kSnapshots, cursor);
  WalkStep step = JudgeGroup(tree_, key->group.path, key->group.type);
  const std::string group_key(GroupKeyOf(cursor.key()));
  if (step.take && key->time < not_before_) {
    step = {.take = false, .go_to = SnapshotKeyAt(group_key, not_before_)};
  } else if (step.take && key->time >= before_) {
    step = {.take = false, .go_to = PrefixEnd(group_key)};
  }
  if (!step.take) {
    return Visited<Snapshot>{.item = std::nullopt,
                             .go_to = std::move(step.go_to)};
  }
  ASSIGN_OR_RETURN(const SnapshotRow row,
                   DecodeAt(Table::kSnapshots, cursor, DecodeSnapshot));
  if (!Matches(row)) return Visited<Snapshot>{};
  const SnapshotName name{.group = ToGroupName(datastore_.name, key->group),
                          .time = key->time};
  ASSIGN_OR_RETURN(const std::string owner, OwnerOf(group_key, name.group));
  return Visited<Snapshot>{.item = ToSnapshot(name, row, owner), .go_to = {}};
}

absl::StatusOr<ListPage<Snapshot>> SnapshotLister::ListNewestFirst(
    const PageRequest& request) {
  // A position is the key of a snapshot, which was the last one listed, or
  // that of a group.
  std::string start = lower_;
  std::string last;
  if (!request.page_token.empty()) {
    ASSIGN_OR_RETURN(start, DecodePageToken(digest_, request.page_token));
    const bool inside = start.starts_with(lower_);
    if (inside && ParseSnapshotKey(start).has_value()) {
      last = start;
      start = std::string(GroupKeyOf(last));
    } else if (!inside || !ParseGroupKey(start).has_value()) {
      return PageTokenInvalid("points outside of the list");
    }
  }
  ListPage<Snapshot> page;
  const size_t page_size = PageSizeOf(request);
  auto cursor = view_.Scan(Table::kGroups, start, upper_);
  for (size_t rows = 0; cursor->Valid(); ++rows) {
    const std::string group_key(cursor->key());
    const std::optional<ParsedGroupKey> key = ParseGroupKey(group_key);
    if (!key.has_value()) return NotAKey(Table::kGroups, *cursor);
    if (rows == kMaxRowsPerPage || page.items.size() == page_size) {
      page.next_page_token = EncodePageToken(digest_, group_key);
      return page;
    }
    const WalkStep step = JudgeGroup(tree_, key->path, key->type);
    if (!step.take) {
      RETURN_IF_ERROR(cursor->status());
      cursor = view_.Scan(Table::kGroups, step.go_to, upper_);
      continue;
    }
    int64_t before = before_;
    if (!last.empty() && GroupKeyOf(last) == group_key) {
      before = std::min(before, ParseSnapshotKey(last)->time);
    }
    RETURN_IF_ERROR(AddNewestFirst(group_key, before, page_size, page));
    if (!page.next_page_token.empty()) return page;
    cursor->Next();
  }
  RETURN_IF_ERROR(cursor->status());
  return page;
}

absl::Status SnapshotLister::AddNewestFirst(const std::string& group_key,
                                            int64_t before, size_t page_size,
                                            ListPage<Snapshot>& page) {
  const std::optional<ParsedGroupKey> parsed = ParseGroupKey(group_key);
  const GroupName name = ToGroupName(datastore_.name, *parsed);
  ASSIGN_OR_RETURN(const std::optional<GroupRow> group, view_.GetGroup(name));
  if (!group.has_value()) return absl::OkStatus();
  int64_t end = std::min(before, group->newest_time + 1);
  for (int64_t step = kFirstStepSeconds; end > not_before_; step *= 4) {
    const int64_t begin = std::max(not_before_, end - std::min(step, end));
    // The newest of this stretch of time that still fit, and one more, which
    // tells that there is a next page.
    const size_t room = page_size - page.items.size() + 1;
    std::deque<std::pair<Snapshot, size_t>> newest;
    size_t newest_bytes = 0;
    auto cursor = view_.Scan(Table::kSnapshots, SnapshotKeyAt(group_key, begin),
                             SnapshotKeyAt(group_key, end));
    for (; cursor->Valid(); cursor->Next()) {
      const std::optional<ParsedSnapshotKey> key =
          ParseSnapshotKey(cursor->key());
      if (!key.has_value()) return NotAKey(Table::kSnapshots, *cursor);
      ASSIGN_OR_RETURN(const SnapshotRow row,
                       DecodeAt(Table::kSnapshots, *cursor, DecodeSnapshot));
      if (!Matches(row)) continue;
      newest.emplace_back(
          ToSnapshot({.group = name, .time = key->time}, row, group->owner),
          cursor->value().size());
      newest_bytes += cursor->value().size();
      while (newest.size() > room ||
             newest_bytes - newest.front().second > kMaxBytesPerPage) {
        newest_bytes -= newest.front().second;
        newest.pop_front();
      }
    }
    RETURN_IF_ERROR(cursor->status());
    for (; !newest.empty(); newest.pop_back()) {
      listed_bytes_ += newest.back().second;
      if (page.items.size() == page_size ||
          (listed_bytes_ > kMaxBytesPerPage && !page.items.empty())) {
        page.next_page_token = EncodePageToken(
            digest_, page.items.back().name.group == name
                         ? SnapshotKeyAt(group_key, page.items.back().name.time)
                         : group_key);
        return absl::OkStatus();
      }
      page.items.push_back(std::move(newest.back().first));
    }
    end = begin;
  }
  return absl::OkStatus();
}

}  // namespace cairn::index
