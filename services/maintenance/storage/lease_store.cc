#include "services/maintenance/storage/lease_store.h"

#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "cairn/record/v1/record.pb.h"
#include "common/model/names.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"
#include "services/maintenance/domain/lease_rules.h"
#include "services/maintenance/storage/row_key.h"

namespace cairn::maintenance {
namespace {

constexpr KvTable kLeases = 0;
constexpr KvTable kEpochs = 1;
constexpr size_t kIdBytes = 16;

std::string LeaseKey(std::string_view datastore, const Uuid& id) {
  return DatastoreKey(datastore, id.view());
}

record::v1::LeaseRow ToRow(const Lease& lease, LeasePhase phase) {
  record::v1::LeaseRow row;
  row.set_format_version(kRowFormatVersion);
  row.set_datastore(lease.datastore);
  for (const LeaseClaim& claim : lease.claims) {
    record::v1::LeaseRow::Claim* added = row.add_claims();
    added->set_resource(claim.resource);
    added->set_mode(static_cast<uint32_t>(claim.mode));
  }
  row.set_holder(lease.holder);
  row.set_purpose(static_cast<uint32_t>(lease.purpose));
  row.set_start_epoch(lease.start_epoch);
  row.set_start_time_nanos(absl::ToUnixNanos(lease.start_time));
  row.set_ttl_nanos(absl::ToInt64Nanoseconds(lease.ttl));
  row.set_expired(phase == LeasePhase::kExpired);
  row.set_pending(phase == LeasePhase::kPending);
  return row;
}

absl::StatusOr<LeaseEntry> LeaseFromRow(std::string_view key,
                                        std::string_view value) {
  record::v1::LeaseRow row;
  if (!row.ParseFromArray(value.data(), static_cast<int>(value.size()))) {
    return BadRow("leases", key, "is not a lease");
  }
  RETURN_IF_ERROR(CheckRowVersion("leases", key, row.format_version()));
  const std::optional<DatastoreKeyParts> parts = SplitDatastoreKey(key);
  if (!parts.has_value() || parts->rest.size() != kIdBytes ||
      parts->datastore != row.datastore()) {
    return BadRow("leases", key,
                  absl::StrCat("is not the key of a lease of datastore ",
                               absl::CHexEscape(row.datastore())));
  }
  LeaseEntry entry;
  Lease& lease = entry.lease;
  ASSIGN_OR_RETURN(lease.id, Uuid::FromBytes(parts->rest));
  lease.datastore = row.datastore();
  for (const record::v1::LeaseRow::Claim& claim : row.claims()) {
    // Out of range stays out of range in one byte.
    const uint32_t mode = claim.mode() > 0xFF ? 0 : claim.mode();
    lease.claims.push_back({claim.resource(), static_cast<LeaseMode>(mode)});
  }
  lease.holder = row.holder();
  const uint32_t purpose = row.purpose() > 0xFF ? 0 : row.purpose();
  lease.purpose = static_cast<LeasePurpose>(purpose);
  lease.start_epoch = row.start_epoch();
  lease.start_time = absl::FromUnixNanos(row.start_time_nanos());
  lease.ttl = absl::Nanoseconds(row.ttl_nanos());
  entry.phase = row.expired()   ? LeasePhase::kExpired
                : row.pending() ? LeasePhase::kPending
                                : LeasePhase::kLive;
  if (const absl::Status valid = ValidateLease(lease); !valid.ok()) {
    return BadRow("leases", key, valid.message());
  }
  return entry;
}

absl::StatusOr<EpochNumbers> NumbersFromRow(std::string_view key,
                                            std::string_view value) {
  record::v1::EpochRow row;
  if (!row.ParseFromArray(value.data(), static_cast<int>(value.size()))) {
    return BadRow("epochs", key, "is not an epoch");
  }
  RETURN_IF_ERROR(CheckRowVersion("epochs", key, row.format_version()));
  if (const absl::Status valid = ValidateDatastoreId(key); !valid.ok()) {
    return BadRow("epochs", key, valid.message());
  }
  EpochNumbers numbers;
  const auto uuid = Uuid::FromBytes(row.datastore_uuid());
  if (!uuid.ok()) return BadRow("epochs", key, uuid.status().message());
  if (row.epoch() == 0 || row.token() == 0 || row.cut() > row.epoch() ||
      row.expired_epoch() > row.epoch()) {
    return BadRow(
        "epochs", key,
        absl::StrCat("epoch ", row.epoch(), ", token ", row.token(), ", cut ",
                     row.cut(), " and expired epoch ", row.expired_epoch(),
                     " do not go together; epoch and token are 1 or "
                     "more, the others at most the epoch"));
  }
  numbers.datastore = {*uuid, row.generation()};
  numbers.epoch = row.epoch();
  numbers.token = row.token();
  numbers.cut = row.cut();
  numbers.expired_epoch = row.expired_epoch();
  return numbers;
}

}  // namespace

void LeaseBatch::PutLease(const Lease& lease, LeasePhase phase) {
  batch_.Put(kLeases, LeaseKey(lease.datastore, lease.id),
             ToRow(lease, phase).SerializeAsString());
}

void LeaseBatch::RemoveLease(std::string_view datastore, const Uuid& id) {
  batch_.Remove(kLeases, LeaseKey(datastore, id));
}

void LeaseBatch::PutNumbers(std::string_view datastore,
                            const EpochNumbers& numbers) {
  record::v1::EpochRow row;
  row.set_format_version(kRowFormatVersion);
  row.set_epoch(numbers.epoch);
  row.set_token(numbers.token);
  row.set_cut(numbers.cut);
  row.set_datastore_uuid(std::string(numbers.datastore.uuid.view()));
  row.set_generation(numbers.datastore.generation);
  row.set_expired_epoch(numbers.expired_epoch);
  batch_.Put(kEpochs, std::string(datastore), row.SerializeAsString());
}

std::vector<std::string> LeaseStore::TableNames() {
  return {"leases", "epochs"};
}

absl::StatusOr<std::map<std::string, StoredDatastore>> LeaseStore::Load()
    const {
  std::map<std::string, StoredDatastore> stored;
  const std::unique_ptr<KvView> view = kv_->NewView();
  const std::unique_ptr<KvCursor> epochs = view->Scan(kEpochs, "", "");
  for (; epochs->Valid(); epochs->Next()) {
    ASSIGN_OR_RETURN(stored[std::string(epochs->key())].numbers,
                     NumbersFromRow(epochs->key(), epochs->value()));
  }
  RETURN_IF_ERROR(epochs->status());
  const std::unique_ptr<KvCursor> leases = view->Scan(kLeases, "", "");
  for (; leases->Valid(); leases->Next()) {
    ASSIGN_OR_RETURN(LeaseEntry entry,
                     LeaseFromRow(leases->key(), leases->value()));
    const std::string datastore = entry.lease.datastore;
    stored[datastore].leases.push_back(std::move(entry));
  }
  RETURN_IF_ERROR(leases->status());
  return stored;
}

absl::Status LeaseStore::Commit(const LeaseBatch& batch) {
  return kv_->Commit(batch.batch_, Durability::kSynced);
}

}  // namespace cairn::maintenance
