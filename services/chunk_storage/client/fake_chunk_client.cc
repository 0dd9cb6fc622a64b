#include "services/chunk_storage/client/fake_chunk_client.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/concurrency/cancellation.h"
#include "common/digest/sha256.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"
#include "services/chunk_storage/domain/record_proof.h"

namespace cairn {
namespace {

absl::Status DataLoss(const RecordKey& key, const char* reason_code) {
  return WithReason(
      absl::DataLossError(absl::StrCat(key.ToString(), " is not to be had")),
      reason_code, {{"record", key.ToString()}});
}

absl::Status Full() {
  return WithReason(absl::ResourceExhaustedError("the fake store is full"),
                    reason::kStorageFull);
}

}  // namespace

class FakeChunkClient::Stream final : public RecordStream {
 public:
  Stream(FakeChunkClient* client, const DatastoreRef& datastore,
         std::vector<RecordKey> keys)
      : client_(client), datastore_(datastore), keys_(std::move(keys)) {}

  absl::StatusOr<std::optional<Record>> Next() override {
    RETURN_IF_ERROR(error_);
    if (next_ == keys_.size()) return std::nullopt;
    absl::StatusOr<Record> record = client_->Read(datastore_, keys_[next_++]);
    error_ = record.status();
    RETURN_IF_ERROR(error_);
    return std::optional<Record>(*std::move(record));
  }

 private:
  FakeChunkClient* const client_;
  const DatastoreRef datastore_;
  const std::vector<RecordKey> keys_;
  size_t next_ = 0;
  absl::Status error_;
};

void FakeChunkClient::Restart() {
  absl::MutexLock lock(&mutex_);
  ++incarnation_;
  for (auto& [uuid, datastore] : datastores_) {
    datastore.floor = 0;
    for (auto& [key, stored] : datastore.records) {
      stored.touch = 0;
      stored.durable = true;  // as recovery leaves it
    }
  }
}

void FakeChunkClient::PowerCut() {
  {
    absl::MutexLock lock(&mutex_);
    for (auto& [uuid, datastore] : datastores_) {
      std::erase_if(datastore.records,
                    [](const auto& entry) { return !entry.second.durable; });
    }
  }
  Restart();
}

void FakeChunkClient::FailWith(absl::Status error) {
  absl::MutexLock lock(&mutex_);
  failure_ = std::move(error);
}

void FakeChunkClient::SetFull(bool full) {
  absl::MutexLock lock(&mutex_);
  full_ = full;
}

void FakeChunkClient::Damage(const DatastoreRef& datastore,
                             const RecordKey& key) {
  absl::MutexLock lock(&mutex_);
  const auto known = datastores_.find(datastore.uuid);
  if (known == datastores_.end()) return;
  const auto it = known->second.records.find(key);
  if (it != known->second.records.end()) it->second.record.payload += "x";
}

std::optional<uint64_t> FakeChunkClient::TouchOf(const DatastoreRef& datastore,
                                                 const RecordKey& key) const {
  absl::MutexLock lock(&mutex_);
  const auto known = datastores_.find(datastore.uuid);
  if (known == datastores_.end()) return std::nullopt;
  const auto it = known->second.records.find(key);
  if (it == known->second.records.end() || it->second.bad) return std::nullopt;
  return std::max(it->second.touch, known->second.floor);
}

std::vector<Record> FakeChunkClient::Records(
    const DatastoreRef& datastore) const {
  absl::MutexLock lock(&mutex_);
  std::vector<Record> records;
  const auto known = datastores_.find(datastore.uuid);
  if (known == datastores_.end()) return records;
  for (const auto& [key, stored] : known->second.records) {
    records.push_back(stored.record);
  }
  return records;
}

uint64_t FakeChunkClient::sync_count() const {
  absl::MutexLock lock(&mutex_);
  return syncs_;
}

absl::StatusOr<FakeChunkClient::Datastore*> FakeChunkClient::Find(
    const Call& call, const DatastoreRef& datastore) {
  RETURN_IF_ERROR(failure_);
  if (call.cancellation != nullptr) {
    RETURN_IF_ERROR(call.cancellation->Check());
  }
  const auto it = datastores_.find(datastore.uuid);
  if (it == datastores_.end()) {
    return WithReason(absl::FailedPreconditionError("datastore is not known"),
                      reason::kDatastoreUnknown);
  }
  if (it->second.generation != datastore.generation) {
    return WithReason(absl::FailedPreconditionError(absl::StrCat(
                          "datastore has generation ", it->second.generation,
                          ", not ", datastore.generation)),
                      reason::kGenerationMismatch);
  }
  return &it->second;
}

absl::StatusOr<FakeChunkClient::Datastore*> FakeChunkClient::FindForSession(
    const Call& call, const SessionRef& session) {
  if (session.session.is_zero() || session.epoch == 0) {
    return absl::InvalidArgumentError("session needs an id and an epoch");
  }
  return Find(call, session.datastore);
}

StoreState FakeChunkClient::StateOf(const Datastore& datastore) const {
  StoreState state = {.incarnation = incarnation_,
                      .token = datastore.token,
                      .floor = datastore.floor};
  for (const auto& [key, stored] : datastore.records) {
    if (stored.durable) {
      state.sequence = std::max(state.sequence, stored.record.sequence);
    }
  }
  return state;
}

absl::StatusOr<StoreState> FakeChunkClient::EnsureDatastore(
    const Call& call, const DatastoreRef& datastore) {
  absl::MutexLock lock(&mutex_);
  if (datastore.uuid.is_zero() || datastore.generation == 0) {
    return absl::InvalidArgumentError("datastore needs an id and generation");
  }
  RETURN_IF_ERROR(failure_);
  uint64_t& generation = datastores_[datastore.uuid].generation;
  generation = std::max(generation, datastore.generation);
  ASSIGN_OR_RETURN(const Datastore* known, Find(call, datastore));
  return StateOf(*known);
}

absl::StatusOr<PinReply> FakeChunkClient::Pin(const Call& call,
                                              const SessionRef& session,
                                              std::span<const RecordKey> keys) {
  absl::MutexLock lock(&mutex_);
  ASSIGN_OR_RETURN(Datastore * datastore, FindForSession(call, session));
  RETURN_IF_ERROR(chunk_storage::CheckKeys(keys));
  PinReply reply = {.incarnation = incarnation_};
  for (const RecordKey& key : keys) {
    const auto it = datastore->records.find(key);
    const bool present = it != datastore->records.end() && !it->second.bad;
    if (present) it->second.touch = std::max(it->second.touch, session.epoch);
    reply.present.push_back(present);
  }
  return reply;
}

absl::StatusOr<PutReply> FakeChunkClient::Put(const Call& call,
                                              const SessionRef& session,
                                              std::vector<Record> records) {
  absl::MutexLock lock(&mutex_);
  ASSIGN_OR_RETURN(Datastore * datastore, FindForSession(call, session));
  RETURN_IF_ERROR(chunk_storage::CheckPut(records));
  RETURN_IF_ERROR(chunk_storage::ProveRecords(records));
  if (full_) return Full();
  PutReply reply = {.incarnation = incarnation_};
  for (Record& record : records) {
    Stored& stored = datastore->records[record.key];
    const bool is_new = stored.touch == 0 && !stored.durable;
    stored.touch = std::max(stored.touch, session.epoch);
    if (!is_new && !stored.bad) {
      ++reply.duplicate_records;
      continue;
    }
    ++reply.new_records;
    reply.new_stored_bytes += record.payload.size();
    stored.record = std::move(record);
    stored.durable = false;
    stored.bad = false;
  }
  return reply;
}

absl::Status FakeChunkClient::Sync(const Call& call, const SessionRef& session,
                                   uint64_t incarnation) {
  absl::MutexLock lock(&mutex_);
  ASSIGN_OR_RETURN(Datastore * datastore, FindForSession(call, session));
  if (incarnation != incarnation_) {
    return WithReason(absl::FailedPreconditionError(
                          absl::StrCat("the fake store has incarnation ",
                                       incarnation_, ", not ", incarnation)),
                      reason::kIncarnationChanged);
  }
  ++syncs_;
  for (auto& [key, stored] : datastore->records) stored.durable = true;
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> FakeChunkClient::Append(const Call& call,
                                                 const DatastoreRef& ref,
                                                 std::vector<Record> records) {
  absl::MutexLock lock(&mutex_);
  ASSIGN_OR_RETURN(Datastore * datastore, Find(call, ref));
  RETURN_IF_ERROR(chunk_storage::CheckAppend(records));
  RETURN_IF_ERROR(chunk_storage::ProveRecords(records));
  if (full_) return Full();
  for (Record& record : records) {
    Stored& stored = datastore->records[record.key];
    const bool replace = !stored.durable || stored.bad;
    if (replace) stored = {.record = std::move(record), .durable = true};
  }
  return StateOf(*datastore).sequence;
}

absl::StatusOr<std::unique_ptr<RecordStream>> FakeChunkClient::Get(
    const Call& call, const DatastoreRef& datastore,
    std::vector<RecordKey> keys) {
  absl::MutexLock lock(&mutex_);
  RETURN_IF_ERROR(Find(call, datastore).status());
  RETURN_IF_ERROR(chunk_storage::CheckKeys(keys));
  return std::make_unique<Stream>(this, datastore, std::move(keys));
}

absl::StatusOr<Record> FakeChunkClient::Read(const DatastoreRef& ref,
                                             const RecordKey& key) {
  absl::MutexLock lock(&mutex_);
  ASSIGN_OR_RETURN(Datastore * datastore, Find(Call(), ref));
  const auto it = datastore->records.find(key);
  if (it == datastore->records.end()) {
    return DataLoss(key, reason::kRecordMissing);
  }
  Stored& stored = it->second;
  if (Sha256(stored.record.payload) != stored.record.payload_digest &&
      !stored.bad) {
    ++datastore->loss_mark;
    stored.bad = true;
  }
  if (stored.bad) return DataLoss(key, reason::kRecordDamaged);
  return stored.record;
}

absl::StatusOr<StoreState> FakeChunkClient::ShowToken(
    const Call& call, const DatastoreRef& ref, const SweepNumbers& numbers) {
  absl::MutexLock lock(&mutex_);
  ASSIGN_OR_RETURN(Datastore * datastore, Find(call, ref));
  const uint64_t sequence = StateOf(*datastore).sequence;
  if (numbers.sequence < sequence) {
    return WithReason(
        absl::FailedPreconditionError(absl::StrCat(
            "sequence ", numbers.sequence, " is below ", sequence)),
        reason::kIndexBehind);
  }
  if (numbers.token < datastore->token) {
    return WithReason(
        absl::FailedPreconditionError(absl::StrCat(
            "token ", numbers.token, " is below ", datastore->token)),
        reason::kStaleToken);
  }
  datastore->token = numbers.token;
  datastore->floor = std::max(datastore->floor, numbers.epoch);
  return StateOf(*datastore);
}

absl::StatusOr<StoreStatistics> FakeChunkClient::Statistics(
    const Call& call, const DatastoreRef& ref) {
  absl::MutexLock lock(&mutex_);
  ASSIGN_OR_RETURN(Datastore * datastore, Find(call, ref));
  const StoreState state = StateOf(*datastore);
  StoreStatistics statistics = {.incarnation = incarnation_,
                                .free_bytes = uint64_t{1} << 40,
                                .sequence = state.sequence,
                                .token = state.token,
                                .loss_mark = datastore->loss_mark};
  for (const auto& [key, stored] : datastore->records) {
    ++statistics.record_count;
    statistics.record_bytes += stored.record.payload.size();
    if (stored.bad) ++statistics.damaged_count;
  }
  return statistics;
}

}  // namespace cairn
