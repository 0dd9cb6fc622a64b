#include "client/cli/render/stored.h"

#include <cstdint>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "client/cli/render/format.h"
#include "client/cli/render/table.h"
#include "common/model/archive.h"
#include "common/model/names.h"

namespace cairn::client {
namespace {

std::string Hex(const std::string& bytes) {
  return absl::BytesToHexString(bytes);
}

std::string Time(absl::Time time) {
  return absl::FormatTime(absl::RFC3339_sec, time, absl::UTCTimeZone());
}

std::string GroupType(uint32_t type) {
  if (type < 1 || type > 3) return absl::StrCat("type ", type);
  return std::string(BackupTypeName(static_cast<BackupType>(type)));
}

std::string ArchiveKindText(uint32_t kind) {
  if (kind < 1 || kind > 3) return absl::StrCat("kind ", kind);
  return std::string(ArchiveKindName(static_cast<ArchiveKind>(kind)));
}

Json GroupJson(const record::v1::GroupKey& group) {
  return {{"datastore", group.datastore()},
          {"namespace", group.namespace_path()},
          {"type", GroupType(group.type())},
          {"id", group.id()}};
}

Json EntryJson(const ChunkEntry& entry, uint64_t offset) {
  Json json = {{"offset", offset}, {"length", entry.length}};
  if (entry.is_hole) {
    json["hole"] = true;
    return json;
  }
  json["repeat"] = entry.repeat;
  json["chunk"] = entry.digest.ToHex();
  if (!entry.domain.is_plaintext()) {
    json["domain"] = absl::BytesToHexString(entry.domain.view());
  }
  return json;
}

Json ChangeJson(const record::v1::Event& event) {
  using Event = record::v1::Event;
  switch (event.change_case()) {
    case Event::kDatastoreCreated:
      return {{"change", "datastore_created"},
              {"name", event.datastore_created().name()},
              {"comment", event.datastore_created().comment()}};
    case Event::kNamespaceCreated:
      return {{"change", "namespace_created"},
              {"path", event.namespace_created().path()},
              {"comment", event.namespace_created().comment()}};
    case Event::kNamespaceDeleted:
      return {{"change", "namespace_deleted"},
              {"path", event.namespace_deleted().path()}};
    case Event::kGroupUpdated: {
      const auto& change = event.group_updated();
      Json json = {{"change", "group_updated"},
                   {"group", GroupJson(change.group())}};
      if (change.has_owner()) json["owner"] = change.owner();
      if (change.has_notes()) json["notes"] = change.notes();
      return json;
    }
    case Event::kSnapshotUpdated: {
      const auto& change = event.snapshot_updated();
      Json json = {{"change", "snapshot_updated"},
                   {"group", GroupJson(change.group())},
                   {"time", Time(absl::FromUnixSeconds(change.time()))}};
      if (change.has_notes()) json["notes"] = change.notes();
      if (change.has_protected_()) json["protected"] = change.protected_();
      return json;
    }
    case Event::kPublishRefused: {
      const auto& change = event.publish_refused();
      return {{"change", "publish_refused"},
              {"group", GroupJson(change.group())},
              {"time", Time(absl::FromUnixSeconds(change.time()))},
              {"session", Hex(change.session())},
              {"manifest", Hex(change.manifest())}};
    }
    default:
      return {{"change", "unknown to this release"}};
  }
}

}  // namespace

Json ToJson(const RecordKey& key) {
  Json json = {{"kind", std::string(RecordKindName(key.kind))},
               {"digest", key.digest.ToHex()}};
  if (!key.domain.is_plaintext()) {
    json["domain"] = absl::BytesToHexString(key.domain.view());
  }
  return json;
}

Json ToJson(const Page& page) {
  Json json = {{"level", page.level}};
  if (page.level == 0) {
    Json entries = Json::array();
    uint64_t offset = 0;
    for (const ChunkEntry& entry : page.entries) {
      entries.push_back(EntryJson(entry, offset));
      offset += entry.total_length();
    }
    json["size_bytes"] = offset;
    json["entries"] = std::move(entries);
    return json;
  }
  Json children = Json::array();
  uint64_t offset = 0;
  for (const PageChild& child : page.children) {
    children.push_back({{"offset", offset},
                        {"page", child.page.ToHex()},
                        {"size_bytes", child.size_bytes},
                        {"chunk_count", child.chunk_count},
                        {"hole_bytes", child.hole_bytes}});
    offset += child.size_bytes;
  }
  json["size_bytes"] = offset;
  json["children"] = std::move(children);
  return json;
}

void PrintPage(const Page& page, std::ostream& out) {
  constexpr auto kRight = Table::Align::kRight;
  uint64_t offset = 0;
  if (page.level == 0) {
    out << "leaf page of " << page.entries.size() << " entries\n\n";
    Table table({{"OFFSET", kRight},
                 {"LENGTH", kRight},
                 {"REPEAT", kRight},
                 {"CHUNK"}});
    for (const ChunkEntry& entry : page.entries) {
      std::string chunk = entry.is_hole ? "hole" : entry.digest.ToHex();
      if (!entry.domain.is_plaintext()) {
        absl::StrAppend(&chunk, " of domain ",
                        absl::BytesToHexString(entry.domain.view()));
      }
      table.AddRow({absl::StrCat(offset), absl::StrCat(entry.length),
                    absl::StrCat(entry.repeat), chunk});
      offset += entry.total_length();
    }
    table.Print(out, "the page of an empty archive");
    return;
  }
  out << "page of level " << page.level << " with " << page.children.size()
      << " children\n\n";
  Table table({{"OFFSET", kRight},
               {"SIZE", kRight},
               {"CHUNKS", kRight},
               {"HOLES", kRight},
               {"PAGE"}});
  for (const PageChild& child : page.children) {
    table.AddRow({absl::StrCat(offset), absl::StrCat(child.size_bytes),
                  absl::StrCat(child.chunk_count),
                  absl::StrCat(child.hole_bytes), child.page.ToHex()});
    offset += child.size_bytes;
  }
  table.Print(out, "no children");
}

Json ToJson(const record::v1::Manifest& manifest) {
  Json archives = Json::array();
  for (const auto& archive : manifest.archives()) {
    archives.push_back({{"name", archive.name()},
                        {"kind", ArchiveKindText(archive.kind())},
                        {"chunker", archive.chunker().name()},
                        {"root_page", Hex(archive.root().page())},
                        {"root_level", archive.root().level()},
                        {"size_bytes", archive.root().size_bytes()},
                        {"chunk_count", archive.root().chunk_count()},
                        {"hole_bytes", archive.root().hole_bytes()}});
  }
  return {{"format_version", manifest.format_version()},
          {"datastore_uuid", Hex(manifest.datastore_uuid())},
          {"generation", manifest.generation()},
          {"sequence", manifest.sequence()},
          {"group", GroupJson(manifest.group())},
          {"time", Time(absl::FromUnixSeconds(manifest.time()))},
          {"archives", std::move(archives)},
          {"owner", manifest.owner()},
          {"notes", manifest.notes()},
          {"session", Hex(manifest.session())},
          {"epoch", manifest.epoch()},
          {"publish_time",
           Time(absl::FromUnixNanos(manifest.publish_time_nanos()))},
          {"stored_bytes", manifest.stored_bytes()}};
}

void PrintManifest(const record::v1::Manifest& manifest, std::ostream& out) {
  const auto& group = manifest.group();
  out << "datastore  " << Printable(group.datastore()) << " ("
      << Hex(manifest.datastore_uuid()) << ", generation "
      << manifest.generation() << ")\n"
      << "namespace  " << Printable(group.namespace_path()) << "\n"
      << "snapshot   " << GroupType(group.type()) << "/"
      << Printable(group.id()) << "/"
      << Time(absl::FromUnixSeconds(manifest.time())) << "\n"
      << "published  "
      << Time(absl::FromUnixNanos(manifest.publish_time_nanos()))
      << ", sequence " << manifest.sequence() << ", epoch " << manifest.epoch()
      << "\n"
      << "owner      " << Printable(manifest.owner()) << "\n"
      << "notes      " << Printable(manifest.notes()) << "\n"
      << "session    " << Hex(manifest.session()) << "\n\n";
  Table table({{"ARCHIVE"},
               {"KIND"},
               {"SIZE", Table::Align::kRight},
               {"CHUNKS", Table::Align::kRight},
               {"ROOT PAGE"}});
  for (const auto& archive : manifest.archives()) {
    table.AddRow({archive.name(), ArchiveKindText(archive.kind()),
                  FormatBytes(archive.root().size_bytes()),
                  absl::StrCat(archive.root().chunk_count()),
                  Hex(archive.root().page())});
  }
  table.Print(out, "no archives");
}

Json ToJson(const record::v1::Event& event) {
  Json json = {{"format_version", event.format_version()},
               {"datastore_uuid", Hex(event.datastore_uuid())},
               {"generation", event.generation()},
               {"sequence", event.sequence()},
               {"time", Time(absl::FromUnixNanos(event.time_nanos()))},
               {"principal", event.principal()}};
  json.update(ChangeJson(event));
  return json;
}

}  // namespace cairn::client
