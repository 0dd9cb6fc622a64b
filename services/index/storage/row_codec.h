#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/model/datastore.h"
#include "common/model/names.h"
#include "common/model/session.h"
#include "services/index/domain/rows.h"

// The values of index's tables: cairn.record.v1 messages. Decoding takes any
// bytes: DataLoss says what is wrong with them (garbage, a format version
// that this release does not know, a field out of bounds).
namespace cairn::index {

// The name is the key.
std::string EncodeDatastore(const Datastore& datastore);
absl::StatusOr<Datastore> DecodeDatastore(std::string_view name,
                                          std::string_view bytes);

std::string EncodeNamespace(const NamespaceRow& row);
absl::StatusOr<NamespaceRow> DecodeNamespace(std::string_view bytes);

std::string EncodeGroup(const GroupRow& row);
absl::StatusOr<GroupRow> DecodeGroup(std::string_view bytes);

std::string EncodeSnapshot(const SnapshotRow& row);
absl::StatusOr<SnapshotRow> DecodeSnapshot(std::string_view bytes);

std::string EncodeSession(const SessionRow& row);
absl::StatusOr<SessionRow> DecodeSession(std::string_view bytes);

// The archive's name is in the key.
std::string EncodeCheckpoint(const ArchiveCheckpoint& row);
absl::StatusOr<ArchiveCheckpoint> DecodeCheckpoint(std::string_view archive,
                                                   std::string_view bytes);

std::string EncodeState(const IndexState& state);
absl::StatusOr<IndexState> DecodeState(std::string_view bytes);

}  // namespace cairn::index
