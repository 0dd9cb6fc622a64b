#include "services/index/client/sweep_wire.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status/status_macros.h"
#include "common/wire/scalars.h"
#include "common/wire/snapshot.h"

namespace cairn::index {
v1::BeginSweepResponse ToProto(const IndexSweep& sweep) {
  v1::BeginSweepResponse proto;
  proto.set_fence(sweep.fence);
  proto.set_sequence(sweep.sequence);
  proto.set_listed_count(sweep.listed_count);
  proto.set_trash_count(sweep.trash_count);
  proto.set_gone_count(sweep.gone_count);
  proto.set_open_sessions(sweep.open_sessions);
  proto.set_clock_jumped(sweep.clock_jumped);
  if (sweep.next_trash_end.has_value()) {
    *proto.mutable_next_trash_end() = TimeToProto(*sweep.next_trash_end);
  }
  if (sweep.oldest_session.has_value()) {
    proto.set_oldest_session(sweep.oldest_session->ToString());
  }
  return proto;
}

absl::StatusOr<IndexSweep> FromProto(const v1::BeginSweepResponse& proto) {
  IndexSweep sweep{.fence = proto.fence(),
                   .sequence = proto.sequence(),
                   .listed_count = proto.listed_count(),
                   .trash_count = proto.trash_count(),
                   .gone_count = proto.gone_count(),
                   .open_sessions = proto.open_sessions(),
                   .clock_jumped = proto.clock_jumped()};
  if (proto.has_next_trash_end()) {
    ASSIGN_OR_RETURN(sweep.next_trash_end,
                     TimeFromProto("next_trash_end", proto.next_trash_end()));
  }
  if (!proto.oldest_session().empty()) {
    ASSIGN_OR_RETURN(
        sweep.oldest_session,
        NameFromProto<SessionName>("oldest_session", proto.oldest_session()));
  }
  return sweep;
}

v1::Scope ToProto(const SnapshotScope& scope) {
  v1::Scope proto;
  if (scope.names.empty()) {
    proto.set_parent(scope.group.has_value() ? scope.group->ToString()
                                             : scope.parent.ToString());
  }
  proto.set_max_depth(scope.max_depth);
  for (const SnapshotName& name : scope.names) {
    proto.add_names(name.ToString());
  }
  proto.set_trash(scope.trash);
  if (scope.published_before.has_value()) {
    *proto.mutable_published_before() = TimeToProto(*scope.published_before);
  }
  return proto;
}

absl::StatusOr<SnapshotScope> FromProto(const v1::Scope& proto) {
  SnapshotScope scope;
  scope.max_depth = proto.max_depth();
  scope.trash = proto.trash();
  if (proto.has_published_before()) {
    ASSIGN_OR_RETURN(
        scope.published_before,
        TimeFromProto("published_before", proto.published_before()));
  }
  if (proto.names_size() > 0) {
    ASSIGN_OR_RETURN(scope.names, SnapshotNamesFromProto("names", proto.names(),
                                                         kMaxScopeNames));
    return scope;
  }
  const absl::StatusOr<SnapshotName> snapshot =
      SnapshotName::Parse(proto.parent());
  const absl::StatusOr<GroupName> group = GroupName::Parse(proto.parent());
  if (snapshot.ok()) {
    scope.names = {*snapshot};
  } else if (group.ok()) {
    scope.group = *group;
    scope.parent = group->parent;
  } else {
    ASSIGN_OR_RETURN(scope.parent,
                     NameFromProto<NamespaceName>("parent", proto.parent()));
  }
  return scope;
}

v1::MarkProgress ToProto(const MarkProgress& progress) {
  v1::MarkProgress proto;
  proto.set_snapshots(progress.snapshots);
  proto.set_pages(progress.pages);
  proto.set_references(progress.references);
  proto.set_marks(progress.marks);
  proto.set_logical_bytes(progress.logical_bytes);
  return proto;
}

MarkProgress FromProto(const v1::MarkProgress& proto) {
  return {.snapshots = proto.snapshots(),
          .pages = proto.pages(),
          .references = proto.references(),
          .marks = proto.marks(),
          .logical_bytes = proto.logical_bytes()};
}

v1::DropPagesResponse ToProto(const DroppedPages& dropped) {
  v1::DropPagesResponse proto;
  proto.set_dropped(dropped.dropped);
  proto.set_dropped_bytes(dropped.dropped_bytes);
  proto.set_spared(dropped.spared);
  proto.set_done(dropped.done);
  return proto;
}

DroppedPages FromProto(const v1::DropPagesResponse& proto) {
  return {.dropped = proto.dropped(),
          .dropped_bytes = proto.dropped_bytes(),
          .spared = proto.spared(),
          .done = proto.done()};
}

v1::EndSweepResponse ToProto(const EndedSweep& ended) {
  v1::EndSweepResponse proto;
  proto.set_removed_snapshots(ended.removed_snapshots);
  proto.set_removed_groups(ended.removed_groups);
  return proto;
}

EndedSweep FromProto(const v1::EndSweepResponse& proto) {
  return {.removed_snapshots = proto.removed_snapshots(),
          .removed_groups = proto.removed_groups()};
}

v1::FindReferencesResponse ToProto(const DamagedSnapshot& damaged) {
  v1::FindReferencesResponse proto;
  proto.set_snapshot(damaged.name.ToString());
  for (const DamagedRange& range : damaged.ranges) {
    *proto.add_ranges() = cairn::ToProto(range);
  }
  proto.set_damaged_bytes(damaged.damaged_bytes);
  return proto;
}

absl::StatusOr<DamagedSnapshot> FromProto(
    const v1::FindReferencesResponse& proto) {
  DamagedSnapshot damaged;
  ASSIGN_OR_RETURN(damaged.name,
                   NameFromProto<SnapshotName>("snapshot", proto.snapshot()));
  if (static_cast<size_t>(proto.ranges_size()) > kMaxFoundRanges) {
    return absl::InvalidArgumentError(
        absl::StrCat("ranges has ", proto.ranges_size(),
                     " items, allowed are at most ", kMaxFoundRanges));
  }
  for (const model::v1::DamagedRange& range : proto.ranges()) {
    damaged.ranges.push_back({.archive = range.archive(),
                              .offset = range.offset(),
                              .length = range.length()});
  }
  damaged.damaged_bytes = proto.damaged_bytes();
  return damaged;
}

v1::SaveVerificationsRequest::Verification ToProto(
    const SnapshotVerification& one) {
  v1::SaveVerificationsRequest::Verification proto;
  const Verification& verification = one.verification;
  proto.set_snapshot(one.name.ToString());
  proto.set_state(cairn::ToProto(verification.state));
  *proto.mutable_time() = TimeToProto(verification.time);
  proto.set_task(std::string(verification.task.view()));
  for (const DamagedRange& range : verification.damage) {
    *proto.add_damage() = cairn::ToProto(range);
  }
  proto.set_damaged_bytes(verification.damaged_bytes);
  return proto;
}

absl::StatusOr<SnapshotVerification> FromProto(
    const v1::SaveVerificationsRequest::Verification& proto) {
  SnapshotVerification one;
  ASSIGN_OR_RETURN(one.name,
                   NameFromProto<SnapshotName>("snapshot", proto.snapshot()));
  Verification& verification = one.verification;
  ASSIGN_OR_RETURN(verification.state,
                   VerifyStateFromProto("state", proto.state()));
  ASSIGN_OR_RETURN(verification.time, TimeFromProto("time", proto.time()));
  ASSIGN_OR_RETURN(verification.task, UuidFromProto("task", proto.task()));
  ASSIGN_OR_RETURN(verification.damage,
                   DamageFromProto("damage", proto.damage()));
  verification.damaged_bytes = proto.damaged_bytes();
  return one;
}

}  // namespace cairn::index
