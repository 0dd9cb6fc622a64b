#include "client/cli/render/json.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "client/cli/render/format.h"

namespace cairn::client {
Json TimeOrNull(bool is_set, const google::protobuf::Timestamp& time) {
  return is_set ? Json(FormatTime(time)) : Json(nullptr);
}

Json TextOrNull(const std::string& text) {
  return text.empty() ? Json(nullptr) : Json(text);
}

std::string WithoutPrefix(const std::string& name, std::string_view prefix) {
  if (name.size() <= prefix.size()) return "unknown";
  return absl::AsciiStrToLower(name.substr(prefix.size()));
}

std::string KindName(model::v1::ArchiveKind kind) {
  return WithoutPrefix(model::v1::ArchiveKind_Name(kind), "ARCHIVE_KIND_");
}
std::string StateName(model::v1::SnapshotState state) {
  return WithoutPrefix(model::v1::SnapshotState_Name(state), "SNAPSHOT_STATE_");
}
std::string VerifyName(model::v1::VerifyState state) {
  if (state == model::v1::VERIFY_STATE_UNSPECIFIED) return "never";
  return WithoutPrefix(model::v1::VerifyState_Name(state), "VERIFY_STATE_");
}
std::string ModeName(model::v1::LeaseMode mode) {
  return WithoutPrefix(model::v1::LeaseMode_Name(mode), "LEASE_MODE_");
}
std::string PurposeName(model::v1::LeasePurpose purpose) {
  return WithoutPrefix(model::v1::LeasePurpose_Name(purpose), "LEASE_PURPOSE_");
}

Json ToJson(const model::v1::Datastore& datastore) {
  return {{"name", datastore.name()},
          {"comment", datastore.comment()},
          {"create_time",
           TimeOrNull(datastore.has_create_time(), datastore.create_time())}};
}

Json ToJson(const model::v1::Namespace& name_space) {
  return {{"name", name_space.name()},
          {"comment", name_space.comment()},
          {"create_time",
           TimeOrNull(name_space.has_create_time(), name_space.create_time())}};
}

Json ToJson(const model::v1::Group& group) {
  return {
      {"name", group.name()},
      {"owner", group.owner()},
      {"notes", group.notes()},
      {"create_time", TimeOrNull(group.has_create_time(), group.create_time())},
      {"last_snapshot_time",
       TimeOrNull(group.has_last_snapshot_time(), group.last_snapshot_time())},
      {"snapshot_count", group.snapshot_count()}};
}

Json ToJson(const model::v1::Archive& archive) {
  return {{"name", archive.name()},
          {"kind", KindName(archive.kind())},
          {"size_bytes", archive.root().size_bytes()},
          {"hole_bytes", archive.root().hole_bytes()},
          {"chunk_count", archive.root().chunk_count()},
          {"chunker", archive.chunker().name()}};
}

Json ToJson(const model::v1::Snapshot& snapshot) {
  Json archives = Json::array();
  for (const auto& archive : snapshot.archives()) {
    archives.push_back(ToJson(archive));
  }
  return {{"name", snapshot.name()},
          {"state", StateName(snapshot.state())},
          {"archives", std::move(archives)},
          {"notes", snapshot.notes()},
          {"protected", snapshot.protected_()},
          {"owner", snapshot.owner()},
          {"verify_state", VerifyName(snapshot.verify_state())},
          {"recovered", snapshot.recovered()},
          {"session", snapshot.session()},
          {"publish_time",
           TimeOrNull(snapshot.has_publish_time(), snapshot.publish_time())},
          {"size_bytes", snapshot.size_bytes()},
          {"stored_bytes", snapshot.stored_bytes()},
          {"trash_time",
           TimeOrNull(snapshot.has_trash_time(), snapshot.trash_time())},
          {"trash_until",
           TimeOrNull(snapshot.has_trash_until(), snapshot.trash_until())}};
}

Json ToJson(const model::v1::Lease& lease) {
  Json claims = Json::array();
  for (const auto& claim : lease.claims()) {
    claims.push_back(
        {{"resource", claim.resource()}, {"mode", ModeName(claim.mode())}});
  }
  return {
      {"id", lease.id()},
      {"datastore", lease.datastore()},
      {"purpose", PurposeName(lease.purpose())},
      {"holder", lease.holder()},
      {"claims", std::move(claims)},
      {"start_epoch", lease.start_epoch()},
      {"start_time", TimeOrNull(lease.has_start_time(), lease.start_time())},
      {"age_seconds", ToSeconds(lease.age())},
      {"remaining_seconds", ToSeconds(lease.remaining())}};
}

Json ToJson(const ingest::v1::GetStatusResponse& status) {
  Json services = Json::array();
  for (const auto& service : status.services()) {
    services.push_back({{"name", service.name()},
                        {"ready", service.ready()},
                        {"problem", service.problem()},
                        {"incarnation", service.incarnation()}});
  }
  Json datastores = Json::array();
  for (const auto& datastore : status.datastores()) {
    datastores.push_back(
        {{"name", datastore.name()},
         {"epoch", datastore.epoch()},
         {"sweep_token", datastore.sweep_token()},
         {"snapshot_count", datastore.snapshot_count()},
         {"logical_bytes", datastore.logical_bytes()},
         {"stored_bytes", datastore.stored_bytes()},
         {"record_count", datastore.record_count()},
         {"damaged_record_count", datastore.damaged_record_count()},
         {"pack_count", datastore.pack_count()},
         {"free_bytes", datastore.free_bytes()},
         {"open_sessions", datastore.open_sessions()},
         {"live_leases", datastore.live_leases()},
         {"trash_count", datastore.trash_count()},
         {"trash_bytes", datastore.trash_bytes()}});
  }
  return {{"server_version", status.server_version()},
          {"services", std::move(services)},
          {"datastores", std::move(datastores)}};
}

Json ToJson(const ingest::v1::WriteStatistics& statistics) {
  return {{"chunk_count", statistics.chunk_count()},
          {"new_chunk_count", statistics.new_chunk_count()},
          {"plain_bytes", statistics.plain_bytes()},
          {"new_plain_bytes", statistics.new_plain_bytes()},
          {"stored_bytes", statistics.stored_bytes()},
          {"hole_bytes", statistics.hole_bytes()},
          {"reused_bytes", statistics.reused_bytes()}};
}

std::string Print(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace cairn::client
