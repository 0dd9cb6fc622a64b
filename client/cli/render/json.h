#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "cairn/ingest/v1/backup_service.pb.h"
#include "cairn/ingest/v1/catalog_service.pb.h"
#include "cairn/model/v1/model.pb.h"
#include "google/protobuf/timestamp.pb.h"

namespace cairn::client {

// Keeps the order in which members are added.
using Json = nlohmann::ordered_json;

// Names are as in the protocol, times RFC 3339 in UTC or null, sizes bytes,
// durations seconds. What a server sent that is not UTF-8 is replaced when
// the document is printed.
Json ToJson(const model::v1::Datastore& datastore);
Json ToJson(const model::v1::Namespace& name_space);
Json ToJson(const model::v1::Group& group);
Json ToJson(const model::v1::Archive& archive);
Json ToJson(const model::v1::Snapshot& snapshot);
Json ToJson(const model::v1::Lease& lease);
Json ToJson(const ingest::v1::GetStatusResponse& status);
Json ToJson(const ingest::v1::WriteStatistics& statistics);

// One document, indented, with a line feed.
std::string Print(const Json& json);

// RFC 3339 in UTC, or null.
Json TimeOrNull(bool is_set, const google::protobuf::Timestamp& time);

// The text, or null if it is empty.
Json TextOrNull(const std::string& text);

// The name of an enum's value, such as "SNAPSHOT_STATE_LISTED", without its
// prefix, in lower case; "unknown" if there is nothing behind the prefix.
std::string WithoutPrefix(const std::string& name, std::string_view prefix);

// Words for people and programs: "stream", "listed", "ok", "exclusive", ...
std::string KindName(model::v1::ArchiveKind kind);
std::string StateName(model::v1::SnapshotState state);
std::string VerifyName(model::v1::VerifyState state);
std::string ModeName(model::v1::LeaseMode mode);
std::string PurposeName(model::v1::LeasePurpose purpose);

}  // namespace cairn::client
