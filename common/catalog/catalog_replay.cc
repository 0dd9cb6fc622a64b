#include "common/catalog/catalog_replay.h"

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>
#include <variant>

#include "common/catalog/snapshot_fate.h"

namespace cairn {
namespace {

// The name of the datastore in a record; null if the record has none.
const std::string* DatastoreIn(const CatalogChange& change) {
  struct Visitor {
    const std::string* operator()(const CreateDatastoreChange& c) {
      return &c.datastore;
    }
    const std::string* operator()(const CreateNamespaceChange&) {
      return nullptr;
    }
    const std::string* operator()(const DeleteNamespaceChange&) {
      return nullptr;
    }
    const std::string* operator()(const UpdateGroupChange& c) {
      return &c.name.parent.datastore;
    }
    const std::string* operator()(const UpdateSnapshotChange& c) {
      return &c.name.group.parent.datastore;
    }
    const std::string* operator()(const RefusedPublishChange& c) {
      return &c.name.group.parent.datastore;
    }
    const std::string* operator()(const ForgetSnapshotsChange& c) {
      return c.names.empty() ? nullptr : &c.datastore;
    }
    const std::string* operator()(const UndeleteSnapshotsChange& c) {
      return c.names.empty() ? nullptr : &c.datastore;
    }
    const std::string* operator()(const SnapshotsGoneChange& c) {
      return c.names.empty() ? nullptr : &c.datastore;
    }
  };
  return std::visit(Visitor(), change);
}

// Applies records in the order of their sequence.
class Replay {
 public:
  explicit Replay(ReplayedCatalog* catalog) : catalog_(*catalog) {}

  void Publish(const Digest& digest, Manifest manifest,
               std::string incomplete) {
    SnapshotName name = Named(manifest.snapshot);
    manifest.snapshot = name;
    NoteGroup(manifest);
    if (!incomplete.empty()) {
      PassOver(manifest, std::move(incomplete));
      return;
    }
    const auto [found, is_new] = catalog_.snapshots.try_emplace(name);
    // The one of before had a lower number.
    if (!is_new) PassOver(found->second.manifest, "");
    ReplayedSnapshot snapshot;
    snapshot.digest = digest;
    snapshot.notes = manifest.notes;
    snapshot.manifest = std::move(manifest);
    found->second = std::move(snapshot);
  }

  void Apply(const EventHeader& header, CatalogChange change) {
    std::visit([&](auto& one) { Apply(header, one); }, change);
  }

  // What follows from all of it together.
  void Finish() {
    // Nothing is lost with a manifest whose snapshot is gone.
    std::erase_if(catalog_.passed_over, [this](const PassedOver& passed) {
      const auto gone = gone_.find(passed.name);
      return gone != gone_.end() && passed.sequence < gone->second;
    });
    for (const PassedOver& passed : catalog_.passed_over) {
      emptied_.erase(passed.name.group);
    }
    std::erase_if(catalog_.groups, [this](const auto& group) {
      return emptied_.contains(group.first) ||
             (group.second.newest_time == 0 && group.second.owner.empty());
    });
    for (auto& [name, group] : catalog_.groups) {
      NeedNamespace(name.parent.path, group);
    }
    for (const auto& [name, sequence] : gone_) {
      const auto group = catalog_.groups.find(name.group);
      if (group == catalog_.groups.end()) continue;
      group->second.newest_time =
          std::max(group->second.newest_time, name.time);
    }
    for (const auto& [name, snapshot] : catalog_.snapshots) {
      if (snapshot.state != SnapshotState::kListed) continue;
      ReplayedGroup& group = catalog_.groups[name.group];
      ++group.listed_count;
      group.newest_listed_time = std::max(group.newest_listed_time, name.time);
    }
  }

 private:
  GroupName Named(GroupName name) const {
    name.parent.datastore = catalog_.name;
    return name;
  }
  SnapshotName Named(SnapshotName name) const {
    name.group = Named(std::move(name.group));
    return name;
  }

  void PassOver(const Manifest& manifest, std::string why) {
    catalog_.passed_over.push_back({.name = manifest.snapshot,
                                    .sequence = manifest.sequence,
                                    .generation = manifest.datastore.generation,
                                    .why = std::move(why)});
  }

  // The first snapshot makes the group, also one that is not complete: whose
  // the group is stays known.
  void NoteGroup(const Manifest& manifest) {
    const auto [found, is_new] =
        catalog_.groups.try_emplace(manifest.snapshot.group);
    ReplayedGroup& group = found->second;
    // Its row may have gone with its last snapshot; then whoever came next
    // has made it anew.
    if (emptied_.erase(manifest.snapshot.group) > 0 &&
        group.owner != manifest.owner) {
      group = ReplayedGroup();
    }
    if (group.newest_time == 0) group.create_time = manifest.publish_time;
    if (group.owner_sequence == 0) {
      group.owner = manifest.owner;
      group.owner_sequence = manifest.sequence;
    }
    group.newest_time = std::max(group.newest_time, manifest.snapshot.time);
  }

  void Apply(const EventHeader& header, const CreateDatastoreChange& change) {
    if (catalog_.create_time.has_value()) return;
    catalog_.comment = change.comment;
    catalog_.create_time = header.time;
  }

  void Apply(const EventHeader& header, const CreateNamespaceChange& change) {
    catalog_.namespaces.try_emplace(
        change.name.path, ReplayedNamespace{.comment = change.comment,
                                            .create_time = header.time,
                                            .sequence = header.sequence});
  }

  void Apply(const EventHeader& header, const DeleteNamespaceChange& change) {
    catalog_.namespace_delete_sequence =
        std::max(catalog_.namespace_delete_sequence, header.sequence);
    const auto found = catalog_.namespaces.find(change.name.path);
    if (found == catalog_.namespaces.end() || HoldsAnything(found->first)) {
      return;
    }
    deleted_[found->first] = found->second;
    catalog_.namespaces.erase(found);
  }

  bool HoldsAnything(const NamespacePath& path) const {
    // Paths and groups sort by component, so what is below a path follows it.
    const auto below = catalog_.namespaces.upper_bound(path);
    if (below != catalog_.namespaces.end() &&
        below->first.IsSameOrBelow(path)) {
      return true;
    }
    auto group = catalog_.groups.lower_bound(
        {.parent = {.datastore = catalog_.name, .path = path},
         .type = BackupType{},
         .id = ""});
    while (group != catalog_.groups.end() && emptied_.contains(group->first)) {
      ++group;
    }
    return group != catalog_.groups.end() &&
           group->first.parent.path.IsSameOrBelow(path);
  }

  void Apply(const EventHeader& header, const UpdateGroupChange& change) {
    ReplayedGroup& group =
        catalog_.groups.try_emplace(Named(change.name)).first->second;
    // Its snapshots are lost, or not complete.
    if (group.newest_time == 0) group.create_time = header.time;
    if (change.owner.has_value()) {
      group.owner = *change.owner;
      group.owner_sequence = header.sequence;
    }
    if (change.notes.has_value()) {
      group.notes = *change.notes;
      group.notes_sequence = header.sequence;
    }
  }

  void Apply(const EventHeader& header, const UpdateSnapshotChange& change) {
    const auto found = catalog_.snapshots.find(Named(change.name));
    if (found == catalog_.snapshots.end()) return;
    ReplayedSnapshot& snapshot = found->second;
    if (change.notes.has_value()) {
      snapshot.notes = *change.notes;
      snapshot.notes_sequence = header.sequence;
    }
    if (change.is_protected.has_value()) {
      ProtectAt(header.sequence, *change.is_protected, snapshot);
    }
  }

  void Apply(const EventHeader& header, const ForgetSnapshotsChange& change) {
    for (const SnapshotName& name : change.names) {
      const auto found = catalog_.snapshots.find(Named(name));
      if (found == catalog_.snapshots.end()) continue;
      ForgetAt(header.sequence, header.time, change.trash_time, found->second);
    }
  }

  void Apply(const EventHeader& header, const UndeleteSnapshotsChange& change) {
    for (const SnapshotName& name : change.names) {
      const auto found = catalog_.snapshots.find(Named(name));
      if (found == catalog_.snapshots.end()) continue;
      UndeleteAt(header.sequence, found->second);
    }
  }

  void Apply(const EventHeader& header, const SnapshotsGoneChange& change) {
    for (const SnapshotName& plain : change.names) {
      const SnapshotName name = Named(plain);
      catalog_.snapshots.erase(name);
      gone_[name] = header.sequence;
      const auto next = catalog_.snapshots.lower_bound({.group = name.group});
      if (next == catalog_.snapshots.end() || next->first.group != name.group) {
        emptied_.insert(name.group);
      }
    }
  }

  // Its manifest was left out.
  void Apply(const EventHeader&, const RefusedPublishChange&) {}

  void NeedNamespace(NamespacePath path, const ReplayedGroup& group) {
    for (; !path.is_root(); path = path.Parent()) {
      const auto [found, is_new] = catalog_.namespaces.try_emplace(path);
      if (!is_new) continue;
      const auto deleted = deleted_.find(path);
      found->second = deleted != deleted_.end()
                          ? deleted->second
                          : ReplayedNamespace{.create_time = group.create_time};
    }
  }

  ReplayedCatalog& catalog_;
  std::map<NamespacePath, ReplayedNamespace> deleted_;
  std::map<SnapshotName, uint64_t> gone_;  // the number that says so
  // Groups whose last snapshot is gone, and that index may have removed.
  std::set<GroupName> emptied_;
};

}  // namespace

void CatalogReplay::Add(const Digest& digest, Manifest manifest,
                        std::string incomplete) {
  if (!seen_.insert(digest).second) return;
  Item item{.datastore = manifest.datastore,
            .sequence = manifest.sequence,
            .digest = digest,
            .incomplete = std::move(incomplete)};
  item.manifest = std::move(manifest);
  items_.push_back(std::move(item));
}

void CatalogReplay::Add(const Digest& digest, Event event) {
  if (!seen_.insert(digest).second) return;
  Item item{.datastore = event.header.datastore,
            .sequence = event.header.sequence,
            .digest = digest};
  item.event = std::move(event);
  items_.push_back(std::move(item));
}

void CatalogReplay::Sort() {
  const auto key = [](const Item& item) {
    return std::tie(item.sequence, item.datastore.generation, item.digest);
  };
  std::sort(items_.begin(), items_.end(),
            [&](const Item& a, const Item& b) { return key(a) < key(b); });
}

absl::flat_hash_set<Digest> CatalogReplay::Cancelled() const {
  absl::flat_hash_set<Digest> cancelled;
  for (const Item& item : items_) {
    if (!item.event.has_value()) continue;
    const auto* const refused =
        std::get_if<RefusedPublishChange>(&item.event->change);
    if (refused != nullptr) cancelled.insert(refused->manifest);
  }
  return cancelled;
}

void CatalogReplay::Identify(ReplayedCatalog& catalog) const {
  bool created = false;
  for (const Item& item : items_) {
    catalog.highest_sequence =
        std::max(catalog.highest_sequence, item.sequence);
    catalog.highest_generation =
        std::max(catalog.highest_generation, item.datastore.generation);
    if (item.manifest.has_value()) {
      catalog.highest_epoch =
          std::max(catalog.highest_epoch, item.manifest->epoch);
      if (!created) {
        catalog.name = item.manifest->snapshot.group.parent.datastore;
      }
      continue;
    }
    const std::string* const name = DatastoreIn(item.event->change);
    if (name != nullptr && !created) catalog.name = *name;
    created |=
        std::holds_alternative<CreateDatastoreChange>(item.event->change);
  }
}

ReplayedCatalog CatalogReplay::Finish() && {
  Sort();
  ReplayedCatalog catalog;
  Identify(catalog);
  const absl::flat_hash_set<Digest> cancelled = Cancelled();
  Replay replay(&catalog);
  for (Item& item : items_) {
    if (item.event.has_value()) {
      replay.Apply(item.event->header, std::move(item.event->change));
    } else if (cancelled.contains(item.digest)) {
      ++catalog.cancelled;
    } else {
      replay.Publish(item.digest, *std::move(item.manifest),
                     std::move(item.incomplete));
    }
  }
  replay.Finish();
  return catalog;
}

}  // namespace cairn
